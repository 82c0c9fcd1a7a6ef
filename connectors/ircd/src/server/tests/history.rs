//! CHATHISTORY: who may read what, and which part.

use super::*;

const CAPS: &str = "draft/chathistory batch server-time message-tags echo-message";

fn texts(lines: &[String]) -> Vec<String> {
    untagged(lines)
        .iter()
        .filter(|line| line.contains(" PRIVMSG "))
        .map(|line| line.rsplit(':').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_subcommand() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    world.say(alice, "JOIN #tea");
    let mut ids = Vec::new();
    let mut times = Vec::new();
    for word in ["one", "two", "three", "four", "five"] {
        let echo = world.ask(alice, &format!("PRIVMSG #tea :{word}"));
        let tag = |key: &str| {
            let (_, rest) = echo[0].split_once(key).unwrap();
            rest.split([';', ' ']).next().unwrap().to_owned()
        };
        ids.push(tag("msgid="));
        times.push(tag("time="));
    }
    let mut ask = |line: String| texts(&world.ask(alice, &format!("CHATHISTORY {line}")));
    assert_eq!(ask("LATEST #tea * 2".into()), ["four", "five"]);
    assert_eq!(
        ask(format!("LATEST #tea msgid={} 10", ids[2])),
        ["four", "five"]
    );
    assert_eq!(
        ask(format!("BEFORE #TEA msgid={} 2", ids[3])),
        ["two", "three"]
    );
    assert_eq!(
        ask(format!("BEFORE #tea timestamp={} 1", times[1])),
        ["one"]
    );
    assert_eq!(
        ask(format!("AFTER #tea timestamp={} 2", times[1])),
        ["three", "four"]
    );
    assert_eq!(
        ask(format!("AROUND #tea msgid={} 3", ids[2])),
        ["two", "three", "four"]
    );
    assert_eq!(
        ask(format!("BETWEEN #tea msgid={} msgid={} 2", ids[0], ids[4])),
        ["two", "three"]
    );
    assert_eq!(
        ask(format!("BETWEEN #tea msgid={} msgid={} 2", ids[4], ids[0])),
        ["three", "four"]
    );
    let batch = world.ask(alice, "CHATHISTORY LATEST #tea * 1");
    assert!(
        batch[0].contains(" BATCH +") && batch[0].ends_with(" chathistory #tea"),
        "{batch:?}"
    );
    assert!(batch[1].starts_with("@batch=") && batch[1].contains(&format!("msgid={}", ids[4])));
    assert!(batch[2].contains(" BATCH -"));
}

#[test]
fn only_the_two_read_their_words() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    let eve = world.join_as("eve", true, CAPS);
    let guest = world.join_as("guest", false, CAPS);
    world.say(alice, "PRIVMSG bob :secret");
    world.say(bob, "PRIVMSG alice :indeed");
    world.say(guest, "PRIVMSG alice :from outside");
    assert_eq!(
        texts(&world.ask(alice, "CHATHISTORY LATEST bob * 10")),
        ["secret", "indeed"]
    );
    assert_eq!(
        texts(&world.ask(bob, "CHATHISTORY LATEST Alice * 10")),
        ["secret", "indeed"]
    );
    assert_eq!(
        texts(&world.ask(alice, "CHATHISTORY LATEST guest * 10")),
        ["from outside"]
    );
    assert!(texts(&world.ask(eve, "CHATHISTORY LATEST alice * 10")).is_empty());
    assert!(
        world.ask(guest, "CHATHISTORY LATEST alice * 10")[0]
            .contains("FAIL CHATHISTORY INVALID_TARGET")
    );
    let from = "timestamp=2000-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z";
    let targets = world.ask(alice, &format!("CHATHISTORY TARGETS {from} 10"));
    let names: Vec<&str> = untagged(&targets[1..3])
        .iter()
        .map(|line| line.split(' ').nth(3).unwrap())
        .collect::<Vec<_>>();
    assert_eq!(names, ["bob", "guest"], "{targets:?}");
    assert_eq!(
        world
            .ask(eve, &format!("CHATHISTORY TARGETS {from} 10"))
            .len(),
        2
    );
    // The nickname of a guest who has left does not give access to what an account wrote.
    world.say(alice, "QUIT");
    assert!(world.ask(guest, "NICK alice")[0].contains(" 433 "));
}

#[test]
fn channels_are_for_those_inside_and_mistakes_are_explained() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    world.say(alice, "JOIN #tea");
    for (line, code) in [
        ("LATEST #tea * 10", "INVALID_TARGET LATEST #tea"),
        ("LATEST #none * 10", "INVALID_TARGET LATEST #none"),
        ("LATEST #tea * many", "INVALID_TARGET"),
        ("SIDEWAYS #tea * 10", "INVALID_PARAMS SIDEWAYS"),
        ("FOO", "INVALID_PARAMS FOO"),
        ("LATEST", "INVALID_PARAMS LATEST"),
        ("BEFORE #tea yesterday 10", "INVALID_PARAMS BEFORE"),
        ("BEFORE #tea msgid=zz 10", "INVALID_MSGREFTYPE BEFORE"),
        ("TARGETS * * 10", "INVALID_PARAMS TARGETS"),
    ] {
        let answer = world.ask(bob, &format!("CHATHISTORY {line}"));
        assert!(
            answer[0].contains(&format!("FAIL CHATHISTORY {code}")),
            "{line}: {answer:?}"
        );
    }
    let answer = world.ask(alice, "CHATHISTORY LATEST #tea * many");
    assert!(
        answer[0].contains("FAIL CHATHISTORY INVALID_PARAMS"),
        "{answer:?}"
    );
}

#[test]
fn events_play_back_for_those_who_ask() {
    let mut world = World::new(config());
    let plain = world.join_as("alice", true, CAPS);
    let full = world.join_as("bob", true, &format!("{CAPS} draft/event-playback"));
    world.say(plain, "JOIN #tea");
    world.say(full, "JOIN #tea");
    world.say(plain, "TOPIC #tea :new");
    world.say(plain, "@+draft/react=x;+draft/reply=m1 TAGMSG #tea");
    world.say(plain, "@+typing=active TAGMSG #tea");
    assert_eq!(world.ask(plain, "CHATHISTORY LATEST #tea * 10").len(), 2);
    let all = world.ask(full, "CHATHISTORY LATEST #tea * 10");
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all[1].contains(" TOPIC #tea :new") && all[2].contains("+draft/react=x"));
}

#[test]
fn where_it_is_so_who_joins_sees_only_what_is_said_from_then_on() {
    let caps = "draft/chathistory batch";
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, caps);
    let bob = world.join_as("bob", true, caps);
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    world.say(alice, "PRIVMSG #tea :first");
    let shown = |world: &mut World, id: ClientId| {
        let lines = world.ask(id, "CHATHISTORY LATEST #tea * 9");
        let texts = lines.iter().filter(|line| line.contains(" PRIVMSG "));
        texts
            .map(|line| line.rsplit_once(':').unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    let carol = world.join_as("carol", true, caps);
    let guest = world.join_as("guest", false, caps);
    for id in [carol, guest] {
        world.say(id, "JOIN #tea");
        assert_eq!(shown(&mut world, id), ["first"]);
    }
    assert!(world.ask(alice, "MODE #tea +J")[0].ends_with("MODE #tea +J"));
    world.say(alice, "PRIVMSG #tea :second");
    assert_eq!(shown(&mut world, bob), ["first", "second"]);
    for id in [carol, guest] {
        assert_eq!(shown(&mut world, id), ["second"]);
    }
    // Neither is found by a list of conversations, nor deleted.
    let targets = "CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z 9";
    let dave = world.join_as("dave", true, caps);
    world.say(dave, "JOIN #tea");
    assert!(
        world
            .ask(dave, targets)
            .iter()
            .all(|line| !line.contains("#tea"))
    );
    // Whoever leaves starts over; whoever only disconnects does not.
    world.say(bob, "PART #tea");
    world.say(bob, "JOIN #tea");
    assert!(shown(&mut world, bob).is_empty());
    let mut world = world.restarted(config());
    let carol = world.join_as("carol", true, caps);
    world.say(carol, "JOIN #tea");
    assert_eq!(shown(&mut world, carol), ["second"]);
    assert!(world.ask(carol, "MODE #tea")[0].contains(" +Jnt"));
}
