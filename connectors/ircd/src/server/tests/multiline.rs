//! Messages of several lines: as a batch for those who understand, as lines for the others, whole in the history.

use super::*;
use crate::server::bounds::{MAX_MESSAGE_BYTES as MAX_BYTES, MAX_MESSAGE_LINES as MAX_LINES};

const CAPS: &str = "batch draft/multiline echo-message labeled-response message-tags standard-replies \
                    draft/chathistory";

/// Sends the lines of a message to a target; returns what the sender is told.
fn send(world: &mut World, id: ClientId, target: &str, lines: &[&str]) -> Vec<String> {
    world.take(id);
    world.say(
        id,
        &format!("@label=9;+x=y BATCH +a draft/multiline {target}"),
    );
    for line in lines {
        let (tags, text) = line.split_once('|').unwrap_or(("", line));
        let line = format!("@batch=a{tags} PRIVMSG {target} :{text}");
        world.say(id, &line);
    }
    world.say(id, "BATCH -a");
    world.take(id)
}

#[test]
fn who_understands_gets_a_batch_and_others_get_lines() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, "batch draft/multiline message-tags");
    let carol = world.join_as("carol", true, "message-tags");
    for id in [alice, bob, carol] {
        world.say(id, "JOIN #tea");
    }
    world.clear();
    let lines = ["one", "", "two ", ";draft/multiline-concat|three"];
    let echo = send(&mut world, alice, "#tea", &lines);
    assert!(
        echo[0].starts_with("@label=9;msgid=m") && echo[0].contains(" BATCH +"),
        "{echo:?}"
    );
    assert_eq!(echo.len(), 6, "{echo:?}");
    let source = ":alice!alice@user/alice";
    let told = world.take(bob);
    let number = told[0].rsplit_once(" BATCH +").unwrap().1;
    let number = number.split(' ').next().unwrap();
    assert!(told[0].contains(";+x=y :alice!"), "{told:?}");
    assert_eq!(
        told[1..],
        [
            format!("@batch={number} {source} PRIVMSG #tea :one"),
            format!("@batch={number} {source} PRIVMSG #tea :"),
            format!("@batch={number} {source} PRIVMSG #tea :two"),
            format!("@batch={number};draft/multiline-concat {source} PRIVMSG #tea :three"),
            format!("{source} BATCH -{number}"),
        ]
    );
    let told = world.take(carol);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("@msgid=m") && told[0].ends_with("PRIVMSG #tea :one"));
    assert!(told[1].starts_with(source) && told[2].ends_with(" :three"));
    // In the history it is one message.
    let history = world.ask(alice, "CHATHISTORY LATEST #tea * 5");
    assert_eq!(history.len(), 2 + 6, "{history:?}");
    assert!(history[1].contains(" BATCH +") && history[6].contains(" BATCH -"));
    let mut world = world.restarted(config());
    let carol = world.join_as("carol", true, "draft/chathistory batch");
    world.say(carol, "JOIN #tea");
    let history = world.ask(carol, "CHATHISTORY LATEST #tea * 5");
    assert_eq!(history.len(), 2 + 3, "{history:?}");
}

#[test]
fn it_is_sent_to_people_too_and_kept_for_those_who_are_absent() {
    let mut world = World::new(config());
    world.members = vec!["dan".to_owned()];
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, "");
    send(&mut world, alice, "bob", &["one", "two"]);
    let told = world.take(bob);
    assert!(
        told.len() == 2 && told[1].ends_with("PRIVMSG bob :two"),
        "{told:?}"
    );
    send(&mut world, alice, "dan", &["one", "two"]);
    let dan = world.connect_from("127.0.0.1");
    world.say(dan, "PASS dan:pw-dan");
    world.say(dan, "NICK dan");
    world.say(dan, "USER dan 0 * :d");
    let told = world.take(dan);
    assert!(told.iter().any(|line| line.ends_with("] one")), "{told:?}");
    assert!(told.iter().any(|line| line.ends_with("] two")), "{told:?}");
}

#[test]
fn what_is_wrong_is_said_once_and_nothing_is_sent() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, "");
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    world.clear();
    let long = "x".repeat(MAX_BYTES / 10);
    let many = vec![long.as_str(); 11];
    let most = vec!["x"; MAX_LINES + 3];
    for (lines, code) in [
        (&[""][..], "MULTILINE_INVALID :"),
        (&["", ""], "MULTILINE_INVALID :"),
        (&[], "MULTILINE_INVALID :"),
        (&[";draft/multiline-concat|one"], "MULTILINE_INVALID :"),
        (&["one", ";draft/multiline-concat|"], "MULTILINE_INVALID :"),
        (&many, "MULTILINE_MAX_BYTES 4096 :"),
        (&most, "MULTILINE_MAX_LINES 32 :"),
    ] {
        let told = send(&mut world, alice, "#tea", lines);
        assert!(
            told.len() == 1
                && told[0].starts_with("@label=9 ")
                && told[0].contains(&format!("FAIL BATCH {code}")),
            "{code}: {told:?}"
        );
    }
    // One line that is too long with the name before it.
    let told = send(&mut world, alice, "#tea", &["one", &"x".repeat(480)]);
    assert!(told.len() == 1 && told[0].contains(" 417 "), "{told:?}");
    for (line, answer) in [
        ("BATCH +a draft/multiline", "MULTILINE_INVALID :"),
        ("BATCH +a! draft/multiline #tea", "MULTILINE_INVALID :"),
        ("BATCH +a chathistory #tea", "MULTILINE_INVALID :"),
        ("BATCH +a draft/multiline #tea,bob", "MULTILINE_INVALID :"),
        ("BATCH -b", "MULTILINE_INVALID :"),
        ("BATCH a", "MULTILINE_INVALID :"),
        ("@batch=none PRIVMSG #tea :x", "MULTILINE_INVALID :"),
    ] {
        let told = world.ask(alice, line);
        assert!(
            told.len() == 1 && told[0].contains(&format!("FAIL BATCH {answer}")),
            "{line}: {told:?}"
        );
    }
    world.say(alice, "BATCH +a draft/multiline #tea");
    let told = world.ask(alice, "@batch=a PRIVMSG bob :x");
    assert!(
        told[0].contains("FAIL BATCH MULTILINE_INVALID_TARGET #tea bob :"),
        "{told:?}"
    );
    assert!(world.ask(alice, "@batch=a PRIVMSG #tea :x").is_empty());
    assert!(world.ask(alice, "BATCH -a").is_empty());
    world.say(alice, "BATCH +a draft/multiline #tea");
    let told = world.ask(alice, "@batch=a NOTICE #tea :x");
    assert!(
        told[0].contains("FAIL BATCH MULTILINE_INVALID :"),
        "{told:?}"
    );
    // Two at once are both dropped.
    world.say(alice, "BATCH +a draft/multiline #tea");
    world.say(alice, "BATCH +b draft/multiline #tea");
    let told = world.ask(alice, "BATCH +c draft/multiline #tea");
    assert!(told.is_empty(), "{told:?}");
    assert!(world.ask(bob, "BATCH +a draft/multiline #tea")[0].contains("NOTICE bob :BATCH: "));
    assert!(world.take(bob).is_empty());
    // Somebody who must not speak cannot in several lines either.
    world.say(alice, "MODE #tea +m-n");
    let eve = world.join_as("eve", true, CAPS);
    let told = send(&mut world, eve, "#tea", &["one", "two"]);
    assert!(told.len() == 1 && told[0].contains(" 404 "), "{told:?}");
}
