//! A connection's recent messages, for returning devices.

use std::collections::VecDeque;

use protocol::{
    Activity, ActivityObject, ArchiveMessage, ArchiveTarget, Bounded, Contexts, Entity, Event,
    EventBody, Folding, MessageType, TextObject, Timestamp,
};

/// Deleted messages whose ids are remembered: what comes of them later stays empty.
const MOST_DELETED: usize = 256;

/// Activities that have an entry in the archive, oldest first.
#[derive(Debug)]
pub(crate) struct Ring {
    recent: VecDeque<Kept>,
    most: usize,
    /// The `@context` that all have, kept once.
    contexts: Contexts,
    deleted: Bounded<String, ()>,
}

/// An activity as JSON: a quarter of what it takes as a value, and most are never asked for.
#[derive(Debug)]
struct Kept {
    time: Timestamp,
    /// Whether it is a message, not something about one.
    said: bool,
    /// The id of the message that it says, or is about.
    about: Option<Box<str>>,
    written: Box<[u8]>,
}

impl Ring {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            recent: VecDeque::new(),
            most,
            contexts: Vec::new(),
            deleted: Bounded::new(MOST_DELETED),
        }
    }

    /// Adds what happened. A deletion takes the text of its message, and all that says it again.
    pub(crate) fn push(&mut self, mut activity: Activity) {
        let time = activity
            .published
            .as_deref()
            .and_then(|text| text.parse().ok());
        let Some(time) = time else {
            return;
        };
        if activity.kind == "delete"
            && let Some(id) = activity.object.as_ref().and_then(ActivityObject::id)
        {
            let id = id.to_owned();
            self.forget(&id);
            self.deleted.insert(id, ());
        } else if about(&activity).is_some_and(|id| self.deleted.contains_key(id)) {
            empty(&mut activity);
        }
        if self.contexts.is_empty() {
            self.contexts.clone_from(&activity.contexts);
        }
        if activity.contexts == self.contexts {
            activity.contexts = Vec::new();
        }
        let about = about(&activity).map(Box::from);
        let said = activity.kind == "send";
        let Some(written) = written(&activity) else {
            return;
        };
        if self.recent.len() >= self.most {
            self.recent.pop_front();
        }
        self.recent.push_back(Kept {
            time,
            said,
            about,
            written,
        });
    }

    /// Returns the message with an id, and when it was said.
    pub(crate) fn find(&self, id: &str) -> Option<(Timestamp, Activity)> {
        let is_it = |kept: &&Kept| kept.said && kept.about.as_deref() == Some(id);
        let kept = self.recent.iter().rev().find(is_it)?;
        Some((kept.time, self.read(kept)?))
    }

    /// The activity that was kept.
    fn read(&self, kept: &Kept) -> Option<Activity> {
        let mut activity: Activity = serde_json::from_slice(&kept.written).ok()?;
        if activity.contexts.is_empty() {
            activity.contexts.clone_from(&self.contexts);
        }
        Some(activity)
    }

    /// Takes the text of a message that was deleted. Reactions to it and edits of it go with it.
    fn forget(&mut self, id: &str) {
        self.recent.retain_mut(|kept| {
            if kept.about.as_deref() != Some(id) {
                return true;
            }
            let Ok(mut activity) = serde_json::from_slice::<Activity>(&kept.written) else {
                return false;
            };
            if activity.kind == "delete" {
                return true;
            }
            empty(&mut activity);
            let written = written(&activity);
            let stays = kept.said && written.is_some();
            kept.written = written.unwrap_or_default();
            stays
        });
    }

    /// Returns what was published after `since`, in order of time.
    pub(crate) fn since(&self, since: Timestamp) -> Vec<Activity> {
        self.in_order(|kept| kept.time > since)
    }

    fn in_order(&self, meant: impl Fn(&Kept) -> bool) -> Vec<Activity> {
        let mut found: Vec<&Kept> = self.recent.iter().filter(|kept| meant(kept)).collect();
        found.sort_by_key(|kept| kept.time);
        found
            .into_iter()
            .filter_map(|kept| self.read(kept))
            .collect()
    }

    /// Returns the activities of a conversation, or all, in chronological order.
    pub(crate) fn recall(
        &self,
        conversation: Option<&str>,
        own: &str,
        folding: Folding,
    ) -> Vec<Activity> {
        let mut all = self.in_order(|_| true);
        all.retain(|activity| conversation.is_none_or(|name| is_in(activity, name, own, folding)));
        all
    }
}

fn written(activity: &Activity) -> Option<Box<[u8]>> {
    serde_json::to_vec(activity).ok().map(Vec::into_boxed_slice)
}

/// Returns whether a message belongs to a conversation: a room, or the person who is not `own`.
fn is_in(activity: &Activity, conversation: &str, own: &str, folding: Folding) -> bool {
    let name = |entity: &Option<Entity>| entity.as_ref()?.name.clone();
    let is_room = activity.target.as_ref().is_some_and(|to| to.kind == "room");
    let from = name(&activity.actor).unwrap_or_default();
    let with = if is_room || folding.same(&from, own) {
        name(&activity.target).unwrap_or_default()
    } else {
        from
    };
    folding.same(&with, conversation)
}

/// The id of the message that an activity says, or is about.
fn about(activity: &Activity) -> Option<&str> {
    match activity.kind.as_str() {
        "send" => activity.id.as_deref(),
        "update" => activity.object.as_ref()?.id(),
        _ => activity.object.as_ref()?.in_reply_to(),
    }
}

/// Leaves nothing of what was said.
fn empty(activity: &mut Activity) {
    if let Some(
        ActivityObject::Message(text) | ActivityObject::Me(text) | ActivityObject::Notice(text),
    ) = &mut activity.object
    {
        text.content = Some(String::new());
    }
}

/// Makes the activity again that an event of the spool was recorded for; only what was said, and what is about that.
pub(crate) fn activity_of(event: &Event, platform: &str, own: &str) -> Option<Activity> {
    let EventBody::Message {
        server,
        target,
        message,
        ..
    } = &event.body
    else {
        return None;
    };
    let (verb, object) = said(message)?;
    let mut activity = Activity::new(platform, verb, Entity::person(&message.from, server));
    activity.target = Some(match target {
        ArchiveTarget::Channel(channel) => Entity::room(channel, server),
        ArchiveTarget::User(nick) if *nick == message.from => Entity::person(own, server),
        ArchiveTarget::User(nick) => Entity::person(nick, server),
    });
    activity.object = Some(object);
    activity.id.clone_from(&message.id);
    activity.published = Some(Timestamp::from_millis(message.timestamp).to_string());
    Some(activity)
}

/// What an entry says, as the type and object of an activity.
fn said(message: &ArchiveMessage) -> Option<(&'static str, ActivityObject)> {
    let text = || TextObject {
        client_id: message.client_id.clone(),
        in_reply_to: message.reply_to.clone(),
        ..TextObject::new(&message.text)
    };
    let about = message.about.clone();
    Some(match message.kind {
        MessageType::Text => ("send", ActivityObject::Message(text())),
        MessageType::Action => ("send", ActivityObject::Me(text())),
        MessageType::Notice => ("send", ActivityObject::Notice(text())),
        MessageType::Reaction => {
            let verb = if message.removed { "remove" } else { "add" };
            (
                verb,
                ActivityObject::reaction(message.emoji.clone()?, about?),
            )
        }
        MessageType::Edit => {
            let id = Some(about?);
            let changed = TextObject { id, ..text() };
            ("update", ActivityObject::Message(changed))
        }
        MessageType::Deletion => ("delete", ActivityObject::reference(about?)),
        MessageType::Join
        | MessageType::Leave
        | MessageType::Topic
        | MessageType::Nick
        | MessageType::Other(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(target: ArchiveTarget, from: &str, time: i64) -> Event {
        Event {
            id: format!("e{time}"),
            account: "alice".parse().unwrap(),
            connection: "c".into(),
            body: EventBody::Message {
                server: "h".into(),
                target,
                message: ArchiveMessage {
                    id: Some(format!("m{time}")),
                    timestamp: time,
                    from: from.into(),
                    text: "hi".into(),
                    kind: MessageType::Text,
                    ..ArchiveMessage::default()
                },
                missed: false,
                about_time: None,
            },
        }
    }

    #[test]
    fn direct_messages_go_to_whoever_did_not_write_them() {
        let target = |from| {
            let event = event(ArchiveTarget::User("bob".into()), from, 1);
            activity_of(&event, "irc", "alice")
                .unwrap()
                .target
                .unwrap()
                .id
        };
        assert_eq!(
            (target("bob"), target("alice")),
            ("alice@h".into(), "bob@h".into())
        );
    }

    #[test]
    fn a_message_from_the_spool_still_has_the_id_that_its_client_made() {
        let mut own = event(ArchiveTarget::Channel("#c".into()), "alice", 1);
        let told = |event: &Event| activity_of(event, "irc", "alice").unwrap().client_id();
        assert_eq!(told(&own), None);
        let id = protocol::ClientId::parse("local:1");
        if let EventBody::Message { message, .. } = &mut own.body {
            message.client_id.clone_from(&id);
        }
        // As read back from the disk.
        let read = serde_json::from_str(&serde_json::to_string(&own).unwrap()).unwrap();
        assert_eq!(told(&read), id);
    }

    #[test]
    fn a_conversation_is_recalled_as_the_network_compares_its_name() {
        let mut ring = Ring::new(10);
        for (target, from, time) in [
            (ArchiveTarget::Channel("#c".into()), "bob", 3_000),
            (ArchiveTarget::User("bob".into()), "bob", 2_000),
            (ArchiveTarget::User("bob".into()), "alice", 1_000),
            (ArchiveTarget::User("carol".into()), "carol", 4_000),
        ] {
            ring.push(activity_of(&event(target, from, time), "irc", "alice").unwrap());
        }
        let ids = |name: Option<&str>| -> Vec<String> {
            let found = ring.recall(name, "Alice", Folding::Ascii);
            found.into_iter().map(|a| a.id.unwrap()).collect()
        };
        assert_eq!(ids(Some("#C")), ["m3000"]);
        assert_eq!(ids(Some("BOB")), ["m1000", "m2000"]);
        assert_eq!(ids(None).len(), 4);
        assert!(ids(Some("alice")).is_empty());
    }

    #[test]
    fn what_is_kept_comes_back_as_it_was() {
        let mut ring = Ring::new(10);
        let told = |time| {
            activity_of(
                &event(ArchiveTarget::Channel("#c".into()), "bob", time),
                "irc",
                "alice",
            )
        };
        let mut plain = told(2_000).unwrap();
        plain.contexts = vec!["https://example.test/other".to_owned()];
        let all = [told(1_000).unwrap(), plain, told(3_000).unwrap()];
        all.iter().cloned().for_each(|activity| ring.push(activity));
        assert_eq!(ring.recall(None, "alice", Folding::Ascii), all);
        assert_eq!(ring.find("m3000").unwrap().1, all[2]);
        // The URLs of @context are kept once.
        assert!(ring.recent[0].written.len() < 250);
    }

    #[test]
    fn keeps_the_newest_and_replays_in_order_of_time() {
        let mut ring = Ring::new(3);
        for time in [9_000, 1_000, 3_000, 2_000] {
            let event = event(ArchiveTarget::Channel("#c".into()), "bob", time);
            ring.push(activity_of(&event, "irc", "alice").unwrap());
        }
        let ids: Vec<_> = ring
            .since(Timestamp::from_millis(1_000))
            .iter()
            .map(|a| a.id.clone().unwrap())
            .collect();
        assert_eq!(ids, ["m2000", "m3000"]);
    }

    #[test]
    fn relations_come_back_from_the_spool_as_what_they_were() {
        let told = |message: ArchiveMessage| {
            let mut event = event(ArchiveTarget::Channel("#c".into()), "bob", 1);
            if let EventBody::Message { message: said, .. } = &mut event.body {
                *said = ArchiveMessage {
                    id: Some("r".into()),
                    ..message
                };
            }
            activity_of(&event, "irc", "alice").map(|told| (told.kind, told.object.unwrap()))
        };
        let about = |kind| ArchiveMessage {
            kind,
            about: Some("m".into()),
            emoji: Some("👍".into()),
            text: "new".into(),
            ..ArchiveMessage::default()
        };
        assert_eq!(
            told(about(MessageType::Reaction)),
            Some(("add".into(), ActivityObject::reaction("👍", "m")))
        );
        let removed = ArchiveMessage {
            removed: true,
            ..about(MessageType::Reaction)
        };
        assert_eq!(told(removed).unwrap().0, "remove");
        assert_eq!(
            told(about(MessageType::Deletion)),
            Some(("delete".into(), ActivityObject::reference("m")))
        );
        let (kind, object) = told(about(MessageType::Edit)).unwrap();
        assert_eq!(
            (kind.as_str(), object.id(), object.content()),
            ("update", Some("m"), Some("new"))
        );
        assert_eq!(told(about(MessageType::Other("poll".into()))), None);
        let reply = ArchiveMessage {
            reply_to: Some("m".into()),
            ..about(MessageType::Text)
        };
        assert_eq!(told(reply).unwrap().1.in_reply_to(), Some("m"));
    }

    #[test]
    fn what_was_deleted_is_told_to_nobody_who_returns() {
        let mut ring = Ring::new(9);
        let say = |ring: &mut Ring, kind: &str, id: &str, object: ActivityObject| {
            let mut activity = Activity::new("irc", kind, Entity::person("bob", "h"));
            activity.id = Some(id.to_owned());
            activity.object = Some(object);
            activity.published = Some(Timestamp::from_millis(5).to_string());
            ring.push(activity);
        };
        let edit = TextObject {
            id: Some("m1".into()),
            ..TextObject::new("secret, corrected")
        };
        say(&mut ring, "send", "m1", ActivityObject::message("secret"));
        say(&mut ring, "send", "m2", ActivityObject::message("fine"));
        say(&mut ring, "update", "e", ActivityObject::Message(edit));
        say(&mut ring, "add", "r", ActivityObject::reaction("👍", "m1"));
        say(&mut ring, "delete", "d", ActivityObject::reference("m1"));
        let shown = |ring: &Ring| {
            let shown = ring.since(Timestamp::from_millis(1));
            let shown = shown
                .iter()
                .map(|a| (a.id.clone().unwrap(), a.content().unwrap_or("-").to_owned()));
            shown.collect::<Vec<_>>()
        };
        let line = |id: &str, text: &str| (id.to_owned(), text.to_owned());
        let expected = [line("m1", ""), line("m2", "fine"), line("d", "-")];
        assert_eq!(shown(&ring), expected);
        // A history may say it again.
        say(&mut ring, "send", "m1", ActivityObject::message("secret"));
        assert_eq!(shown(&ring)[3], line("m1", ""));
    }
}
