//! What administrators of the space may do: OPER, bans from the server, WALLOPS, announcements, STATS; and that each is
//! written down.

use super::*;

fn has(lines: &[String], part: &str) -> bool {
    lines.iter().any(|line| line.contains(part))
}

#[test]
fn administrators_become_operators_without_a_password_and_nobody_else() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "draft/oper-tag");
    let other = world.join_as("admin", true, "");
    let bob = world.join_as("bob", true, "draft/oper-tag");
    let eve = world.join_as("eve", false, "");
    for (who, line) in [
        (bob, "OPER"),
        (bob, "OPER bob pw-bob"),
        (bob, "OPER admin pw-admin"),
        (eve, "OPER admin pw-admin"),
        (admin, "OPER bob x"),
    ] {
        let told = world.ask(who, line);
        assert!(
            told.len() == 1 && told[0].contains(" 491 "),
            "{line}: {told:?}"
        );
    }
    assert!(world.ask(bob, "MODE bob +o").is_empty());
    world.clear();
    let told = world.ask(admin, "OPER admin anything");
    assert!(told[0].contains(" 381 admin "), "{told:?}");
    assert!(told[1].ends_with("MODE admin +o"), "{told:?}");
    assert!(has(&world.take(other), "MODE admin +o"));
    assert_eq!(world.audit, ["admin is an operator now (OPER)"]);
    assert!(world.ask(admin, "MODE admin")[0].ends_with(" 221 admin +o"));
    // Each line of an operator says so to those who understand it.
    world.say(admin, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.clear();
    world.say(admin, "PRIVMSG #tea :hello");
    let told = world.take(bob);
    assert!(told[0].starts_with("@draft/oper=admin :admin!"), "{told:?}");
    world.say(bob, "PRIVMSG #tea :hello");
    assert!(world.take(admin)[0].starts_with(":bob!"));
    // Operators are told what the others do; who no longer wants to be one is not.
    world.say(admin, "KILL eve :spam");
    assert!(has(
        &world.take(other),
        "NOTICE admin :*** admin ended the connections of eve: spam"
    ));
    world.say(admin, "MODE admin -o");
    world.clear();
    world.say(admin, "PRIVMSG #tea :hello");
    assert!(world.take(bob)[0].starts_with(":admin!"));
}

#[test]
fn an_account_that_is_banned_is_disconnected_and_stays_out_until_then() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "standard-replies");
    let bob = world.join_as("bob", true, "");
    let bob_too = world.join_as("bob", true, "");
    let carol = world.join_as("carol", true, "");
    assert!(world.ask(carol, "KLINE bob :mine")[0].contains(" 481 "));
    world.clear();
    let told = world.ask(admin, "KLINE 1h bob :spam");
    let until = "2027-01-15T09:00:00";
    assert!(
        told[0].contains(&format!("$a:bob is banned until {until}")),
        "{told:?}"
    );
    let told = world.take(bob);
    assert!(
        told[0].contains(" 465 bob :You are banned from this server until "),
        "{told:?}"
    );
    assert!(told[1].starts_with("ERROR :You are banned"), "{told:?}");
    assert!(world.closed.contains(&bob) && world.closed.contains(&bob_too));
    assert!(!world.closed.contains(&carol));
    let list = world.ask(admin, "STATS k");
    assert!(
        has(&list, " 216 admin K $a:bob 2027-01-15T09:00:00"),
        "{list:?}"
    );
    assert!(
        has(&list, " admin spam") || has(&list, " admin :spam"),
        "{list:?}"
    );
    assert!(world.ask(carol, "STATS k")[0].contains(" 481 "));
    assert!(
        world.audit[0].starts_with("admin banned $a:bob until "),
        "{:?}",
        world.audit
    );
    // It lasts, under whatever nickname, and also for a guest who signs in to it later.
    let mut world = world.restarted(config());
    let again = world.connect_from("127.0.0.1");
    world.say(again, "PASS bob:pw-bob");
    world.say(again, "NICK robert");
    world.say(again, "USER r 0 * :r");
    assert!(has(&world.take(again), " 465 robert :"));
    assert!(world.closed.contains(&again));
    let guest = world.join_as("visitor", false, "sasl");
    world.say(guest, "AUTHENTICATE PLAIN");
    // bob NUL bob NUL pw-bob, without authorization identity.
    world.say(guest, "AUTHENTICATE AGJvYgBwdy1ib2I=");
    assert!(has(&world.take(guest), " 465 "));
    assert!(world.closed.contains(&guest));
    // Its time ends.
    world.wait(3_600_000);
    world.join_as("bob", true, "");
}

#[test]
fn masks_and_addresses_are_banned_but_no_administrator() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "standard-replies");
    let guest = world.connect_from("192.0.2.7");
    world.say(guest, "NICK visitor");
    world.say(guest, "USER visitor 0 * :v");
    for (line, answer) in [
        ("KLINE *!*@*", "FAIL KLINE INVALID_MASK *!*@* "),
        ("KLINE $a", "FAIL KLINE INVALID_MASK $a "),
        ("KLINE admin :x", "FAIL KLINE INVALID_MASK $a:admin "),
        ("KLINE $x:y", "FAIL KLINE INVALID_MASK $x:y "),
        ("DLINE 127.0.0.0/8", "FAIL DLINE INVALID_MASK 127.0.0.0/8 "),
        ("DLINE nonsense", "FAIL DLINE INVALID_MASK nonsense "),
        ("DLINE :", "FAIL DLINE INVALID_MASK * "),
        ("UNKLINE bob", "FAIL UNKLINE INVALID_MASK bob "),
        (
            "UNDLINE 192.0.2.0/24",
            "FAIL UNDLINE INVALID_MASK 192.0.2.0/24 ",
        ),
    ] {
        let told = world.ask(admin, line);
        assert!(told.len() == 1 && has(&told, answer), "{line}: {told:?}");
    }
    world.say(admin, "DLINE 192.0.2.0/24 :noise");
    assert!(world.closed.contains(&guest));
    let again = world.connect_from("192.0.2.9");
    assert_eq!(
        world.take(again),
        ["ERROR :You are banned from this server: noise"]
    );
    let list = world.ask(admin, "STATS k");
    assert!(
        has(&list, " 225 admin D 192.0.2.0/24 * admin noise"),
        "{list:?}"
    );
    world.say(admin, "UNDLINE 192.0.2.0/24");
    let again = world.connect_from("192.0.2.9");
    assert!(!world.closed.contains(&again));
    world.say(admin, "KLINE *!*@guest/192.0.2.*");
    world.say(again, "NICK visitor");
    world.say(again, "USER visitor 0 * :v");
    assert!(world.closed.contains(&again));
    world.say(admin, "UNKLINE *!*@guest/192.0.2.*");
    let mut world = world.restarted(config());
    let again = world.connect_from("192.0.2.9");
    world.say(again, "NICK visitor");
    world.say(again, "USER visitor 0 * :v");
    assert!(has(&world.take(again), " 001 "));
}

#[test]
fn a_ban_that_is_not_on_disk_is_in_effect_and_written_later() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "");
    world.disk_works = false;
    world.say(admin, "KLINE bob :spam");
    world.settle(false);
    let told = world.take(admin);
    assert!(has(&told, "would be forgotten after a restart"), "{told:?}");
    world.disk_works = true;
    world.wait(6_000);
    let mut world = world.restarted(config());
    let bob = world.connect_from("127.0.0.1");
    world.say(bob, "PASS bob:pw-bob");
    world.say(bob, "NICK bob");
    world.say(bob, "USER bob 0 * :b");
    assert!(world.closed.contains(&bob));
}

#[test]
fn bans_from_the_server_have_an_end() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "standard-replies");
    for number in 0..1_000 {
        world.say(admin, &format!("KLINE account{number}"));
    }
    assert!(world.ask(admin, "KLINE onemore")[0].contains("FAIL KLINE LIMIT_REACHED $a:onemore "));
    // One that exists is replaced.
    assert!(has(
        &world.ask(admin, "KLINE 5 account7 :x"),
        "is banned until"
    ));
    world.wait(5 * 60_000);
    assert!(has(
        &world.ask(admin, "KLINE onemore"),
        "is banned for ever"
    ));
}

#[test]
fn announcements_reach_those_they_are_for() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "echo-message");
    let bob = world.join_as("bob", true, "");
    let eve = world.join_as("eve", false, "");
    assert!(world.ask(eve, "MODE eve +w")[0].ends_with("MODE eve +w"));
    assert!(world.ask(bob, "WALLOPS :hello")[0].contains(" 481 "));
    for everybody in ["NOTICE $* :hello", "PRIVMSG $$* :hello"] {
        assert!(world.ask(bob, everybody)[0].contains(" 481 "));
    }
    world.clear();
    world.say(admin, "WALLOPS :to work");
    assert!(world.take(bob).is_empty());
    assert_eq!(
        world.take(eve),
        [":admin!admin@user/admin WALLOPS :to work"]
    );
    world.say(admin, "NOTICE $*.subspace.* :maintenance at noon");
    for id in [bob, eve, admin] {
        let told = world.take(id);
        let line = ":admin!admin@user/admin NOTICE $*.subspace.* :maintenance at noon";
        assert!(has(&told, line), "{told:?}");
    }
    assert!(world.ask(admin, "NOTICE $elsewhere.example :x")[0].contains(" 402 "));
    assert_eq!(world.audit.len(), 2, "{:?}", world.audit);
}

#[test]
fn a_bot_is_shown_as_one() {
    let mut world = World::new(config());
    let bot = world.join_as("robot", true, "");
    let bob = world.join_as("bob", true, "message-tags draft/chathistory batch");
    for id in [bot, bob] {
        world.say(id, "JOIN #tea");
    }
    world.say(bot, "PRIVMSG #tea :before");
    assert!(world.ask(bot, "MODE robot +B")[0].ends_with("MODE robot +B"));
    world.clear();
    world.say(bot, "PRIVMSG #tea :after");
    let told = world.take(bob);
    assert!(told[0].contains(";bot :robot!"), "{told:?}");
    let history = world.ask(bob, "CHATHISTORY LATEST #tea * 5");
    assert!(
        has(&history, ";bot :robot!")
            && history.iter().filter(|l| l.contains(";bot ")).count() == 1
    );
    assert!(has(&world.ask(bob, "WHOIS robot"), " 335 bob robot "));
    assert!(has(&world.ask(bob, "WHO robot"), " robot HB :0 "));
    assert!(has(&world.ask(bob, "VERSION"), " BOT=B "));
}

#[test]
fn a_ban_by_nickname_holds_when_somebody_takes_that_nickname() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "");
    let eve = world.join_as("eve", false, "");
    world.say(admin, "KLINE spam*!*@* :enough");
    let told = world.ask(eve, "NICK spammer");
    assert!(
        told.len() == 1 && told[0].contains(" 432 eve spammer ") && told[0].ends_with("enough"),
        "{told:?}"
    );
    // Nor does it help to be given one.
    world.say(admin, "KLINE guest*!*@*");
    world.say(eve, "NICK carol");
    world.join_as("carol", true, "");
    assert!(has(&world.take(eve), " 465 ") && world.closed.contains(&eve));
}

#[test]
fn a_ban_of_addresses_is_found_however_it_is_written() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "");
    for (set, removed) in [
        ("2001:DB8::/32", "2001:DB8::/32"),
        ("2001:db8::/32", "2001:DB8:0::7/32"),
        ("10.1.2.3/8", "10.1.2.3/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("192.0.2.7/32", "192.0.2.7"),
    ] {
        world.say(admin, &format!("DLINE {set}"));
        let told = world.ask(admin, &format!("UNDLINE {removed}"));
        assert!(
            has(&told, "is no longer banned"),
            "{set} {removed}: {told:?}"
        );
    }
}
