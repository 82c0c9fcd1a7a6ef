//! Nothing is shown before it is on disk; what is on disk is there after a restart.

use super::*;

#[test]
fn a_message_is_shown_once_it_is_durable_and_later_lines_wait_for_it() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "echo-message");
    let bob = world.join_as("bob", false, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.clear();
    world.disk_works = false;
    world.say(alice, "PRIVMSG #tea :one");
    world.say(alice, "PART #tea");
    world.say(alice, "PING x");
    assert!(world.take(bob).is_empty() && world.take(alice).is_empty());
    world.settle(true);
    let seen = world.take(bob);
    assert_eq!(
        untagged(&seen),
        [
            ":alice!alice@guest/127.0.0.1 PRIVMSG #tea :one",
            ":alice!alice@guest/127.0.0.1 PART #tea"
        ]
    );
    assert_eq!(world.take(alice).len(), 3);
}

#[test]
fn a_full_disk_is_told_to_the_sender_and_shown_to_nobody() {
    let mut world = World::new(config());
    let alice = world.join_as(
        "alice",
        true,
        "echo-message labeled-response batch message-tags",
    );
    let bob = world.join_as("bob", false, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.clear();
    world.disk_works = false;
    world.say(alice, "@label=7 PRIVMSG #tea :lost");
    world.settle(false);
    assert!(world.take(bob).is_empty());
    let told = world.take(alice);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0]
            .starts_with("@label=7 :irc.subspace.local 404 alice #tea :Your message was not sent")
    );
    assert!(told[0].ends_with("try again later"), "{told:?}");
    world.problem = NotStored::Full;
    world.say(alice, "PRIVMSG #tea :lost too");
    world.settle(false);
    let told = world.take(alice);
    assert!(
        told.len() == 1 && told[0].contains("the server's disk is full"),
        "{told:?}"
    );
    assert_eq!(world.server.statistics().not_stored, 2);
    world.disk_works = true;
    world.say(alice, "PRIVMSG #tea :back again");
    assert_eq!(
        untagged(&world.take(bob)),
        [":alice!alice@user/alice PRIVMSG #tea :back again"]
    );
}

#[test]
fn channels_come_back() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.say(alice, "TOPIC #tea :Darjeeling");
    world.say(alice, "MODE #tea +ikb secret *!*@evil");
    world.say(alice, "MODE #tea +v bob");
    world.say(alice, "JOIN #general");
    world.say(alice, "TOPIC #general :new here");
    let mut world = world.restarted(config());
    let bob = world.join_as("bob", true, "");
    let joined = world.ask(bob, "JOIN #tea");
    for part in [
        "JOIN #tea",
        "332 bob #tea :Darjeeling",
        "353 bob = #tea :+bob",
    ] {
        assert!(
            joined.iter().any(|line| line.contains(part)),
            "{part}: {joined:?}"
        );
    }
    assert!(world.ask(bob, "MODE #tea")[0].ends_with("+intk secret"));
    let alice = world.join_as("alice", true, "");
    assert!(
        world
            .ask(alice, "JOIN #tea")
            .iter()
            .any(|line| line.ends_with("353 alice = #tea :+bob @alice"))
    );
    assert!(world.ask(alice, "MODE #tea b")[0].contains("*!*@evil"));
    assert!(
        world
            .ask(alice, "LIST")
            .iter()
            .any(|line| line.ends_with("#general 0 :new here"))
    );
    let guest = world.join_as("guest", false, "");
    assert!(world.ask(guest, "JOIN #tea")[0].contains(" 473 "));
}

#[test]
fn a_channel_ends_when_its_last_account_leaves() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "draft/chathistory batch");
    world.say(alice, "JOIN #tea");
    world.say(alice, "PRIVMSG #tea :old");
    world.say(alice, "PART #tea");
    world.say(alice, "JOIN #tea");
    let old = world.ask(alice, "CHATHISTORY LATEST #tea * 10");
    assert_eq!(
        old.len(),
        2,
        "the new channel has no part in the old one's history: {old:?}"
    );
    world.say(alice, "PART #tea");
    let mut world = world.restarted(config());
    let guest = world.join_as("guest", false, "");
    assert!(
        world
            .ask(guest, "LIST")
            .iter()
            .all(|line| !line.contains("#tea"))
    );
}

#[test]
fn ids_grow_even_if_the_clock_goes_back() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    world.say(alice, "JOIN #tea");
    world.say(alice, "PRIVMSG #tea :one");
    world.now.wall = Timestamp::from_millis(START - 3_600_000);
    world.say(alice, "PRIVMSG #tea :two");
    let mut world = world.restarted(config());
    let alice = world.join_as("alice", true, "");
    world.say(alice, "JOIN #tea");
    world.say(alice, "PRIVMSG #tea :three");
    assert!(
        world.log.is_sorted_by(|a, b| a.id < b.id),
        "{:?}",
        world.log
    );
}
