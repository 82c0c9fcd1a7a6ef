//! What is about a message that was said: replies, reactions, edits, deletions; and typing.

use protocol::{ArchiveMessage, Event, EventBody, Feature, MessageType};
use serde_json::{Value, json};

use crate::polling::Polling;
use crate::world::{ACCOUNT, Served, World, ask, message};
use crate::{Ground, until};

/// Two devices of the account, and the id of a message that the first has sent to somebody.
struct Said {
    world: World,
    served: Served,
    socket: Polling,
    other: Polling,
    to: Value,
    id: String,
}

async fn said(ground: &dyn Ground, needs: Feature) -> Option<Said> {
    if !ground.platform().descriptor().supports(needs) {
        return None;
    }
    let world = World::new(ground).await;
    world.assign();
    let served = world.serve().await;
    let other = served.attached(&world, json!({})).await;
    let mut socket = served.attached(&world, json!({})).await;
    let to = world.person(ground.somebody());
    let ack = ask(&mut socket, world.say(to.clone(), "see you at five")).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    let id = ack["id"].as_str().unwrap().to_owned();
    Some(Said {
        world,
        served,
        socket,
        other,
        to,
        id,
    })
}

impl Said {
    /// Does something; returns the ack, whose id the other device has seen too.
    async fn act(&mut self, kind: &str, object: Value) -> Value {
        let activity = json!({"target": self.to, "object": object});
        let ack = ask(&mut self.socket, self.world.act(kind, activity)).await;
        assert_eq!(ack["error"], Value::Null, "{ack}");
        let seen = message(&mut self.other, |seen| seen["id"] == ack["id"]).await;
        for part in ["type", "target", "object", "published"] {
            assert_eq!(seen[part], ack[part], "{part}");
        }
        ack
    }

    /// The account's entries of a type, once there are so many.
    async fn archived(&self, kind: MessageType, count: usize) -> Vec<ArchiveMessage> {
        let found = || own_entries(&self.world.functions.stored(), &kind);
        until("it is archived", || found().len() >= count).await;
        found()
    }
}

fn own_entries(events: &[Event], kind: &MessageType) -> Vec<ArchiveMessage> {
    let own = events.iter().filter_map(|event| match &event.body {
        EventBody::Message { message, .. } if message.kind == *kind && message.from == ACCOUNT => {
            Some(message.clone())
        }
        _ => None,
    });
    own.collect()
}

/// A reply names its message in the ack, on other devices and in the archive.
pub async fn where_there_are_replies_they_name_their_message(ground: &dyn Ground) {
    let Some(mut said) = said(ground, Feature::Replies).await else {
        return;
    };
    let reply = json!({"type": "message", "content": "fine", "inReplyTo": said.id});
    let ack = said.act("send", reply).await;
    assert_eq!(ack["object"]["inReplyTo"], said.id.as_str());
    let entries = said.archived(MessageType::Text, 2).await;
    let reply = entries.iter().find(|entry| entry.text == "fine").unwrap();
    assert_eq!(reply.reply_to.as_ref(), Some(&said.id));
    said.served.stop().await;
}

/// A reaction comes and goes, and who sees only texts sees a sentence.
pub async fn where_there_are_reactions_they_come_and_go(ground: &dyn Ground) {
    let Some(mut said) = said(ground, Feature::Reactions).await else {
        return;
    };
    let reaction = json!({"type": "reaction", "content": "👍", "inReplyTo": said.id});
    let added = said.act("add", reaction.clone()).await;
    assert_eq!(added["object"], reaction);
    said.act("remove", reaction).await;
    let entries = said.archived(MessageType::Reaction, 2).await;
    let texts: Vec<_> = entries.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "reacted with 👍 to “see you at five”",
            "removed the reaction 👍 from “see you at five”"
        ]
    );
    assert_eq!(entries[0].id.as_deref(), added["id"].as_str());
    for (entry, removed) in entries.iter().zip([false, true]) {
        assert_eq!(
            (&entry.about, entry.emoji.as_deref(), entry.removed),
            (&Some(said.id.clone()), Some("👍"), removed)
        );
    }
    said.served.stop().await;
}

/// An edit says what the message says now.
pub async fn where_there_are_edits_they_are_told(ground: &dyn Ground) {
    let Some(mut said) = said(ground, Feature::Edits).await else {
        return;
    };
    let edit = json!({"type": "message", "id": said.id, "content": "see you at six"});
    said.act("update", edit).await;
    let entries = said.archived(MessageType::Edit, 1).await;
    assert_eq!(
        (&entries[0].about, entries[0].text.as_str()),
        (&Some(said.id.clone()), "see you at six")
    );
    said.served.stop().await;
}

/// What was deleted is told to nobody who returns, and the archive learns of it.
pub async fn where_there_are_deletions_the_text_is_gone(ground: &dyn Ground) {
    let Some(mut said) = said(ground, Feature::Deletion).await else {
        return;
    };
    let deletion = json!({"type": "message", "id": said.id});
    said.act("delete", deletion).await;
    let since = protocol::Timestamp::from_millis(1).to_string();
    let mut late = said
        .served
        .socket(json!({"mode": "full", "since": since}))
        .await;
    ask(&mut late, said.world.act("connect", json!({}))).await;
    let again = message(&mut late, |seen| seen["id"] == said.id.as_str()).await;
    assert_eq!(again["object"]["content"], "");
    let told = message(&mut late, |seen| seen["type"] == "delete").await;
    assert_eq!(told["object"]["id"], said.id.as_str());
    let entries = said.archived(MessageType::Deletion, 1).await;
    assert_eq!(
        (&entries[0].about, entries[0].text.as_str()),
        (&Some(said.id.clone()), "deleted a message")
    );
    // The functions find the day by this.
    let stored = said.world.functions.stored();
    let when = stored.iter().find_map(|event| match &event.body {
        EventBody::Message { about_time, .. } => *about_time,
        _ => None,
    });
    assert!(when.is_some());
    said.served.stop().await;
}

/// Typing is acknowledged and archived by nobody.
pub async fn where_there_is_typing_it_is_told(ground: &dyn Ground) {
    let Some(mut said) = said(ground, Feature::Typing).await else {
        return;
    };
    for state in ["composing", "paused", "active"] {
        let object = json!({"type": "chat-state", "state": state});
        let typing = json!({"target": said.to, "object": object});
        let ack = ask(&mut said.socket, said.world.act("update", typing)).await;
        assert_eq!(ack["error"], Value::Null, "{ack}");
    }
    let object = json!({"type": "chat-state", "state": "furious"});
    let typing = json!({"target": said.to, "object": object});
    let ack = ask(&mut said.socket, said.world.act("update", typing)).await;
    assert_eq!(
        ack["error"],
        "object.state must be composing, paused or active."
    );
    said.served.stop().await;
}

/// What names no message, or reacts with what is nothing to react with, is refused with one sentence.
pub async fn what_is_about_no_message_is_refused(ground: &dyn Ground) {
    let told = ground.platform().descriptor();
    let world = World::new(ground).await;
    world.assign();
    let served = world.serve().await;
    let mut socket = served.attached(&world, json!({})).await;
    let (nothing, long) = ("must name the message", "x".repeat(65));
    for (feature, kind, object, sentence) in [
        (
            Feature::Reactions,
            "add",
            json!({"type": "reaction", "content": "👍"}),
            nothing,
        ),
        (
            Feature::Reactions,
            "add",
            json!({"type": "reaction", "content": "👍", "inReplyTo": "a b"}),
            nothing,
        ),
        (
            Feature::Reactions,
            "remove",
            json!({"type": "reaction", "content": long, "inReplyTo": "m"}),
            "at most 64 bytes",
        ),
        (
            Feature::Deletion,
            "delete",
            json!({"type": "message"}),
            nothing,
        ),
        (
            Feature::Edits,
            "update",
            json!({"type": "message", "content": "x", "id": 7}),
            nothing,
        ),
    ] {
        if !told.supports(feature) {
            continue;
        }
        let target = world.person(ground.somebody());
        let asked = world.act(kind, json!({"target": target, "object": object}));
        let ack = ask(&mut socket, asked).await;
        let error = ack["error"].as_str().unwrap_or_default();
        assert!(error.contains(sentence), "{kind}: {ack}");
    }
    served.stop().await;
}
