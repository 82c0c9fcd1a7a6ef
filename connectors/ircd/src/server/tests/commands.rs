//! The replies of single commands: all of the table, USER, HELP, LUSERS, WHO, KICK, KILL, MONITOR, CHATHISTORY
//! TARGETS, messages to oneself.

use super::*;

fn has(lines: &[String], part: &str) -> bool {
    lines.iter().any(|line| line.contains(part))
}

#[test]
fn a_bad_user_line_is_answered_at_once() {
    let mut world = World::new(config());
    let id = world.connect_from("127.0.0.1");
    world.say(id, "NICK alice");
    assert!(world.ask(id, "USER alice 0 *")[0].contains(" 461 alice USER "));
    assert!(world.ask(id, "USER !! 0 * :x")[0].contains(" 468 alice "));
    assert!(world.ask(id, "USER :")[0].contains(" 461 "));
    assert!(world.ask(id, "user al\0ice 0 * :x")[0].contains(" 468 "));
    assert!(world.ask(id, "WHO\0")[0].contains(" 421 "));
    // A real name in Latin-1 does not keep an old client out.
    let line = b"USER alice 0 * :J\xfcrgen";
    world.server.handle_line(id, line, world.now);
    world.drain();
    assert!(has(&world.take(id), " 001 alice "));
    assert!(has(&world.ask(id, "WHOIS alice"), " * Jürgen"));
}

#[test]
fn what_is_asked_of_a_command_follows_from_the_table() {
    let mut world = World::new(config());
    let stranger = world.connect_from("127.0.0.1");
    for (line, answer) in [
        ("JOIN #a", " 451 * "),
        ("JOIN", " 451 * "),
        ("HELP", " 451 * "),
        ("NONSENSE", " 451 * "),
        ("AWAY :lunch", " 451 * "),
        ("PASS", " 461 * PASS "),
        ("PING", " 461 * PING "),
        ("AUTHENTICATE", " 461 * AUTHENTICATE "),
        ("USER alice 0 *", " 461 * USER "),
    ] {
        let lines = world.ask(stranger, line);
        assert!(
            lines.len() == 1 && has(&lines, answer),
            "{line}: {lines:#?}"
        );
    }
    let alice = world.join_as("alice", false, "");
    for (line, answer) in [
        ("JOIN", " 461 alice JOIN "),
        ("KICK #a", " 461 alice KICK "),
        ("ISON", " 461 alice ISON "),
        ("MONITOR", " 461 alice MONITOR "),
        ("PASS", " 461 alice PASS "),
        ("PASS x", " 462 alice "),
        ("USER a 0 * :b", " 462 alice "),
        ("NONSENSE", " 421 alice NONSENSE "),
        ("OPER alice x", " 491 alice "),
    ] {
        let lines = world.ask(alice, line);
        assert!(
            lines.len() == 1 && has(&lines, answer),
            "{line}: {lines:#?}"
        );
    }
}

#[test]
fn help_is_what_the_table_says() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "");
    let lines = world.ask(alice, "HELP");
    assert!(lines[0].contains(" 704 alice * :"), "{lines:#?}");
    assert!(has(
        &lines[1..2],
        " 705 alice * :ADMIN AMODE AUTHENTICATE AWAY BATCH CAP "
    ));
    assert!(has(&lines, " PRIVMSG ") && !has(&lines, "REHASH"));
    assert!(lines[lines.len() - 1].ends_with(" 706 alice * :End of HELP"));
    let lines = world.ask(alice, "helpop kick");
    let usage = " 704 alice KICK :KICK <channel> <nickname>[,<nickname>…] [<reason>]";
    assert!(lines[0].ends_with(usage), "{lines:#?}");
    assert_eq!(lines.len(), 3);
    let lines = world.ask(alice, "HELP MODE").join("\n");
    for part in ["q (quieted", "e (excepted", "I (may join", "J (who joins"] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    for unknown in ["HELP nothing", "HELP rehash"] {
        assert!(world.ask(alice, unknown)[0].contains(" 524 alice "));
    }
}

#[test]
fn lusers_counts_administrators_strangers_and_the_most() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "");
    let bob = world.join_as("bob", false, "");
    world.say(bob, "QUIT");
    world.connect_from("127.0.0.1");
    let lines = world.ask(admin, "LUSERS");
    for part in [
        " 251 admin :There are 1 users and 0 invisible on 1 servers",
        " 252 admin 1 :administrators online",
        " 253 admin 1 :unknown connections",
        " 254 admin 1 :channels formed",
        " 255 admin :I have 2 clients and 0 servers",
        " 265 admin 1 2 :Current local users 1, max 2",
        " 266 admin 1 2 :Current global users 1, max 2",
    ] {
        assert!(has(&lines, part), "{part}: {lines:#?}");
    }
}

#[test]
fn who_shows_the_highest_sign_or_all_with_multi_prefix() {
    let mut world = World::new(config());
    let plain = world.join_as("alice", true, "");
    let full = world.join_as("bob", true, "multi-prefix");
    world.say(plain, "JOIN #tea");
    world.say(full, "JOIN #tea");
    world.say(plain, "MODE #tea +v alice");
    let flags = |lines: &[String]| -> String {
        let server = "irc.subspace.local alice ";
        let line = lines.iter().find(|line| line.contains(server));
        let (_, rest) = line.unwrap().split_once(server).unwrap();
        rest.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(flags(&world.ask(plain, "WHO #tea")), "H~");
    assert_eq!(flags(&world.ask(full, "WHO #tea")), "H~@+");
    assert!(has(
        &world.ask(plain, "WHO #tea %nf"),
        " 354 alice alice H~"
    ));
    assert!(has(&world.ask(full, "WHO #tea %nf"), " 354 bob alice H~@+"));
}

#[test]
fn kick_takes_one_channel_or_as_many_as_nicknames() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let x = world.join_as("x", false, "");
    let y = world.join_as("y", false, "");
    for channel in ["#a", "#b"] {
        for id in [alice, x, y] {
            world.say(id, &format!("JOIN {channel}"));
        }
    }
    world.clear();
    world.say(alice, "KICK #a,#b x,y :enough");
    assert_eq!(
        world.take(x),
        [
            ":alice!alice@user/alice KICK #a x :enough",
            ":alice!alice@user/alice KICK #b y :enough"
        ]
    );
    assert_eq!(world.take(y).len(), 2);
    assert!(world.ask(alice, "KICK #a,#b x")[0].contains(" 461 alice KICK "));
    assert!(world.ask(alice, "KICK #a a,b,c,d,e")[0].contains(" 407 "));
    world.say(alice, "KICK #b x");
    world.say(alice, "KICK #a y,x");
    assert!(world.ask(x, "KICK #a alice,y")[0].contains(" 442 "));
    assert_eq!(world.ask(x, "KICK #a alice,y").len(), 1);
}

#[test]
fn administrators_end_connections_and_nobody_else() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "");
    let bob = world.join_as("bob", true, "");
    let bob_too = world.join_as("bob", true, "");
    let eve = world.join_as("eve", true, "");
    world.say(bob, "JOIN #tea");
    world.say(eve, "JOIN #tea");
    world.clear();
    assert!(world.ask(eve, "KILL bob :mine")[0].contains(" 481 "));
    assert!(world.closed.is_empty());
    assert!(world.ask(admin, "KILL nobody :x")[0].contains(" 401 "));
    world.say(admin, "KILL bob :spam");
    assert!(world.closed.contains(&bob) && world.closed.contains(&bob_too));
    assert_eq!(world.take(bob), ["ERROR :Killed (admin (spam))"]);
    assert!(has(&world.take(eve), " QUIT :Killed (admin (spam))"));
    assert!(has(&world.ask(eve, "WHOIS admin"), " 313 eve admin "));
    assert!(!has(&world.ask(admin, "WHOIS eve"), " 313 "));
}

#[test]
fn extended_monitor_tells_what_becomes_of_people_elsewhere() {
    let mut world = World::new(config());
    let caps = "away-notify setname account-notify";
    let near = world.join_as("near", false, &format!("{caps} extended-monitor"));
    let far = world.join_as("far", false, caps);
    let only = world.join_as("only", false, "extended-monitor");
    let bob = world.join_as("bob", false, "setname sasl");
    for id in [near, far, only] {
        world.say(id, "MONITOR + bob");
    }
    world.clear();
    world.say(bob, "AWAY :tea");
    world.say(bob, "SETNAME :Robert");
    world.say(bob, "AUTHENTICATE PLAIN");
    // bob NUL bob NUL pw-bob, without authorization identity.
    world.say(bob, "AUTHENTICATE AGJvYgBwdy1ib2I=");
    let seen = world.take(near);
    assert!(
        seen.len() == 3
            && seen[0].ends_with(" AWAY :tea")
            && seen[1].ends_with(" SETNAME :Robert")
            && seen[2].ends_with(" ACCOUNT bob"),
        "{seen:?}"
    );
    assert!(world.take(far).is_empty() && world.take(only).is_empty());
    world.say(near, "MONITOR - bob");
    world.say(bob, "AWAY");
    assert!(world.take(near).is_empty());
}

#[test]
fn targets_are_counted_from_the_first_time() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "draft/chathistory batch");
    for other in ["one", "two", "three"] {
        world.join_as(other, false, "");
        world.say(alice, &format!("PRIVMSG {other} :hello"));
    }
    let (past, future) = (
        "timestamp=2000-01-01T00:00:00.000Z",
        "timestamp=2100-01-01T00:00:00.000Z",
    );
    let mut ask = |from: &str, to: &str| -> Vec<String> {
        let lines = world.ask(alice, &format!("CHATHISTORY TARGETS {from} {to} 2"));
        let found = untagged(&lines);
        let found = found.iter().filter_map(|line| line.split_once(" TARGETS "));
        found
            .map(|(_, rest)| rest.split(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ask(past, future), ["one", "two"]);
    assert_eq!(ask(future, past), ["two", "three"]);
}

#[test]
fn a_message_to_oneself_is_echoed_with_the_label_and_received_without() {
    let mut world = World::new(config());
    let caps = "labeled-response batch message-tags";
    let echo = world.join_as("alice", true, &format!("{caps} echo-message"));
    let seen = world.ask(echo, "@label=7 PRIVMSG alice :note");
    let (labelled, other): (Vec<&String>, Vec<_>) =
        seen.iter().partition(|line| line.contains("label=7"));
    assert!(labelled.len() == 1 && other.len() == 1, "{seen:?}");
    assert!(untagged(&seen)[0] == untagged(&seen)[1], "{seen:?}");
    // Without a label, two copies cannot be told apart.
    assert_eq!(world.ask(echo, "PRIVMSG alice :note").len(), 1);
    let bare = world.join_as("bob", true, caps);
    let seen = world.ask(bare, "@label=8 PRIVMSG bob :note");
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(has(&seen, "@label=8 :irc.subspace.local ACK"));
    assert!(
        seen.iter()
            .any(|line| line.contains(" PRIVMSG bob :note") && !line.contains("label"))
    );
    assert_eq!(world.ask(bare, "PRIVMSG bob :note").len(), 1);
}
