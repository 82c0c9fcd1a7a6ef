//! AUTHENTICATE: signing in, in chunks, and malformed data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

pub(super) fn plain(name: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{name}\0{password}"))
}

#[test]
fn sasl_plain_then_registration() {
    let mut world = World::new(config());
    let alice = world.connect_from("192.0.2.1");
    world.say(alice, "CAP LS 302");
    assert!(world.take(alice).join(" ").contains(" sasl=PLAIN "));
    world.say(alice, "CAP REQ :sasl");
    world.say(alice, "NICK alice");
    world.say(alice, "USER a 0 * :A");
    assert!(world.ask(alice, "AUTHENTICATE SCRAM")[0].contains(" 908 "));
    assert_eq!(world.ask(alice, "AUTHENTICATE PLAIN"), ["AUTHENTICATE +"]);
    assert!(world.ask(alice, "AUTHENTICATE *")[0].contains(" 906 "));
    world.say(alice, "AUTHENTICATE PLAIN");
    let wrong = format!("AUTHENTICATE {}", plain("alice", "wrong"));
    assert!(world.ask(alice, &wrong)[0].contains(" 904 "));
    world.say(alice, "AUTHENTICATE PLAIN");
    let right = format!("AUTHENTICATE {}", plain("alice", "pw-alice"));
    let answer = world.ask(alice, &right);
    assert!(
        answer[0].contains(" 900 alice alice!*@user/alice alice :") && answer[1].contains(" 903 "),
        "{answer:?}"
    );
    assert!(world.ask(alice, "AUTHENTICATE PLAIN")[0].contains(" 907 "));
    assert!(
        world
            .ask(alice, "CAP END")
            .iter()
            .any(|line| line.contains(" 001 alice "))
    );
}

#[test]
fn sasl_in_chunks_and_too_long() {
    let mut world = World::new(config());
    let id = world.connect_from("127.0.0.1");
    world.say(id, "CAP REQ :sasl");
    world.say(id, "AUTHENTICATE PLAIN");
    let payload = plain("alice", &"x".repeat(400));
    let (first, rest) = payload.split_at(400);
    assert!(world.ask(id, &format!("AUTHENTICATE {first}")).is_empty());
    assert!(world.ask(id, &format!("AUTHENTICATE {rest}"))[0].contains(" 904 "));
    world.say(id, "AUTHENTICATE PLAIN");
    let chunk = format!("AUTHENTICATE {}", "A".repeat(400));
    for _ in 0..4 {
        assert!(world.ask(id, &chunk).is_empty());
    }
    assert!(world.ask(id, &chunk)[0].contains(" 905 "));
}

#[test]
fn malformed_authenticate_is_a_failed_attempt() {
    // Otherwise an unauthenticated exchange could be repeated at no cost.
    let long = "A".repeat(401);
    for (mistake, code) in [
        ("!!!", " 904 "),
        ("+", " 904 "),
        ("AGFsaWNl", " 904 "),
        ("SCRAM-SHA-256", " 904 "),
        (long.as_str(), " 905 "),
    ] {
        let mut world = World::new(config());
        let id = world.connect_from("192.0.2.7");
        world.say(id, "CAP REQ :sasl");
        for attempt in 1..=3 {
            assert!(world.closed.is_empty(), "{mistake} closed before {attempt}");
            world.say(id, "AUTHENTICATE PLAIN");
            let told = world.ask(id, &format!("AUTHENTICATE {mistake}"));
            assert!(told[0].contains(code), "{mistake}: {told:?}");
            if attempt == 3 {
                assert_eq!(
                    told.last().unwrap(),
                    "ERROR :Too many failed attempts to sign in"
                );
            }
        }
        assert_eq!(world.closed, [id], "{mistake}");
        assert_eq!(world.server.statistics().failures, 3);
        // No account was named, so nothing was submitted for checking.
        assert!(world.asked_from.is_empty());
    }
}

#[test]
fn malformed_authenticate_counts_against_the_address() {
    let mut config = config();
    config.limits.failures_per_address = 3;
    let mut world = World::new(config);
    let id = world.connect_from("192.0.2.7");
    world.say(id, "CAP REQ :sasl");
    for _ in 0..3 {
        world.say(id, "AUTHENTICATE PLAIN");
        world.say(id, "AUTHENTICATE !!!");
    }
    let again = world.connect_from("192.0.2.7");
    assert!(world.closed.contains(&again));
    let told = world.take(again);
    assert!(
        told[0].contains("Too many failed attempts to sign in"),
        "{told:?}"
    );
    let other = world.connect_from("192.0.2.8");
    assert!(!world.closed.contains(&other));
}

#[test]
fn giving_up_and_asking_for_another_mechanism_are_no_attempts() {
    let mut world = World::new(config());
    let id = world.connect_from("192.0.2.7");
    world.say(id, "CAP REQ :sasl");
    for _ in 0..10 {
        assert!(world.ask(id, "AUTHENTICATE SCRAM-SHA-256")[0].contains(" 908 "));
        world.say(id, "AUTHENTICATE PLAIN");
        assert!(world.ask(id, "AUTHENTICATE *")[0].contains(" 906 "));
    }
    assert!(world.closed.is_empty());
    assert_eq!(world.server.statistics().failures, 0);
}

#[test]
fn who_wants_to_be_another_account_is_told_why_not() {
    let mut world = World::new(config());
    let id = world.connect_from("192.0.2.7");
    world.say(id, "CAP REQ :sasl");
    world.say(id, "AUTHENTICATE PLAIN");
    let payload = STANDARD.encode("bob\0alice\0pw-alice");
    let told = world.ask(id, &format!("AUTHENTICATE {payload}"));
    assert!(
        told[0].contains(" 904 ") && told[0].contains("authorization identity (authzid) empty"),
        "{told:?}"
    );
    assert!(world.asked_from.is_empty());
    world.say(id, "AUTHENTICATE PLAIN");
    let payload = STANDARD.encode("Alice\0alice\0pw-alice");
    let told = world.ask(id, &format!("AUTHENTICATE {payload}"));
    assert!(told[1].contains(" 903 "), "{told:?}");
}
