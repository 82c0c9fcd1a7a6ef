//! What servers refuse, and what is made of it: bans, too many connections, forwards, limits; and other encodings.

use std::time::Duration;

use serde_json::json;

use crate::common::{Story, assignment};

/// Closed with these words, over and over: the state's sentence, and how long each wait was.
fn closed(text: &str) -> (String, Vec<u64>) {
    let mut story = Story::new(assignment());
    let mut waits = Vec::new();
    for _ in 0..6 {
        story.connect();
        story.server(&format!("ERROR :{text}"));
        story.lost("The server closed the connection.");
        let due = story.session.poll_timeout().unwrap();
        waits.push((due - story.elapsed).as_secs());
        story.elapsed = due;
    }
    (story.state().1, waits)
}

#[test]
fn a_ban_is_told_as_one_and_nobody_hammers() {
    let (sentence, waits) = closed("Closing Link: host (K-Lined)");
    assert!(
        sentence.starts_with(
            "irc.test has banned this connection: Closing Link: host (K-Lined). Next attempt in"
        ),
        "{sentence}"
    );
    assert!(waits[0] >= 900 && waits[5] >= 7200, "{waits:?}");
    let (sentence, waits) = closed("Closing Link: host (Throttled: Reconnecting too fast)");
    assert!(
        sentence.contains("takes no more connections from here for now"),
        "{sentence}"
    );
    assert!(waits[0] >= 120 && waits[0] < 200, "{waits:?}");
    assert!(waits[5] >= 900 && waits[5] < 1000, "{waits:?}");
    let (_, waits) = closed("Closing Link: host (Server shutdown)");
    assert!(waits[0] <= 10, "{waits:?}");
}

#[test]
fn a_forward_is_told() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let join = json!({"type": "join", "target": {"id": "#a@irc.test", "type": "room"}});
    let request = story.perform(join);
    story.server(":irc.test 470 alice #a ##b :Forwarding to another channel");
    let (told, ..) = story.only();
    assert_eq!(
        told.error.as_deref(),
        Some("irc.test forwards you from #a to ##b.")
    );
    story.server(":alice!a@h JOIN ##b");
    story.answer(request).unwrap().unwrap();
}

#[test]
fn what_is_longer_than_the_server_takes_is_refused_before_or_cut_at_a_character() {
    let limits = "CHANTYPES=# TOPICLEN=10 KICKLEN=5 AWAYLEN=5 NICKLEN=9 CHANNELLEN=6 KEYLEN=4";
    let mut story = Story::online(assignment(), "", limits);
    story.join("#a", "@alice bob");
    let room = json!({"id": "#a@irc.test", "type": "room", "name": "#a"});
    for (wish, what) in [
        (
            json!({"type": "update", "target": room, "object": {"type": "topic", "content": "more than ten"}}),
            "topic has 13 bytes, and irc.test takes 10",
        ),
        (
            json!({"type": "update", "target": {"id": "longnickname@irc.test", "type": "person"}, "object": {"type": "address"}}),
            "nickname has 12 bytes",
        ),
        (
            json!({"type": "join", "target": {"id": "#longer@irc.test", "type": "room"}}),
            "name of the channel has 7 bytes",
        ),
        (
            json!({"type": "join", "target": {"id": "#b@irc.test", "type": "room"}, "object": {"type": "credentials", "password": "12345"}}),
            "key has 5 bytes",
        ),
    ] {
        let request = story.perform(wish);
        assert!(
            story.error(request).contains(what),
            "{}",
            story.error(request)
        );
    }
    assert!(story.sent.is_empty(), "{:?}", story.sent);
    let kick = json!({"type": "remove", "target": {"id": "bob@irc.test", "type": "person"}, "object": {"type": "room", "id": "#a@irc.test", "name": "#a", "content": "ääää"}});
    story.perform(kick);
    story.perform(json!({"type": "update", "object": {"type": "presence", "show": "away", "content": "lunch time"}}));
    assert_eq!(story.sent, ["KICK #a bob ää", "AWAY lunch"]);
}

#[test]
fn a_network_may_write_another_encoding() {
    let mut record = assignment();
    record.connection.set("encoding", "windows-1251");
    let mut story = Story::online(record.clone(), "", "CHANTYPES=#");
    let now = story.now();
    story
        .session
        .handle_line(b":bob!b@h PRIVMSG alice :\xcf\xf0\xe8\xe2\xe5\xf2", now);
    story.drain();
    story.server(":bob!b@h PRIVMSG alice :Ещё");
    assert_eq!(story.texts(), ["Привет", "Ещё"]);
    assert_eq!(
        &*story.session.encoded("PRIVMSG bob :да"),
        b"PRIVMSG bob :\xe4\xe0"
    );
    // Not to a server that takes nothing but UTF-8.
    let story = Story::online(record.clone(), "", "CHANTYPES=# UTF8ONLY");
    assert_eq!(&*story.session.encoded("да"), "да".as_bytes());
    record.connection.set("encoding", "klingon");
    let mut story = Story::new(record);
    story.connect();
    story.welcome("alice", "CHANTYPES=#");
    story.pass(Duration::ZERO);
    let troubles: Vec<String> = story
        .activities()
        .iter()
        .filter_map(|(a, ..)| a.error.clone())
        .collect();
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert!(
        troubles[0].starts_with("There is no encoding called klingon"),
        "{troubles:?}"
    );
}
