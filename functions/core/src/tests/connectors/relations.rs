//! Events of unknown kinds, and what is about messages of before.

use super::*;

fn entry(id: &str, time: &str, text: &str, more: Value) -> Value {
    let mut event = message("alice", id, "#a", time, text);
    if let (Some(entry), Value::Object(more)) = (event["message"].as_object_mut(), more) {
        entry.extend(more);
    }
    event
}

#[test]
fn an_event_that_nobody_knows_is_refused_alone() {
    let s = setup();
    let vote = json!({"id": "v", "account": "alice", "connection": "private", "event": "vote", "for": "tea"});
    let broken = json!({"id": "w", "account": "alice", "connection": "private", "event": "message", "server": 7});
    let receipt = send(
        &s.functions,
        &[
            message("alice", "1", "#a", "2026-01-10T10:00:00Z", "one"),
            vote,
            broken,
            message("alice", "2", "#a", "2026-01-10T10:00:01Z", "two"),
        ],
    );
    assert_eq!(receipt["stored"], 2);
    let refused = receipt["refused"].as_array().unwrap();
    let ids: Vec<_> = refused.iter().map(|refused| &refused["id"]).collect();
    assert_eq!(ids, ["v", "w"]);
    let reason = refused[0]["reason"].as_str().unwrap();
    assert!(reason.contains("\"vote\""), "{reason}");
    assert_eq!(s.texts("a/2026/01/10"), ["one", "two"]);
}

#[test]
fn entries_of_types_and_with_fields_that_nobody_knows_are_kept() {
    let s = setup();
    let poll = json!({"type": "poll", "options": ["a", {"b": [1.5, null]}]});
    let poll = entry("p", "2026-01-10T10:00:00Z", "which?", poll);
    send(&s.functions, std::slice::from_ref(&poll));
    send(
        &s.functions,
        &[message("alice", "2", "#a", "2026-01-10T10:00:01Z", "two")],
    );
    let path = "chat-messages/irc.example/channels/a/2026/01/10";
    let day: Value = s.storage("GET", path, "").json();
    assert_eq!(day["today"]["messages"][0], poll["message"]);
}

#[test]
fn a_deletion_empties_its_message_on_whatever_day_it_was_sent() {
    let s = setup();
    let about =
        |kind: &str, text: &str| json!({"type": kind, "ref": "m", "emoji": "👍", "text": text});
    let quote = "reacted with 👍 to “the secret”";
    let mut events = vec![
        entry("m", "2026-01-10T10:00:00Z", "the secret", json!({})),
        entry("r", "2026-01-12T10:00:00Z", quote, about("reaction", quote)),
    ];
    for day in 13..18 {
        let time = format!("2026-01-{day}T10:00:00Z");
        events.push(message("alice", &format!("x{day}"), "#a", &time, "fine"));
    }
    send(&s.functions, &events);
    let deletion = || {
        let about = json!({"type": "deletion", "ref": "m"});
        entry("d", "2026-01-19T10:00:00Z", "deleted a message", about)
    };
    assert_eq!(send(&s.functions, &[deletion()]), json!({"stored": 1}));
    assert_eq!(s.texts("a/2026/01/10"), [""]);
    assert_eq!(s.texts("a/2026/01/12"), ["reacted with 👍"]);
    assert_eq!(s.texts("a/2026/01/15"), ["fine"]);
    assert_eq!(s.texts("a/2026/01/19"), ["deleted a message"]);
    // Sent again, and said again by a history, it stays empty.
    let again = entry("m", "2026-01-10T10:00:00Z", "the secret", json!({}));
    send(&s.functions, &[deletion(), again]);
    assert_eq!(s.texts("a/2026/01/10"), [""]);
}

#[test]
fn a_message_of_long_ago_is_found_by_its_day() {
    let s = setup();
    let mut events = vec![message(
        "alice",
        "m",
        "#a",
        "2025-01-10T10:00:00Z",
        "the secret",
    )];
    for day in 1..28 {
        let time = format!("2026-01-{day:02}T10:00:00Z");
        events.push(message("alice", &format!("x{day}"), "#a", &time, "fine"));
    }
    send(&s.functions, &events);
    let about = json!({"type": "deletion", "ref": "m"});
    let mut deletion = entry("d", "2026-02-01T10:00:00Z", "deleted a message", about);
    deletion["about_time"] = "2025-01-10T10:00:00.000Z".into();
    send(&s.functions, &[deletion]);
    assert_eq!(s.texts("a/2025/01/10"), [""]);
}
