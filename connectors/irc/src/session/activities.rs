//! The forms of activities listed in `SOCKETHUB.md`.

use std::time::Duration;

use gateway::{Audience, Output, Seen};
use protocol::{
    Activity, ActivityObject, ArchiveMessage, ArchiveTarget, ConnectionObject, Entity, EventBody,
    MessageType, Timestamp,
};

use super::Session;
use crate::descriptor::PLATFORM;

/// How often it is told, at most, that a line of the server was too long.
const TOO_LONG_AGAIN: Duration = Duration::from_secs(600);

/// An event that goes into the archive and to sockets with the same id.
pub(super) struct ArchivedEvent<'a> {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) kind: MessageType,
    pub(super) from: &'a str,
    pub(super) text: String,
}

impl Session {
    pub(super) fn person(&self, nick: &str) -> Entity {
        Entity::person(nick, self.server())
    }

    pub(super) fn me(&self) -> Entity {
        let nick = if self.link.nick.is_empty() {
            &self.assignment.connection.nick
        } else {
            &self.link.nick
        };
        Entity::person(nick, self.server())
    }

    pub(super) fn room(&self, channel: &str) -> Entity {
        Entity::room(channel, self.server())
    }

    pub(super) fn service(&self) -> Entity {
        Entity::service(self.server())
    }

    pub(super) fn activity(
        &self,
        kind: &str,
        actor: Entity,
        target: Option<Entity>,
        object: Option<ActivityObject>,
    ) -> Activity {
        Activity {
            target,
            object,
            published: Some(self.now.wall.to_string()),
            ..Activity::new(PLATFORM, kind, actor)
        }
    }

    /// Sends an activity that is not archived to sockets.
    pub(super) fn publish(&mut self, activity: Activity, audience: Audience) {
        self.emit(Output::Activity {
            activity: Box::new(activity),
            audience,
            records: Vec::new(),
            seen: Seen::ALL,
        });
    }

    /// Sends an activity to sockets, with the records to archive.
    pub(super) fn publish_recorded(
        &mut self,
        activity: Activity,
        audience: Audience,
        records: Vec<(String, EventBody)>,
    ) {
        let seen = self.seen_live(&records);
        self.emit(Output::Activity {
            activity: Box::new(activity),
            audience,
            records,
            seen,
        });
    }

    /// Sends a message from the server's history to sockets: it fills a gap from the beginning on.
    pub(super) fn publish_history(
        &mut self,
        activity: Activity,
        audience: Audience,
        records: Vec<(String, EventBody)>,
    ) {
        self.emit(Output::Activity {
            activity: Box::new(activity),
            audience,
            records,
            seen: Seen {
                target: true,
                persons: false,
            },
        });
    }

    /// The archive entry of an event.
    pub(super) fn record(
        &self,
        target: ArchiveTarget,
        event: &ArchivedEvent<'_>,
    ) -> (String, EventBody) {
        let text = if event.text.trim().is_empty() {
            "(nothing)".to_owned()
        } else {
            event.text.clone()
        };
        let message = ArchiveMessage {
            text,
            kind: event.kind.clone(),
            ..entry(event.from, &event.id, event.at)
        };
        self.record_of(target, message)
    }

    /// The record of an archive entry.
    pub(super) fn record_of(
        &self,
        target: ArchiveTarget,
        message: ArchiveMessage,
    ) -> (String, EventBody) {
        let id = message.id.as_deref().unwrap_or_default();
        let id = self.record_id(target.name(), id);
        let body = EventBody::Message {
            server: self.server().to_owned(),
            target,
            message,
            missed: false,
            about_time: None,
        };
        (id, body)
    }

    /// Sends full-mode sockets an error that is not the answer to a request.
    pub(super) fn trouble(&mut self, about: Option<Entity>, sentence: &str) {
        let mut activity = self.activity("error", self.service(), about, None);
        activity.error = Some(sentence.to_owned());
        self.publish(activity, Audience::Full);
    }

    /// Tells that a line was dropped; what it said is not known, perhaps a message. Not of each, as there may be many.
    pub(super) fn too_long(&mut self, limit: usize) {
        let next = |told: Duration| told + TOO_LONG_AGAIN;
        if !self.is_connected()
            || self
                .link
                .told_too_long
                .is_some_and(|told| next(told) > self.now.elapsed)
        {
            return;
        }
        self.link.told_too_long = Some(self.now.elapsed);
        let sentence = format!(
            "{} sent a line of more than {limit} bytes, which is not read: something that was said may be missing.",
            self.server()
        );
        self.trouble(None, &sentence);
    }

    /// The state of the connection.
    pub(super) fn state(&self) -> Activity {
        let me = self.me();
        let object = ActivityObject::Connection(ConnectionObject {
            status: self.phase.status(),
            content: Some(self.status.clone()),
            nick: me.name.clone(),
            // Before that, the server has not announced its case mapping.
            casemapping: self.is_online().then_some(self.link.case),
            supports: self.is_online().then(|| self.carries()),
            certificate: self
                .refused_certificate
                .as_ref()
                .map(|seen| protocol::hex(seen)),
            rest: serde_json::Map::new(),
        });
        self.activity("update", self.service(), Some(me), Some(object))
    }

    /// Changes the state and sends it to sockets.
    pub(super) fn set_status(&mut self, sentence: String) {
        self.status = sentence;
        let state = self.state();
        self.publish(state, Audience::Full);
    }
}

/// An archive entry of somebody, still without a text.
pub(super) fn entry(from: &str, id: &str, at: Timestamp) -> ArchiveMessage {
    ArchiveMessage {
        id: Some(id.to_owned()),
        timestamp: at.millis(),
        from: from.to_owned(),
        ..ArchiveMessage::default()
    }
}

/// Stamps an activity with the id and time of what it tells.
pub(super) fn stamp(mut activity: Activity, id: &str, at: Timestamp) -> Activity {
    activity.id = Some(id.to_owned());
    activity.published = Some(at.to_string());
    activity
}
