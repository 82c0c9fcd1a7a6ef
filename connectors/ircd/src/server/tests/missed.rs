//! What a member missed is shown on return: once, limited, with its time, also after a restart.

use super::*;

/// A member whose user name, which distinguishes their clients, differs from the nickname.
fn member(world: &mut World, pass: &str, nick: &str, user: &str, caps: &str) -> ClientId {
    let id = world.connect_from("127.0.0.1");
    if !caps.is_empty() {
        world.say(id, &format!("CAP REQ :{caps}"));
    }
    world.say(id, &format!("PASS {pass}"));
    world.say(id, &format!("NICK {nick}"));
    world.say(id, &format!("USER {user} 0 * :x"));
    if !caps.is_empty() {
        world.say(id, "CAP END");
    }
    id
}

fn said(lines: &[String]) -> Vec<String> {
    untagged(lines)
        .iter()
        .filter_map(|line| Some(line.split_once(" PRIVMSG ")?.1.to_owned()))
        .collect()
}

/// Alice and Bob are in a channel; Alice's client is gone, and Bob has written both there and to Alice.
fn away() -> World {
    let mut world = World::new(config());
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    let bob = world.join_as("bob", true, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.say(bob, "PRIVMSG #tea :seen");
    world.say(alice, "QUIT");
    world.say(bob, "PRIVMSG #tea :missed");
    let told = world.ask(bob, "PRIVMSG alice :for you");
    assert!(told.iter().all(|line| !line.contains(" 401 ")), "{told:?}");
    assert!(told[0].contains(" 301 bob alice :"), "{told:?}");
    world
}

#[test]
fn a_plain_client_is_shown_what_it_missed_and_only_once() {
    let mut world = away();
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    let welcome = world.take(alice);
    assert_eq!(said(&welcome), ["alice :[08:00] for you"], "{welcome:#?}");
    let joined = world.ask(alice, "JOIN #tea");
    assert_eq!(said(&joined), ["#tea :[08:00] missed"], "{joined:#?}");
    let place = |part: &str| joined.iter().position(|line| line.contains(part));
    assert!(place(" JOIN #tea") < place(" PRIVMSG ") && place(" 366 ") < place(" PRIVMSG "));
    world.say(alice, "PART #tea");
    assert!(said(&world.ask(alice, "JOIN #tea")).is_empty());
    world.say(alice, "QUIT");
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    assert!(said(&world.take(alice)).is_empty());
    assert!(said(&world.ask(alice, "JOIN #tea")).is_empty());
}

#[test]
fn what_a_client_said_itself_is_nothing_it_missed() {
    let mut world = World::new(config());
    for round in 0..3 {
        let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
        let welcome = world.take(alice);
        assert!(said(&welcome).is_empty(), "{round}: {welcome:#?}");
        let joined = world.ask(alice, "JOIN #tea");
        assert!(said(&joined).is_empty(), "{round}: {joined:#?}");
        world.say(alice, "PRIVMSG #tea :my own line");
        world.say(alice, "PRIVMSG bob :my own secret");
        world.say(alice, "QUIT");
    }
    // Another device of the same member has missed them.
    let other = member(&mut world, "alice:pw-alice", "alice", "phone", "");
    world.take(other);
    world.say(other, "QUIT");
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    world.say(alice, "JOIN #tea");
    world.say(alice, "PRIVMSG #tea :one more");
    // The first is still in the channel, and so is this one.
    let other = member(&mut world, "alice:pw-alice", "alice", "phone", "");
    let welcome = world.take(other);
    assert_eq!(said(&welcome), ["#tea :[08:00] one more"], "{welcome:#?}");
}

#[test]
fn with_server_time_the_text_stays_as_it_was_and_the_time_is_a_tag() {
    let mut world = away();
    let caps = "server-time batch message-tags";
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", caps);
    let welcome = world.take(alice);
    assert_eq!(said(&welcome), ["alice :for you"]);
    let line = welcome.iter().find(|line| line.contains(" PRIVMSG "));
    let line = line.unwrap();
    assert!(
        line.starts_with("@batch=")
            && line.contains(";time=2027-01-15T08:00:00.")
            && line.contains(";msgid="),
        "{line}"
    );
    assert!(
        welcome
            .iter()
            .any(|line| line.contains(" BATCH +") && line.ends_with(" chathistory bob"))
    );
    assert_eq!(said(&world.ask(alice, "JOIN #tea")), ["#tea :missed"]);
}

#[test]
fn whoever_asks_for_history_is_not_given_it_twice_and_finds_the_direct_message() {
    let mut world = away();
    let caps = "draft/chathistory batch server-time";
    let alice = member(&mut world, "alice:pw-alice", "alice", "web", caps);
    assert!(said(&world.take(alice)).is_empty());
    assert!(said(&world.ask(alice, "JOIN #tea")).is_empty());
    let direct = world.ask(alice, "CHATHISTORY LATEST bob * 10");
    assert_eq!(said(&direct), ["alice :for you"]);
    // Nor does it count as a client that was shown anything.
    world.say(alice, "QUIT");
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    assert_eq!(said(&world.take(alice)).len(), 1);
}

#[test]
fn it_survives_a_restart_and_a_crash() {
    for crash in [false, true] {
        let mut world = World::new(config());
        let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
        let bob = world.join_as("bob", true, "");
        world.say(alice, "JOIN #tea");
        world.say(bob, "JOIN #tea");
        world.say(bob, "PRIVMSG #tea :seen and proved");
        world.wait(121_000);
        world.say(bob, "PONG x");
        world.say(alice, "PONG irc.subspace.local");
        world.say(bob, "PRIVMSG #tea :seen");
        let mut world = if crash {
            world.restarted(config())
        } else {
            world.server.handle_shutdown("stop", world.now);
            let state = world.server.state();
            world.restarted_with(config(), state)
        };
        let bob = world.join_as("bob", true, "");
        world.say(bob, "JOIN #tea");
        world.say(bob, "PRIVMSG #tea :missed");
        let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
        let joined = said(&world.ask(alice, "JOIN #tea"));
        // After a crash it is unknown whether the client had read the last line: better twice than never.
        let wanted: &[&str] = if crash {
            &["#tea :[08:02] seen", "#tea :[08:02] missed"]
        } else {
            &["#tea :[08:02] missed"]
        };
        assert_eq!(joined, wanted, "crash: {crash}");
    }
}

#[test]
fn a_connection_that_dies_has_read_what_it_proved() {
    let mut world = World::new(config());
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    let bob = world.join_as("bob", true, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.say(bob, "PRIVMSG #tea :into the void");
    // Whatever the reason says.
    let lost = Departure::Lost("Quit responding: 180 seconds".to_owned());
    world.server.handle_closed(alice, &lost, world.now);
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    assert_eq!(said(&world.ask(alice, "JOIN #tea")).len(), 1);
    world
        .server
        .handle_closed(alice, &Departure::Closed, world.now);
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    assert!(said(&world.ask(alice, "JOIN #tea")).is_empty());
}

#[test]
fn each_client_has_its_own_place() {
    let mut world = World::new(config());
    let web = member(
        &mut world,
        "alice:pw-alice",
        "alice",
        "web",
        "draft/chathistory",
    );
    let bob = world.join_as("bob", true, "");
    for id in [web, bob] {
        world.say(id, "JOIN #tea");
    }
    // By the name after the account.
    for client in ["laptop", "phone"] {
        let id = member(
            &mut world,
            &format!("alice@{client}:pw-alice"),
            "alice",
            "x",
            "",
        );
        world.say(id, "QUIT");
    }
    world.say(bob, "PRIVMSG #tea :one");
    let laptop = member(&mut world, "alice@laptop:pw-alice", "alice", "x", "");
    // The member never left: the channel appears with the welcome, and so do its lines.
    assert_eq!(said(&world.take(laptop)), ["#tea :[08:00] one"]);
    world.say(laptop, "QUIT");
    world.say(bob, "PRIVMSG #tea :two");
    let phone = member(&mut world, "alice@phone:pw-alice", "alice", "x", "");
    assert_eq!(
        said(&world.take(phone)),
        ["#tea :[08:00] one", "#tea :[08:00] two"]
    );
    let laptop = member(&mut world, "alice@laptop:pw-alice", "alice", "x", "");
    assert_eq!(said(&world.take(laptop)), ["#tea :[08:00] two"]);
    // A client without a name starts where the last one ended.
    world.say(phone, "QUIT");
    let other = member(&mut world, "alice:pw-alice", "alice", "y", "");
    assert!(said(&world.take(other)).is_empty());
    // The nickname is the account's, not the client's.
    assert!(
        world
            .ask(bob, "WHOIS alice")
            .iter()
            .any(|line| line.contains(" 330 bob alice alice "))
    );
}

#[test]
fn it_is_bounded_in_lines_and_age_and_says_so() {
    let mut config = config();
    config.limits.replay_lines = 3;
    config.limits.replay_days = 1;
    let mut world = World::new(config);
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    let bob = world.join_as("bob", true, "");
    for channel in ["#tea", "#old"] {
        world.say(alice, &format!("JOIN {channel}"));
        world.say(bob, &format!("JOIN {channel}"));
    }
    world.say(alice, "QUIT");
    world.say(bob, "PRIVMSG #old :long ago");
    for _ in 0..30 {
        world.wait(3_600_000);
        world.say(bob, "PONG x");
    }
    for word in ["one", "two", "three", "four"] {
        world.say(bob, &format!("PRIVMSG #tea :{word}"));
    }
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    let joined = world.ask(alice, "JOIN #tea");
    assert_eq!(said(&joined).len(), 3, "{joined:#?}");
    let notice = ":irc.subspace.local NOTICE #tea :Older lines that you missed are left out";
    assert!(
        joined.iter().any(|line| line.starts_with(notice)),
        "{joined:#?}"
    );
    assert!(said(&world.ask(alice, "JOIN #old")).is_empty());
}

#[test]
fn nothing_of_a_channel_that_one_was_not_in() {
    let mut world = away();
    let carol = member(&mut world, "carol:pw-carol", "carol", "irssi", "");
    assert!(said(&world.ask(carol, "JOIN #tea")).is_empty());
    world.say(carol, "PART #tea");
    let bob = ClientId(2);
    world.say(bob, "PRIVMSG #tea :after carol left");
    world.say(carol, "QUIT");
    let carol = member(&mut world, "carol:pw-carol", "carol", "irssi", "");
    assert!(said(&world.ask(carol, "JOIN #tea")).is_empty());
    let guest = world.join_as("guest", false, "");
    assert!(said(&world.ask(guest, "JOIN #tea")).is_empty());
}

#[test]
fn requests_to_programs_are_not_repeated_and_strangers_are_still_unknown() {
    let mut world = away();
    let bob = ClientId(2);
    world.say(bob, "PRIVMSG alice :\u{1}VERSION\u{1}");
    world.say(bob, "PRIVMSG alice :\u{1}ACTION waves\u{1}");
    assert!(world.ask(bob, "PRIVMSG nobody :hello")[0].contains(" 401 "));
    let alice = member(&mut world, "alice:pw-alice", "alice", "irssi", "");
    assert_eq!(
        said(&world.take(alice)),
        [
            "alice :[08:00] for you",
            "alice :\u{1}ACTION [08:00] waves\u{1}"
        ]
    );
}

#[test]
fn a_member_under_another_nickname_is_reached_by_its_name() {
    let mut world = World::new(config());
    let alice = member(&mut world, "alice:pw-alice", "al", "irssi", "");
    let bob = world.join_as("bob", true, "");
    world.clear();
    world.say(bob, "PRIVMSG alice :hello");
    assert_eq!(world.take(alice), [":bob!bob@user/bob PRIVMSG al :hello"]);
}

#[test]
fn a_member_who_was_never_here_is_written_to_as_well() {
    let mut world = World::new(config());
    world.members = vec!["carol".to_owned()];
    let bob = world.join_as("bob", true, "labeled-response batch message-tags");
    let told = world.ask(bob, "@label=5 PRIVMSG carol :welcome");
    assert!(
        told.iter().any(|line| line.contains(" 301 bob carol :")),
        "{told:?}"
    );
    assert!(world.ask(bob, "PRIVMSG nobody :hello")[0].contains(" 401 bob nobody "));
    world.functions_work = false;
    let told = world.ask(bob, "PRIVMSG dave :hello");
    assert!(
        told[0].contains(" 401 bob dave :Your message was not sent: "),
        "{told:?}"
    );
    assert!(world.ask(bob, "NOTICE dave :hello").is_empty());
    world.functions_work = true;
    let carol = member(&mut world, "carol:pw-carol", "carol", "irssi", "");
    assert_eq!(said(&world.take(carol)), ["carol :[08:00] welcome"]);
}

/// The always-on connection, which requests history itself, reads nothing for the clients that do not.
#[test]
fn a_first_plain_client_is_shown_direct_messages_also_beside_another_connection() {
    let mut world = World::new(config());
    world.members = vec!["carol".to_owned()];
    let bob = world.join_as("bob", true, "");
    assert!(world.ask(bob, "PRIVMSG carol :kept")[0].contains(" 301 "));
    let caps = "draft/chathistory batch server-time";
    let web = member(&mut world, "carol:pw-carol", "carol", "web", caps);
    for id in [web, bob] {
        world.say(id, "JOIN #tea");
    }
    world.say(bob, "PRIVMSG #tea :before the phone");
    world.say(bob, "PRIVMSG carol :read in the web");
    // Twice: the first connection is lost before it has proved that it received anything.
    for _ in 0..2 {
        let phone = member(&mut world, "carol@phone:pw-carol", "carol", "x", "");
        assert_eq!(
            said(&world.take(phone)),
            ["carol :[08:00] kept", "carol :[08:00] read in the web"],
            "nothing old of the channel"
        );
        let lost = Departure::Lost("reset".to_owned());
        world.server.handle_closed(phone, &lost, world.now);
    }
    let phone = member(&mut world, "carol@phone:pw-carol", "carol", "x", "");
    world.take(phone);
    world.say(phone, "QUIT");
    world.say(bob, "PRIVMSG #tea :since the phone");
    let phone = member(&mut world, "carol@phone:pw-carol", "carol", "x", "");
    assert_eq!(
        said(&world.take(phone)),
        ["#tea :[08:00] since the phone"],
        "once"
    );
    // What one plain client was sent is not shown to the next one.
    world.say(phone, "QUIT");
    let other = member(&mut world, "carol@laptop:pw-carol", "carol", "x", "");
    assert!(said(&world.take(other)).is_empty());
}
