//! Replies, reactions, deletions and typing: client-only tags and REDACT.

use std::time::Duration;

use gateway::Audience;
use protocol::{ActivityObject, ArchiveMessage, ArchiveTarget, EventBody, MessageType};
use serde_json::{Value, json};

use crate::common::{SOCKET, Story, Told, assignment};

const CAPS: &str = "batch draft/chathistory draft/event-playback draft/message-redaction echo-message \
                    labeled-response message-tags server-time";

fn story() -> Story {
    let mut story = Story::online(assignment(), CAPS, "CHANTYPES=#");
    story.join("#t", "alice bob");
    story
}

fn entry<'a>((_, _, records): Told<'a>) -> (&'a ArchiveTarget, &'a ArchiveMessage) {
    let [
        (
            _,
            EventBody::Message {
                target, message, ..
            },
        ),
    ] = records
    else {
        panic!("{records:?}");
    };
    (target, message)
}

fn object(told: Told<'_>) -> Value {
    told.0
        .object
        .as_ref()
        .map(ActivityObject::to_value)
        .unwrap()
}

fn act(kind: &str, object: Value) -> Value {
    json!({"type": kind, "target": {"id": "#t@irc.test"}, "object": object})
}

/// The label that a line was sent with, and the line.
fn labelled(line: &str) -> (String, String) {
    let (tags, line) = line.strip_prefix('@').unwrap().split_once(' ').unwrap();
    let label = tags.split(';').find_map(|tag| tag.strip_prefix("label="));
    let rest: Vec<_> = tags.split(';').filter(|tag| tag.starts_with('+')).collect();
    (
        label.unwrap_or_default().to_owned(),
        format!("{} {line}", rest.join(";")),
    )
}

/// What the connection says that it carries.
fn carried(story: &Story) -> Option<Value> {
    let states = story.activities();
    let state = states
        .into_iter()
        .rev()
        .find(|told| object(*told)["type"] == "connection");
    state.map(|state| object(state)["supports"].clone())
}

#[test]
fn an_answer_says_which_message_it_answers() {
    let mut story = story();
    for tag in ["+reply", "+draft/reply"] {
        story.outputs.clear();
        let line = format!("@msgid=m{tag};{tag}=m1 :bob!b@h PRIVMSG #t :yes");
        story.server(&line);
        assert_eq!(object(story.only())["inReplyTo"], "m1");
        assert_eq!(entry(story.only()).1.reply_to.as_deref(), Some("m1"));
    }
    story.outputs.clear();
    let request = story.perform(act(
        "send",
        json!({"type": "message", "content": "one\ntwo", "inReplyTo": "m1"}),
    ));
    let (label, line) = labelled(&story.sent[0]);
    assert_eq!(line, "+reply=m1 PRIVMSG #t one");
    assert!(!story.sent[1].contains("+reply"), "one line answers");
    story.server(&format!(
        "@label={label};msgid=m2;+reply=m1 :alice!al@host.test PRIVMSG #t :one"
    ));
    let ack = story.answer(request).unwrap().unwrap();
    assert_eq!(ack.object.as_ref().unwrap().in_reply_to(), Some("m1"));
    assert_eq!(entry(story.only()).1.reply_to.as_deref(), Some("m1"));
}

#[test]
fn what_the_network_cannot_be_told_is_said_without() {
    for (caps, isupport, id) in [
        ("echo-message", "CHANTYPES=#", "m1"),
        ("echo-message message-tags", "CLIENTTAGDENY=*", "m1"),
        // Of a message without an id from the network.
        (
            "echo-message message-tags",
            "CHANTYPES=#",
            "0123456789abcdef-1f",
        ),
    ] {
        let mut story = Story::online(assignment(), caps, isupport);
        story.join("#t", "alice bob");
        let said = json!({"type": "message", "content": "yes", "inReplyTo": id});
        let request = story.perform(act("send", said));
        assert_eq!(story.sent, ["PRIVMSG #t yes"]);
        story.server(":alice!al@host.test PRIVMSG #t :yes");
        let ack = story.answer(request).unwrap().unwrap();
        assert_eq!(ack.object.as_ref().unwrap().in_reply_to(), None);
    }
    // The name from before it was ratified may be the only one that is relayed.
    let deny = "CLIENTTAGDENY=*,-draft/reply";
    let mut story = Story::online(assignment(), "message-tags", deny);
    story.join("#t", "alice bob");
    story.perform(act(
        "send",
        json!({"type": "message", "content": "yes", "inReplyTo": "m1"}),
    ));
    assert_eq!(story.sent, ["@+draft/reply=m1 PRIVMSG #t yes"]);
}

#[test]
fn reactions_of_others_are_told_and_recorded() {
    let mut story = story();
    story.server(
        "@msgid=r1;time=2026-01-01T00:00:05.000Z;+draft/react=👍;+reply=m1 :bob!b@h TAGMSG #t",
    );
    let told = story.only();
    assert_eq!((told.0.kind.as_str(), told.1), ("add", Audience::All));
    assert_eq!(
        object(told),
        json!({"type": "reaction", "content": "👍", "inReplyTo": "m1"})
    );
    assert_eq!(told.0.target.as_ref().unwrap().id, "#t@irc.test");
    assert_eq!(told.0.id.as_deref(), Some("r1"));
    let (target, made) = entry(told);
    assert_eq!(target, &ArchiveTarget::Channel("#t".into()));
    assert_eq!(
        (made.kind.clone(), made.from.as_str(), made.removed),
        (MessageType::Reaction, "bob", false)
    );
    assert_eq!(
        (made.about.as_deref(), made.emoji.as_deref()),
        (Some("m1"), Some("👍"))
    );
    // A repeat changes nothing; taking it back does.
    story.outputs.clear();
    story.server("@msgid=r1;+draft/react=👍;+reply=m1 :bob!b@h TAGMSG #t");
    story.server("@msgid=r2;+draft/unreact=👍;+reply=m1 :bob!b@h TAGMSG alice");
    let told = story.only();
    assert_eq!(told.0.kind, "remove");
    let (target, made) = entry(told);
    assert_eq!(target, &ArchiveTarget::User("bob".into()));
    assert!(made.removed);
}

#[test]
fn reactions_to_one_message_have_a_bound() {
    let mut story = story();
    for number in 0..700 {
        story.server(&format!(
            "@msgid=r{number};+draft/react=a{number};+reply=m1 :bob!b@h TAGMSG #t"
        ));
    }
    assert_eq!(story.activities().len(), 500);
    story.outputs.clear();
    story.server("@msgid=other;+draft/react=👍;+reply=m2 :bob!b@h TAGMSG #t");
    assert_eq!(story.activities().len(), 1);
}

#[test]
fn an_own_reaction_is_done_when_it_is_echoed() {
    let mut story = story();
    let reaction = json!({"type": "reaction", "content": "👍", "inReplyTo": "m1"});
    let request = story.perform(act("add", reaction.clone()));
    let (label, line) = labelled(&story.sent[0]);
    assert_eq!(line, "+draft/react=👍;+reply=m1 TAGMSG #t");
    assert!(story.answer(request).is_none());
    story.server(&format!(
        "@label={label};msgid=r1;+draft/react=👍;+reply=m1 :alice!al@host.test TAGMSG #t"
    ));
    assert_eq!(story.only().1, Audience::Except(SOCKET.socket));
    let ack = story.answer(request).unwrap().unwrap();
    assert_eq!((ack.kind.as_str(), ack.id.as_deref()), ("add", Some("r1")));
    story.sent.clear();
    let request = story.perform(act("remove", reaction));
    assert_eq!(
        labelled(&story.sent[0]).1,
        "+draft/unreact=👍;+reply=m1 TAGMSG #t"
    );
    // A refusal is about the request with that label.
    let label = labelled(&story.sent[0]).0;
    story.server(&format!(
        "@label={label} :irc.test 404 alice #t :You may not speak here"
    ));
    assert!(story.error(request).contains("You may not speak here"));
    let made_here =
        json!({"type": "reaction", "content": "👍", "inReplyTo": "0123456789abcdef-1f"});
    let request = story.perform(act("add", made_here));
    assert_eq!(
        story.error(request),
        "irc.test has given that message no id."
    );
}

#[test]
fn a_deletion_is_told_recorded_and_asked_for() {
    let mut story = story();
    story.server("@msgid=d1 :bob!b@h REDACT #t m1 :a typo");
    let told = story.only();
    assert_eq!(told.0.kind, "delete");
    assert_eq!(
        object(told),
        json!({"type": "message", "id": "m1", "content": "a typo"})
    );
    let (_, made) = entry(told);
    assert_eq!(
        (made.kind.clone(), made.about.as_deref(), made.from.as_str()),
        (MessageType::Deletion, Some("m1"), "bob")
    );
    story.outputs.clear();
    let deletion = || act("delete", json!({"type": "message", "id": "m2"}));
    let request = story.perform(deletion());
    let label = story.sent[0].split(' ').next().unwrap().to_owned();
    assert!(story.sent[0].ends_with(" REDACT #t m2"), "{:?}", story.sent);
    story.server(&format!(
        "{label};msgid=d2 :alice!al@host.test REDACT #t m2"
    ));
    assert!(story.answer(request).unwrap().is_ok());
    story.sent.clear();
    let request = story.perform(deletion());
    let label = story.sent[0].split(' ').next().unwrap().to_owned();
    story.server(&format!(
        "{label} :irc.test FAIL REDACT REDACT_FORBIDDEN #t m2 :You may not delete that"
    ));
    assert!(story.error(request).contains("You may not delete that"));
    // Lines of a server that lies.
    story.outputs.clear();
    let long = format!(":bob!b@h REDACT #t {}", "m".repeat(300));
    for line in [
        ":bob!b@h REDACT",
        ":bob!b@h REDACT #t",
        ":bob!b@h REDACT #t :a b",
        &long,
    ] {
        story.server(line);
    }
    assert!(story.activities().is_empty());
}

#[test]
fn typing_is_told_but_not_recorded() {
    let mut story = story();
    story.server("@+typing=active :bob!b@h TAGMSG #t");
    story.server("@+typing=active :bob!b@h TAGMSG #t");
    story.server("@+typing=active :alice!al@host.test TAGMSG #t");
    let told = story.only();
    assert_eq!((told.0.kind.as_str(), told.1), ("update", Audience::Full));
    assert_eq!(
        object(told),
        json!({"type": "chat-state", "state": "composing"})
    );
    assert!(told.2.is_empty());
    story.outputs.clear();
    let typing = |state: &str| act("update", json!({"type": "chat-state", "state": state}));
    let request = story.perform(typing("composing"));
    assert!(story.answer(request).unwrap().is_ok());
    story.perform(typing("composing"));
    assert_eq!(story.sent, ["@+typing=active TAGMSG #t"]);
    story.pass(Duration::from_secs(4));
    story.perform(typing("composing"));
    story.perform(typing("active"));
    assert_eq!(
        story.sent[1..],
        ["@+typing=active TAGMSG #t", "@+typing=done TAGMSG #t"]
    );
}

#[test]
fn what_was_sent_makes_typing_news_again() {
    let mut story = story();
    let typing = || {
        act(
            "update",
            json!({"type": "chat-state", "state": "composing"}),
        )
    };
    story.perform(typing());
    story.perform(act("send", json!({"type": "message", "content": "hi"})));
    story.pass(Duration::from_secs(1));
    story.perform(typing());
    let composing = "@+typing=active TAGMSG #t";
    let told = story.sent.iter().filter(|line| *line == composing);
    assert_eq!(told.count(), 2, "{:?}", story.sent);
    // And of others.
    story.outputs.clear();
    for line in ["TAGMSG #t", "PRIVMSG #t :hello", "TAGMSG #t"] {
        story.server(&format!("@+typing=active :bob!b@h {line}"));
    }
    assert_eq!(story.outputs.len(), 3, "{:?}", story.outputs);
}

#[test]
fn only_what_the_network_carries_is_offered() {
    let all = json!(["deletion", "reactions", "replies", "typing"]);
    for (caps, isupport, supports) in [
        (CAPS, "CHANTYPES=#", all),
        (
            CAPS,
            "CLIENTTAGDENY=typing",
            json!(["deletion", "reactions", "replies"]),
        ),
        (
            CAPS,
            "CLIENTTAGDENY=*,-reply",
            json!(["deletion", "replies"]),
        ),
        ("message-tags", "CHANTYPES=#", json!(["replies", "typing"])),
        ("echo-message", "CHANTYPES=#", json!([])),
    ] {
        let mut story = Story::new(assignment());
        story.go_online(caps, isupport);
        story.command(gateway::Command::Attach {
            request: gateway::RequestId(99),
            socket: SOCKET,
        });
        assert_eq!(carried(&story), Some(supports), "{caps} {isupport}");
    }
    // It is told again when it changes.
    let mut story = story();
    story.server(":irc.test CAP alice DEL :draft/message-redaction");
    assert_eq!(
        carried(&story),
        Some(json!(["reactions", "replies", "typing"]))
    );
    story.outputs.clear();
    story.server(":irc.test 005 alice CLIENTTAGDENY=* :are supported");
    assert_eq!(carried(&story), Some(json!([])));
    story.outputs.clear();
    story.server(":irc.test 005 alice CLIENTTAGDENY=* :are supported");
    assert_eq!(carried(&story), None);
    for (kind, object, sentence) in [
        (
            "add",
            json!({"type": "reaction", "content": "👍", "inReplyTo": "m1"}),
            "irc.test has no reactions.",
        ),
        (
            "delete",
            json!({"type": "message", "id": "m1"}),
            "irc.test has no deletion of messages.",
        ),
        (
            "update",
            json!({"type": "chat-state", "state": "composing"}),
            "irc.test has no typing notifications.",
        ),
    ] {
        let request = story.perform(act(kind, object));
        assert_eq!(story.error(request), sentence);
    }
}

#[test]
fn what_was_reacted_and_deleted_meanwhile_comes_from_the_history() {
    let mut story = story();
    story.server(":irc.test BATCH +h chathistory #t");
    for line in [
        "@batch=h;msgid=m1;time=2026-01-01T00:00:01.000Z :bob!b@h PRIVMSG #t :hello",
        "@batch=h;msgid=j1;time=2026-01-01T00:00:02.000Z :eve!e@h JOIN #t",
        "@batch=h;msgid=r1;time=2026-01-01T00:00:03.000Z;+draft/react=👍;+reply=m1 :eve!e@h TAGMSG #t",
        "@batch=h;msgid=t1;time=2026-01-01T00:00:04.000Z;+typing=active :eve!e@h TAGMSG #t",
        "@batch=h;msgid=d1;time=2026-01-01T00:00:05.000Z :bob!b@h REDACT #t m1",
    ] {
        story.server(line);
    }
    story.server(":irc.test BATCH -h");
    let told = story.activities();
    let kinds: Vec<_> = told
        .iter()
        .map(|(activity, ..)| activity.kind.as_str())
        .collect();
    assert_eq!(kinds, ["send", "add", "delete"]);
    assert_eq!(entry(told[1]).1.timestamp, crate::common::START + 3_000);
}
