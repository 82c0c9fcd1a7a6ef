//! Messages: echoes, records, splitting, actions, CTCP.

use std::time::Duration;

use gateway::Audience;
use protocol::{ArchiveTarget, EventBody, MessageType};
use serde_json::json;

use crate::common::{SOCKET, START, Story, assignment};

const CAPS: &str = "echo-message labeled-response message-tags server-time batch";

#[test]
fn a_message_is_acknowledged_by_its_echo_after_its_record() {
    let mut story = Story::online(assignment(), CAPS, "CHANTYPES=#");
    story.join("#t", "alice bob");
    let request = story.say("#t", "hello :) x");
    let label = story.sent[0]
        .strip_prefix("@label=")
        .and_then(|line| line.split_once(' '))
        .unwrap();
    assert_eq!(label.1, "PRIVMSG #t :hello :) x");
    assert!(story.answer(request).is_none());
    story.server(&format!(
        "@time=2026-01-01T00:00:05.123Z;msgid=m1;label={} :alice!al@host.test PRIVMSG #t :hello :) x",
        label.0
    ));
    let (activity, audience, records) = story.only();
    assert_eq!(audience, Audience::Except(SOCKET.socket));
    assert_eq!(activity.id.as_deref(), Some("m1"));
    assert_eq!(
        activity.published.as_deref(),
        Some("2026-01-01T00:00:05.123Z")
    );
    let [
        (
            id,
            EventBody::Message {
                server,
                target,
                message,
                missed: false,
                about_time: None,
            },
        ),
    ] = records
    else {
        panic!("{records:?}");
    };
    assert_eq!(
        (id.as_str(), server.as_str()),
        ("alice/c1/#t/m1", "irc.test")
    );
    assert_eq!(*target, ArchiveTarget::Channel("#t".to_owned()));
    assert_eq!(message.timestamp, START + 5123);
    assert_eq!(
        (message.from.as_str(), message.text.as_str()),
        ("alice", "hello :) x")
    );
    // The record comes first, then the ack.
    assert!(matches!(story.outputs[1], gateway::Output::Done { .. }));
    let ack = story.answer(request).unwrap().unwrap();
    assert_eq!(ack.id.as_deref(), Some("m1"));
    // A repeated echo is recognised.
    story.outputs.clear();
    story.server("@msgid=m1 :alice!al@host.test PRIVMSG #t :hello :) x");
    assert!(story.outputs.is_empty());
}

#[test]
fn the_id_that_a_client_made_comes_back_with_every_part_and_is_recorded() {
    let mut story = Story::online(assignment(), CAPS, "CHANTYPES=#");
    story.join("#t", "alice bob");
    let request = story.perform(json!({
        "type": "send",
        "target": {"id": "#t@irc.test"},
        "object": {"type": "message", "content": "one\ntwo", "clientId": "local:1"},
    }));
    let sent = story.sent.clone();
    assert!(
        sent.iter().all(|line| !line.contains("local:1")),
        "the network need not know: {sent:?}"
    );
    for (line, text) in sent.iter().zip(["one", "two"]) {
        let label = line.split(' ').next().unwrap();
        story.server(&format!(
            "{label};msgid=m-{text} :alice!al@host.test PRIVMSG #t :{text}"
        ));
    }
    let ack = story.answer(request).unwrap().unwrap();
    assert_eq!(ack.client_id().unwrap().as_str(), "local:1");
    // Messages from others, or from elsewhere, have none.
    story.server("@msgid=m3 :alice!al@host.test PRIVMSG #t :one");
    let ids: Vec<_> = story
        .activities()
        .iter()
        .map(|(activity, _, records)| {
            let [(_, EventBody::Message { message, .. })] = records else {
                panic!("{records:?}");
            };
            assert_eq!(activity.client_id(), message.client_id);
            activity.client_id().map(String::from)
        })
        .collect();
    let own = Some("local:1".to_owned());
    assert_eq!(ids, [own.clone(), own, None]);
}

#[test]
fn without_labels_an_echo_is_found_by_what_it_says() {
    let mut story = Story::online(assignment(), "echo-message", "CHANTYPES=#");
    story.join("#t", "alice bob");
    let (one, two) = (story.say("#t", "one"), story.say("#t", "two"));
    story.server(":alice!al@host.test PRIVMSG #t :two");
    assert!(story.answer(one).is_none() && story.answer(two).is_some());
    story.server(":alice!al@host.test PRIVMSG #t :ONE, changed by the server");
    let ack = story.answer(one).unwrap().unwrap();
    assert_eq!(ack.content(), Some("ONE, changed by the server"));
    // Sent with the same nickname elsewhere: everyone is told.
    story.outputs.clear();
    story.server(":alice!al@host.test PRIVMSG #t :from my phone");
    assert_eq!(story.only().1, Audience::All);
}

#[test]
fn an_echo_that_never_comes_is_reported() {
    let mut story = Story::online(assignment(), CAPS, "CHANTYPES=#");
    story.join("#t", "alice");
    let request = story.say("#t", "hello");
    for _ in 0..3 {
        story.pass(Duration::from_secs(10));
        story.server(":irc.test PONG x");
    }
    assert_eq!(
        story.error(request),
        "irc.test did not confirm the message in time; it may not have arrived."
    );
}

#[test]
fn a_server_that_cannot_store_a_message_is_not_said_to_forbid_it() {
    let mut story = Story::online(assignment(), CAPS, "CHANTYPES=#");
    story.join("#t", "alice");
    let request = story.say("#t", "hello");
    let label = story
        .sent
        .last()
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    story.server(&format!(
        "{label} :irc.test 404 alice #t :Your message was not sent: the server's disk is full"
    ));
    assert_eq!(
        story.error(request),
        "irc.test about #t: Your message was not sent: the server's disk is full."
    );
}

#[test]
fn a_refused_message_of_many_lines_fails_once_and_stops() {
    let mut story = Story::online(assignment(), CAPS, "CHANTYPES=#");
    story.join("#t", "alice");
    story.pass(Duration::from_secs(30));
    story.sent.clear();
    let text: Vec<String> = (0..15).map(|n| format!("line {n}")).collect();
    let request = story.say("#t", &text.join("\n"));
    assert_eq!(story.sent.len(), 10);
    for line in story.sent.clone() {
        let label = line.split(' ').next().unwrap().to_owned();
        story.server(&format!(
            "{label} :irc.test 404 alice #t :Cannot send to channel"
        ));
    }
    assert_eq!(
        story.error(request),
        "irc.test does not let you speak in #t: Cannot send to channel."
    );
    assert_eq!(story.outputs.len(), 1, "{:?}", story.outputs);
    story.pass(Duration::from_secs(60));
    assert_eq!(
        story.sent.iter().filter(|l| l.contains("PRIVMSG")).count(),
        10
    );
}

#[test]
fn long_text_becomes_lines_that_fit_when_they_are_relayed() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=# soju.im/SAFERATE");
    story.join("#t", "alice");
    let text = "Grüße aus Köln, wo der Käse schön reift 👩\u{200D}👧! ".repeat(40);
    let request = story.say("#t", &text);
    assert!(story.sent.len() > 3);
    for line in &story.sent {
        let relayed = format!(":alice!al@host.test {line}\r\n");
        assert!(relayed.len() <= 512, "{}", relayed.len());
    }
    let said = story.texts().join(" ");
    assert_eq!(said.replace(' ', ""), text.replace(' ', ""));
    // The first is the ack; the sender sees the others too.
    let audiences: Vec<_> = story
        .activities()
        .iter()
        .map(|(_, audience, _)| *audience)
        .collect();
    assert_eq!(audiences[0], Audience::Except(SOCKET.socket));
    assert!(
        audiences[1..]
            .iter()
            .all(|audience| *audience == Audience::All)
    );
    let ack = story.answer(request).unwrap().unwrap();
    assert_eq!(ack.content(), Some(story.texts()[0].as_str()));
    let mut ids: Vec<_> = story
        .activities()
        .iter()
        .map(|(a, ..)| a.id.clone().unwrap())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), story.sent.len());
}

#[test]
fn lines_breaks_and_commands_cannot_be_smuggled() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "alice");
    story.say("#t", "one\r\nQUIT :x\0\n\n  \ntwo\u{1}VERSION");
    assert_eq!(
        story.sent,
        [
            "PRIVMSG #t one",
            "PRIVMSG #t :QUIT :x",
            "PRIVMSG #t twoVERSION"
        ]
    );
    for target in ["#t,#u", "#t x", "bob\r\nQUIT", "$*", ":x"] {
        let before = story.sent.len();
        let request = story.say(target, "hello");
        assert!(story.error(request).contains("cannot be"), "{target}");
        assert_eq!(story.sent.len(), before);
    }
    let empty = story.say("#t", " \n ");
    assert_eq!(story.error(empty), "The message is empty.");
    let long = story.say("#t", &"x\n".repeat(51));
    assert!(
        story
            .error(long)
            .starts_with("The message would become 51 lines")
    );
    let elsewhere = story.say("#u", "hello");
    assert_eq!(
        story.error(elsewhere),
        "You are not in #u on irc.test; join it first."
    );
}

#[test]
fn actions_are_told_in_three_ways_and_seen_in_one() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "alice bob");
    story.say_plain("#t", "/me waves");
    story.perform(json!({"type": "send", "target": {"id": "irc.test/#t"}, "object": {"type": "me", "content": "waves"}}));
    assert_eq!(story.sent[0], "PRIVMSG #t :\x01ACTION waves\x01");
    assert_eq!(story.sent[1], story.sent[0]);
    story.say("#t", "see docs/me for info");
    assert_eq!(story.sent[2], "PRIVMSG #t :see docs/me for info");
    // Texts that look like a command: with a second slash, and from clients that state the type.
    story.say_plain("#t", "//me is how to do it");
    story.say("#t", "/me is how to do it");
    assert_eq!(story.sent[3], "PRIVMSG #t :/me is how to do it");
    assert_eq!(story.sent[4], story.sent[3]);
    story.say_plain("#t", "// a comment");
    assert_eq!(story.sent[5], "PRIVMSG #t :// a comment");
    story.outputs.clear();
    story.server(":bob!b@h PRIVMSG #t :\x01ACTION waves back\x01");
    let (activity, _, records) = story.only();
    assert_eq!(
        activity.object,
        Some(json!({"type": "me", "content": "waves back"}).into())
    );
    let EventBody::Message { message, .. } = &records[0].1 else {
        panic!()
    };
    assert_eq!(
        (message.kind.clone(), message.text.as_str()),
        (MessageType::Action, "waves back")
    );
}

#[test]
fn direct_messages_are_archived_under_the_other_one() {
    let mut story = Story::online(assignment(), "echo-message", "CHANTYPES=#");
    story.server(":bob!b@h PRIVMSG alice :psst");
    story.say("Carol", "hi");
    story.server(":alice!al@host.test PRIVMSG Carol :hi");
    let targets: Vec<_> = story
        .activities()
        .iter()
        .map(|(activity, _, records)| {
            let EventBody::Message { target, .. } = &records[0].1 else {
                panic!()
            };
            (activity.target.as_ref().unwrap().id.clone(), target.clone())
        })
        .collect();
    let user = |name: &str| ArchiveTarget::User(name.to_owned());
    assert_eq!(
        targets,
        [
            ("alice@irc.test".to_owned(), user("bob")),
            ("Carol@irc.test".to_owned(), user("Carol"))
        ]
    );
    // A password sent to a service is acknowledged and not archived.
    story.outputs.clear();
    let request = story.say("NickServ", "IDENTIFY secret");
    story.server(":alice!al@host.test PRIVMSG NickServ :IDENTIFY secret");
    assert!(story.answer(request).unwrap().is_ok());
    assert!(story.only().2.is_empty());
}

#[test]
fn questions_of_other_clients_are_answered_a_few_times() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.server(":bob!b@h PRIVMSG alice :\x01PING 123\x01");
    assert_eq!(story.sent, ["NOTICE bob :\x01PING 123\x01"]);
    for _ in 0..20 {
        story.server(":bob!b@h PRIVMSG alice :\x01VERSION\x01");
    }
    assert_eq!(story.sent.len(), 3);
    assert!(
        story.sent[1].contains("VERSION Subspace"),
        "{}",
        story.sent[1]
    );
    let recorded = story
        .activities()
        .iter()
        .any(|(.., records)| !records.is_empty());
    assert!(!recorded, "shown, never archived");
    story.server(":bob!b@h NOTICE alice :\x01VERSION other\x01");
    assert_eq!(story.sent.len(), 3);
    story.pass(Duration::from_secs(31));
    story.server(":bob!b@h PRIVMSG alice :\x01TIME\x01");
    assert!(
        story
            .sent
            .iter()
            .any(|line| line.contains("TIME 2026-01-01"))
    );
}

#[test]
fn notices_of_the_server_are_shown_and_not_archived() {
    let mut story = Story::new(assignment());
    story.connect();
    story.outputs.clear();
    story.server(":irc.test NOTICE * :*** Looking up your host");
    assert!(story.outputs.is_empty());
    story.welcome("alice", "CHANTYPES=#");
    story.outputs.clear();
    story.server(":irc.test NOTICE alice :going down soon");
    let (activity, audience, records) = story.only();
    assert_eq!(activity.actor.as_ref().unwrap().kind, "service");
    assert_eq!((audience, records.len()), (Audience::Full, 0));
}
