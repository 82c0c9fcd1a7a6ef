//! How events become the documents of the archive.

use super::*;

#[test]
fn messages_become_daily_archives_that_are_linked() {
    let s = setup();
    let receipt = send(
        &s.functions,
        &[
            message("alice", "1", "#a", "2026-01-10T23:59:59Z", "one"),
            message("alice", "2", "#a", "2026-01-11T00:00:00Z", "two"),
            message("alice", "3", "##b", "2026-01-11T00:00:00Z", "three"),
        ],
    );
    assert_eq!(receipt, json!({"stored": 3}));
    assert_eq!(s.texts("a/2026/01/10"), ["one"]);
    assert_eq!(s.texts("%2523%2523b/2026/01/11"), ["three"]);
    let day = s.day("a/2026/01/11");
    assert_eq!(
        (day.name.as_str(), day.id.as_str()),
        ("#a", "chat-messages/irc.example/channels/a/")
    );
    let link = |text: &str| Some(text.parse().unwrap());
    assert_eq!(
        (day.today.previous, day.today.next),
        (link("2026/01/10"), None)
    );
    assert_eq!(s.day("a/2026/01/10").today.next, link("2026/01/11"));

    // A later day, then one in between, then one before all.
    send(
        &s.functions,
        &[message("alice", "4", "#a", "2027-03-01T12:00:00Z", "four")],
    );
    send(
        &s.functions,
        &[message("alice", "5", "#a", "2026-02-02T12:00:00Z", "five")],
    );
    send(
        &s.functions,
        &[message("alice", "6", "#a", "2024-12-31T12:00:00Z", "six")],
    );
    let mut chain = vec![];
    let mut at = Some(s.meta("a").first);
    let mut previous = None;
    while let Some(day) = at {
        let archive = s.day(&format!("a/{day}"));
        assert_eq!(archive.today.previous, previous, "{day}");
        chain.push(day.to_string());
        (previous, at) = (Some(day), archive.today.next);
    }
    assert_eq!(
        chain,
        [
            "2024/12/31",
            "2026/01/10",
            "2026/01/11",
            "2026/02/02",
            "2027/03/01"
        ]
    );
    assert_eq!(s.meta("a").last.to_string(), "2027/03/01");
    assert_eq!(s.meta("a").name, "#a");
}

#[test]
fn repeats_change_nothing() {
    let s = setup();
    let events = [
        message("alice", "1", "#a", "2026-01-10T10:00:00Z", "one"),
        message("alice", "2", "#a", "2026-01-10T09:00:00Z", "earlier"),
    ];
    send(&s.functions, &events);
    let etag = s.storage("GET", "", "").header("etag").to_owned();
    assert_eq!(send(&s.functions, &events), json!({"stored": 2}));
    assert_eq!(s.storage("GET", "", "").header("etag"), etag);
    s.functions.memory().take_requests();
    send(&s.functions, &events);
    assert_eq!(s.functions.memory().take_requests().put, 0);
    assert_eq!(s.texts("a/2026/01/10"), ["earlier", "one"]);
}

#[test]
fn what_others_have_put_there_is_never_lost() {
    let s = setup();
    let day = "chat-messages/irc.example/channels/a/2026/01/10";
    s.storage("PUT", day, "{\"today\": oops");
    send(
        &s.functions,
        &[message("alice", "1", "#a", "2026-01-10T10:00:00Z", "one")],
    );
    assert_eq!(s.texts("a/2026/01/10"), ["one"]);
    let listing = s
        .storage("GET", "chat-messages/irc.example/channels/a/2026/01/", "")
        .json();
    let names: Vec<_> = listing["items"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let aside = names
        .iter()
        .find(|name| name.starts_with("10.damaged-"))
        .unwrap();
    let kept = s.storage(
        "GET",
        &format!("chat-messages/irc.example/channels/a/2026/01/{aside}"),
        "",
    );
    assert_eq!(kept.text(), "{\"today\": oops");

    // A folder in place of a document: the messages are kept elsewhere, and the other channel is not held up.
    s.storage(
        "PUT",
        "chat-messages/irc.example/channels/b/2026/01/10/x",
        "x",
    );
    let receipt = send(
        &s.functions,
        &[
            message("alice", "2", "#b", "2026-01-10T10:00:00Z", "two"),
            message("alice", "3", "#c", "2026-01-10T10:00:00Z", "three"),
        ],
    );
    assert_eq!(receipt, json!({"stored": 2}));
    assert_eq!(s.texts("c/2026/01/10"), ["three"]);
    let recovered = s.storage("GET", "chat-messages/recovered/", "").json();
    let name = recovered["items"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .clone();
    let document = s
        .storage("GET", &format!("chat-messages/recovered/{name}"), "")
        .json();
    assert_eq!(document["messages"][0]["text"], "two");
    assert_eq!(document["folder"], "chat-messages/irc.example/channels/b");
}

#[test]
fn a_day_of_another_writer_is_continued() {
    let s = setup();
    let day = "chat-messages/irc.example/channels/a/2026/01/10";
    s.storage("PUT", day, r##"{"@context":"https://kosmos.org/ns/v1","name":"#a","sameAs":"x","today":{"@id":"2026/01/10",
        "@type":"ChatLog","messageType":"InstantMessage","messages":[{"date":"2026-01-10T10:00:00.000Z","user":"x","text":"old"}]}}"##);
    send(
        &s.functions,
        &[
            message("alice", "1", "#a", "2026-01-10T11:00:00Z", "new"),
            message("alice", "2", "#a", "2026-01-12T11:00:00Z", "later"),
        ],
    );
    let document = s.storage("GET", day, "").json();
    assert_eq!(
        (
            &document["sameAs"],
            &document["today"]["messages"][1]["text"]
        ),
        (&"x".into(), &"new".into())
    );
    assert_eq!(document["today"]["next"], "2026/01/12");
    assert_eq!(s.meta("a").first.to_string(), "2026/01/10");
}
