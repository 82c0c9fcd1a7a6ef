//! Servers that are temporarily unavailable, have no space, or do not accept the token.

use super::{Away, DAY, MORNING, Way, first};

#[test]
fn retry_after_is_obeyed_to_the_second() {
    // The clock of these tests starts at 10:00:00.
    for (status, after, seconds) in [
        (429, "7", 7),
        (429, "Thu, 15 Jan 2026 10:00:07 GMT", 7),
        (503, "20", 20),
        (503, "Thu, 15 Jan 2026 10:03:20 GMT", 200),
        (429, "0", 1),
    ] {
        let away = Away::new();
        away.script(move |_| Way::Answer(status, Some(after), ""));
        assert_eq!(away.waits(MORNING, &["1"]), seconds, "{status} {after}");
        let told = away.state();
        assert_eq!(told["state"], "unreachable");
        let reason = told["reason"].as_str().unwrap();
        assert!(reason.contains(&status.to_string()), "{reason}");
        assert_eq!(
            away.asked().len(),
            1,
            "it was asked again: {:?}",
            away.asked()
        );
        away.script(|_| Way::On);
        away.here
            .functions
            .host()
            .advance(i64::try_from(seconds).unwrap() * 1_000 - 1);
        assert_eq!(away.waits(MORNING, &["1"]), 1);
        assert_eq!(away.asked(), Vec::<String>::new(), "{status} {after}");
        away.here.functions.host().advance(1);
        away.stored(MORNING, &["1"]);
        assert_eq!(away.texts(DAY), ["1"]);
    }
}

#[test]
fn whoever_says_too_much_or_nothing_is_asked_again_soon() {
    let away = Away::new();
    // At most an hour, during which the connector retries every five minutes.
    away.script(|_| Way::Answer(503, Some("86400"), ""));
    assert_eq!(away.waits(MORNING, &["1"]), 300);
    away.script(|_| Way::On);
    away.advance(3_599);
    assert_eq!(away.waits(MORNING, &["1"]), 1);
    away.advance(1);
    away.stored(MORNING, &["1"]);
    // After one failure there is an immediate retry, after two there is not; a busy server is left alone.
    away.script(first(1, |_| true, || Way::Answer(500, None, "")));
    away.stored(MORNING, &["2"]);
    for (status, requests) in [(502, 2), (429, 1)] {
        away.script(move |_| Way::Answer(status, None, ""));
        assert_eq!(away.waits(MORNING, &["3"]), 5);
        assert_eq!(away.asked().len(), requests, "{:?}", away.asked());
        away.advance(5);
    }
    away.script(|_| Way::On);
    away.stored(MORNING, &["3"]);
    assert_eq!(away.texts(DAY), ["1", "2", "3"]);
}

#[test]
fn without_room_messages_wait_and_the_user_is_told() {
    for status in [507, 413] {
        let away = Away::new();
        away.stored(MORNING, &["1"]);
        away.script(move |asked| match asked.starts_with("PUT") {
            true => Way::Answer(status, None, ""),
            false => Way::On,
        });
        assert_eq!(away.waits(MORNING, &["2"]), 60);
        let told = away.state();
        assert_eq!(told["state"], "full");
        let reason = told["reason"].as_str().unwrap();
        assert!(
            reason.contains("has no space left for archives"),
            "{reason}"
        );
        // The user frees space. The next attempt is a minute after the last one.
        away.script(|_| Way::On);
        away.advance(59);
        assert_eq!(away.waits(MORNING, &["2"]), 1);
        assert_eq!(away.asked(), Vec::<String>::new());
        away.advance(1);
        away.stored(MORNING, &["2"]);
        assert_eq!(away.texts(DAY), ["1", "2"]);
    }
}

#[test]
fn a_token_is_given_up_only_if_it_is_refused_twice() {
    for status in [401, 403] {
        let away = Away::new();
        away.script(first(1, |_| true, move || Way::Answer(status, None, "")));
        away.stored(MORNING, &["1"]);
        away.script(move |_| Way::Answer(status, None, ""));
        // Ten minutes, of which the connector retries after five.
        assert_eq!(away.waits(MORNING, &["2"]), 300);
        assert_eq!(away.asked().len(), 2);
        assert_eq!(away.state()["state"], "renew");
        away.script(|_| Way::On);
        away.advance(599);
        assert_eq!(away.waits(MORNING, &["2"]), 1);
        away.advance(1);
        away.stored(MORNING, &["2"]);
        assert_eq!(away.texts(DAY), ["1", "2"]);
    }
}
