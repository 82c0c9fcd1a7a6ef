//! REDACT: who deletes what, and who learns of it.

use super::*;

const CAPS: &str = "batch draft/chathistory draft/event-playback draft/message-redaction echo-message \
                    labeled-response message-tags server-time standard-replies";

/// Says something; returns its msgid.
fn said(world: &mut World, id: ClientId, line: &str) -> String {
    let echo = world.ask(id, line);
    let (_, rest) = echo[0].split_once("msgid=").unwrap();
    rest.split([';', ' ']).next().unwrap().to_owned()
}

#[test]
fn an_own_message_is_deleted_for_those_who_understand_and_for_the_history() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    let plain = world.join_as("plain", true, "message-tags echo-message");
    for id in [alice, bob, plain] {
        world.say(id, "JOIN #tea");
    }
    let first = said(&mut world, bob, "PRIVMSG #tea :oops");
    said(&mut world, bob, "PRIVMSG #tea :fine");
    world.clear();
    let answer = world.ask(bob, &format!("@label=x REDACT #tea {first} :a typo"));
    let line = format!("REDACT #tea {first} :a typo");
    assert_eq!(answer.len(), 1, "{answer:?}");
    assert!(
        answer[0].starts_with("@label=x;") && answer[0].ends_with(&line),
        "{answer:?}"
    );
    let told = world.take(alice);
    assert!(
        told.len() == 1 && told[0].ends_with(&line) && told[0].contains("msgid="),
        "{told:?}"
    );
    assert!(world.take(plain).is_empty());
    let history = world.ask(alice, "CHATHISTORY LATEST #tea * 10");
    let history = untagged(&history[1..history.len() - 1]);
    assert_eq!(history.len(), 2, "{history:?}");
    assert!(history[0].ends_with("PRIVMSG #tea :fine") && history[1].ends_with(&line));
    // Deleted is deleted, also after a restart.
    let again = world.ask(bob, &format!("REDACT #tea {first}"));
    assert!(
        again[0].contains(&format!("FAIL REDACT UNKNOWN_MSGID #tea {first}")),
        "{again:?}"
    );
    let mut world = world.restarted(config());
    let alice = world.join_as("alice", true, CAPS);
    let history = world.ask(alice, "CHATHISTORY LATEST #tea * 10");
    assert!(!history.join("\n").contains("oops"), "{history:?}");
}

#[test]
fn others_delete_nothing_but_operators() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    let eve = world.join_as("eve", true, CAPS);
    let guest = world.join_as("guest", false, CAPS);
    for id in [alice, bob, guest] {
        world.say(id, "JOIN #tea");
    }
    let own = said(&mut world, alice, "PRIVMSG #tea :mine");
    let theirs = said(&mut world, bob, "PRIVMSG #tea :yours");
    let guests = said(&mut world, guest, "PRIVMSG #tea :hello");
    for (who, line, code) in [
        (bob, format!("REDACT #tea {own}"), "REDACT_FORBIDDEN #tea"),
        // Nobody proves to be the guest of before.
        (
            guest,
            format!("REDACT #tea {guests}"),
            "REDACT_FORBIDDEN #tea",
        ),
        (eve, format!("REDACT #tea {own}"), "INVALID_TARGET #tea"),
        (bob, "REDACT #tea m0".to_owned(), "UNKNOWN_MSGID #tea m0"),
        (bob, "REDACT #tea x".to_owned(), "UNKNOWN_MSGID #tea x"),
        (bob, format!("REDACT alice {own}"), "UNKNOWN_MSGID alice"),
        (bob, format!("REDACT #none {own}"), "INVALID_TARGET #none"),
    ] {
        let answer = world.ask(who, &line);
        assert!(
            answer[0].contains(&format!("FAIL REDACT {code}")),
            "{line}: {answer:?}"
        );
    }
    assert!(world.ask(bob, "REDACT #tea")[0].contains(" 461 "));
    // Who has made the channel is its operator.
    world.clear();
    world.say(alice, &format!("REDACT #tea {theirs}"));
    assert!(world.take(bob)[0].ends_with(&format!("REDACT #tea {theirs}")));
    // So is an administrator everywhere inside.
    let admin = world.join_as("admin", true, CAPS);
    world.say(admin, "JOIN #tea");
    world.clear();
    world.say(admin, &format!("REDACT #tea {own}"));
    assert!(world.take(bob)[0].ends_with(&format!("REDACT #tea {own}")));
    assert_eq!(world.audit, ["admin deleted a message of others in #tea"]);
    // What is read from the log may fail.
    let more = said(&mut world, bob, "PRIVMSG #tea :more");
    world.log_works = false;
    let answer = world.ask(bob, &format!("REDACT #tea {more}"));
    assert!(answer[0].contains("could not read its log"), "{answer:?}");
}

#[test]
fn a_direct_message_is_deleted_by_its_author_alone() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    let id = said(&mut world, alice, "PRIVMSG bob :oops");
    let answer = world.ask(bob, &format!("REDACT alice {id}"));
    assert!(
        answer[0].contains("FAIL REDACT REDACT_FORBIDDEN"),
        "{answer:?}"
    );
    world.clear();
    world.say(alice, &format!("REDACT bob {id}"));
    for who in [alice, bob] {
        let told = world.take(who);
        assert!(
            told.len() == 1 && told[0].ends_with(&format!("REDACT bob {id}")),
            "{told:?}"
        );
    }
    let history = world.ask(bob, "CHATHISTORY LATEST alice * 10");
    assert!(!history.join("\n").contains("oops"), "{history:?}");
}

#[test]
fn a_long_reason_fits_the_line() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    world.say(alice, "JOIN #tea");
    let id = said(&mut world, alice, "PRIVMSG #tea :oops");
    // Every line is checked.
    let answer = world.ask(alice, &format!("REDACT #tea {id} :{}", "ö".repeat(235)));
    assert!(answer[0].contains("REDACT #tea"), "{answer:?}");
}
