//! A connection's recent messages, for returning devices.

use std::collections::VecDeque;

use protocol::{
    Activity, ActivityObject, ArchiveTarget, Entity, Event, EventBody, MessageType, TextObject,
    Timestamp,
};

/// Activities that have an entry in the archive, oldest first.
#[derive(Debug)]
pub(crate) struct Ring {
    recent: VecDeque<(Timestamp, Activity)>,
    most: usize,
}

impl Ring {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            recent: VecDeque::new(),
            most,
        }
    }

    pub(crate) fn push(&mut self, activity: Activity) {
        let time = activity
            .published
            .as_deref()
            .and_then(|text| text.parse().ok());
        let Some(time) = time else {
            return;
        };
        if self.recent.len() >= self.most {
            self.recent.pop_front();
        }
        self.recent.push_back((time, activity));
    }

    /// Returns the activities published after `since`, in chronological order.
    pub(crate) fn since(&self, since: Timestamp) -> Vec<&Activity> {
        let mut missed: Vec<&(Timestamp, Activity)> = self
            .recent
            .iter()
            .filter(|(time, _)| *time > since)
            .collect();
        missed.sort_by_key(|(time, _)| *time);
        missed.into_iter().map(|(_, activity)| activity).collect()
    }
}

/// Recreates the activity for which a spool event was recorded; only for messages.
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
    let kind = match message.kind {
        MessageType::Text => ActivityObject::Message,
        MessageType::Action => ActivityObject::Me,
        MessageType::Notice => ActivityObject::Notice,
        MessageType::Join | MessageType::Leave | MessageType::Topic | MessageType::Nick => {
            return None;
        }
    };
    let mut activity = Activity::new(platform, "send", Entity::person(&message.from, server));
    activity.target = Some(match target {
        ArchiveTarget::Channel(channel) => Entity::room(channel, server),
        ArchiveTarget::User(nick) if *nick == message.from => Entity::person(own, server),
        ArchiveTarget::User(nick) => Entity::person(nick, server),
    });
    activity.object = Some(kind(TextObject {
        client_id: message.client_id.clone(),
        ..TextObject::new(&message.text)
    }));
    activity.id.clone_from(&message.id);
    activity.published = Some(Timestamp::from_millis(message.timestamp).to_string());
    Some(activity)
}

#[cfg(test)]
mod tests {
    use protocol::ArchiveMessage;

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
                    client_id: None,
                },
                missed: false,
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
}
