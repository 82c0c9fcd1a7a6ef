//! Somebody who must not speak in a channel puts no text before it, whatever the command.

use super::*;

const CAPS: &str = "away-notify batch draft/chathistory draft/event-playback draft/message-redaction \
                    draft/relaymsg echo-message extended-join message-tags server-time setname \
                    standard-replies";

/// Alice, the operator of #tea, and bob, who may not speak there.
fn story(muted: &str) -> (World, ClientId, ClientId, String) {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    let echo = world.ask(bob, "PRIVMSG #tea :a message of bob's");
    let (_, rest) = echo[0].split_once("msgid=").unwrap();
    let id = rest.split([';', ' ']).next().unwrap().to_owned();
    world.say(alice, &format!("MODE #tea {muted}"));
    world.clear();
    (world, alice, bob, id)
}

/// Carol is in #tea, dave is not.
fn join_more(world: &mut World) {
    let carol = world.join_as("carol", true, CAPS);
    world.join_as("dave", true, CAPS);
    world.say(carol, "JOIN #tea");
    world.clear();
}

/// What must not be seen by anybody in #tea.
const TEXT: &str = "buy-this";

#[test]
fn no_command_carries_a_text_of_who_may_not_speak() {
    for muted in ["-nt+m", "-nt+b bob", "-nt+q $a:bob"] {
        for line in [
            "PRIVMSG #tea :TEXT",
            "NOTICE #tea :TEXT",
            "@+draft/react=TEXT;+draft/reply=MSGID TAGMSG #tea",
            "RELAYMSG #tea TEXT/x :TEXT",
            "TOPIC #tea :TEXT",
            "REDACT #tea MSGID :TEXT",
            "KICK #tea carol :TEXT",
            "INVITE dave #tea :TEXT",
            "MODE #tea +k TEXT",
            "MODE #tea +b TEXT",
            "AWAY :TEXT",
            "SETNAME :TEXT",
            "PART #tea :TEXT",
            "QUIT :TEXT",
        ] {
            let (mut world, alice, bob, id) = story(muted);
            join_more(&mut world);
            let line = line.replace("TEXT", TEXT).replace("MSGID", &id);
            world.say(bob, &line);
            let told = world.take(alice);
            assert!(!told.join("\n").contains(TEXT), "{muted}, {line}: {told:?}");
            let history = world.ask(alice, "CHATHISTORY LATEST #tea * 10");
            assert!(
                !history.join("\n").contains(TEXT),
                "{muted}, {line}: {history:?}"
            );
            // The same from somebody who may speak is seen, so the line is a right one.
            // Each story has the same ids.
            let (mut world, alice, bob, _) = story("+o bob");
            join_more(&mut world);
            world.say(bob, &line);
            let told = world.take(alice).join("\n");
            assert!(
                told.contains(TEXT) || line.starts_with("INVITE"),
                "{line}: {told}"
            );
        }
    }
}

#[test]
fn what_happened_is_told_without_the_text() {
    for (line, told) in [
        (
            "REDACT #tea MSGID :x",
            ":bob!bob@user/bob REDACT #tea MSGID",
        ),
        ("PART #tea :x", ":bob!bob@user/bob PART #tea"),
        ("QUIT :x", ":bob!bob@user/bob QUIT :Quit"),
        ("AWAY :x", ":bob!bob@user/bob AWAY :Away"),
    ] {
        let (mut world, alice, bob, id) = story("+m");
        world.say(bob, &line.replace("MSGID", &id));
        let seen = world.take(alice);
        assert_eq!(untagged(&seen), [told.replace("MSGID", &id)], "{line}");
    }
    let (mut world, _, bob, _) = story("-t+m");
    assert!(world.ask(bob, "TOPIC #tea :x")[0].contains(" 404 bob #tea "));
}

#[test]
fn who_shares_a_channel_where_one_may_speak_sees_the_text() {
    let (mut world, alice, bob, _) = story("+m");
    let carol = world.join_as("carol", true, CAPS);
    for id in [alice, bob, carol] {
        world.say(id, "JOIN #milk");
    }
    world.say(carol, "JOIN #tea");
    let dave = world.join_as("dave", true, CAPS);
    world.say(dave, "JOIN #tea");
    world.clear();
    world.say(bob, "AWAY :lunch");
    world.say(bob, "AWAY :dinner");
    world.say(bob, "SETNAME :Robert");
    world.say(bob, "QUIT :home");
    let seen = world.take(carol);
    assert_eq!(
        untagged(&seen),
        [
            ":bob!bob@user/bob AWAY :lunch",
            ":bob!bob@user/bob AWAY :dinner",
            ":bob!bob@user/bob SETNAME :Robert",
            ":bob!bob@user/bob QUIT :Quit: home",
        ]
    );
    let seen = world.take(dave);
    assert_eq!(
        untagged(&seen),
        [
            ":bob!bob@user/bob AWAY :Away",
            ":bob!bob@user/bob QUIT :Quit"
        ]
    );
}

#[test]
fn an_away_message_is_not_shown_by_joining_a_moderated_channel() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    world.say(alice, "JOIN #tea");
    world.say(alice, "MODE #tea +m");
    world.say(bob, "AWAY :lunch");
    world.clear();
    world.say(bob, "JOIN #tea");
    let seen = world.take(alice);
    assert_eq!(
        untagged(&seen),
        [
            ":bob!bob@user/bob JOIN #tea bob :bob the person",
            ":bob!bob@user/bob AWAY :Away",
        ]
    );
}

#[test]
fn nobody_takes_another_name_while_banned() {
    let (mut world, alice, bob, _) = story("+b bob");
    let told = world.ask(bob, "NICK robert");
    assert!(told[0].contains(" 435 bob robert #tea :"), "{told:?}");
    world.say(alice, "MODE #tea +v bob");
    assert!(world.ask(bob, "NICK robert")[0].ends_with("NICK robert"));
    // One's own name is no text.
    world.say(alice, "MODE #tea -v+b robert robert");
    assert!(world.ask(bob, "NICK bob")[0].ends_with("NICK bob"));
}

/// A member in five channels of twenty masks each, none of which fits.
fn in_masked_channels() -> (World, ClientId) {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "away-notify setname");
    for channel in 0..5 {
        world.say(alice, &format!("JOIN #c{channel}"));
        for mask in 0..20 {
            world.say(alice, &format!("MODE #c{channel} +b *{mask}z*e*v?*?*"));
        }
        world.say(bob, &format!("JOIN #c{channel}"));
    }
    (world, bob)
}

/// Entries of lists that users were compared with.
fn looked_at(world: &World) -> usize {
    let channels = world.server.channels.values();
    channels.map(|channel| channel.looked_at.get()).sum()
}

#[test]
fn what_somebody_says_again_is_not_compared_with_the_lists_again() {
    let work = |times: usize| {
        let (mut world, bob) = in_masked_channels();
        let before = looked_at(&world);
        for time in 0..times {
            world.say(bob, &format!("AWAY :{time}"));
            world.say(bob, &format!("SETNAME :{time}"));
            world.say(bob, &format!("PRIVMSG #c{} :{time}", time % 5));
        }
        world.say(bob, "QUIT :done");
        looked_at(&world) - before
    };
    assert_eq!((work(20), work(40)), (0, 0), "they were read at JOIN");
    // A list that changes is read again, and what it says is so at once.
    let (mut world, bob) = in_masked_channels();
    let alice = *world.lines.keys().find(|id| **id != bob).unwrap();
    world.say(alice, "MODE #c1 +q bob");
    assert!(world.ask(bob, "PRIVMSG #c1 :x")[0].contains(" 404 "));
    world.say(alice, "MODE #c1 -q bob");
    assert!(world.ask(bob, "PRIVMSG #c1 :x").is_empty());
    world.say(alice, "MODE #c1 +q robert");
    assert!(world.ask(bob, "PRIVMSG #c1 :x").is_empty());
    world.say(bob, "NICK robert");
    assert!(world.ask(bob, "PRIVMSG #c1 :x")[0].contains(" 404 "));
}

#[test]
fn an_account_is_compared_anew() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let guest = world.join_as("visitor", false, "sasl");
    world.say(alice, "JOIN #tea");
    world.say(alice, "MODE #tea +q $a:bob");
    world.say(guest, "JOIN #tea");
    assert!(world.ask(guest, "PRIVMSG #tea :x").is_empty());
    world.say(guest, "AUTHENTICATE PLAIN");
    world.say(guest, "AUTHENTICATE AGJvYgBwdy1ib2I=");
    assert!(world.ask(guest, "PRIVMSG #tea :x")[0].contains(" 404 "));
}

#[test]
fn who_changes_nicknames_in_channels_with_many_masks_has_to_wait() {
    let work = |times: usize| {
        let (mut world, bob) = in_masked_channels();
        let before = looked_at(&world);
        let mut refused = 0;
        for time in 0..times {
            let told = world.ask(bob, &format!("NICK bob{time}"));
            refused += usize::from(told[0].contains(" 438 "));
            world.say(bob, &format!("AWAY :{time}"));
        }
        (looked_at(&world) - before, refused)
    };
    // 100 masks are 50 ms, and 20 s may be owed.
    let (few, many, more) = (work(100), work(800), work(1_600));
    assert_eq!(few, (10_000, 0));
    assert!(many.0 <= 45_000 && many.1 > 300, "{many:?}");
    // 800 times two lines of a millisecond.
    assert!(more.0 - many.0 <= 2 * 1_600 + 100, "{more:?}");
}
