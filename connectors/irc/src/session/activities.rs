//! The shapes of activities, as `SOCKETHUB.md` lists them.

use gateway::{Audience, Output, Seen};
use protocol::{
    Activity, ActivityObject, ArchiveMessage, ArchiveTarget, ConnectionObject, Entity, EventBody,
    MessageType, Timestamp,
};

use super::Session;

/// The id of the platform.
pub(crate) const PLATFORM: &str = "irc";

/// Something that goes into archives and to sockets under one id.
pub(super) struct Happening<'a> {
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

    /// Gives an activity that needs no archive to sockets.
    pub(super) fn tell(&mut self, activity: Activity, audience: Audience) {
        self.emit(Output::Activity {
            activity: Box::new(activity),
            audience,
            records: Vec::new(),
            seen: Seen::ALL,
        });
    }

    /// Gives an activity with records to sockets.
    pub(super) fn tell_recorded(
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

    /// Gives a message of a history, which fills a gap from its start on, to sockets.
    pub(super) fn tell_missed(
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

    /// The archive entry of a happening.
    pub(super) fn record(
        &self,
        target: ArchiveTarget,
        happening: &Happening<'_>,
    ) -> (String, EventBody) {
        let name = target.name().to_owned();
        let text = if happening.text.trim().is_empty() {
            "(nothing)".to_owned()
        } else {
            happening.text.clone()
        };
        let body = EventBody::Message {
            server: self.server().to_owned(),
            target,
            message: ArchiveMessage {
                id: Some(happening.id.clone()),
                timestamp: happening.at.millis(),
                from: happening.from.to_owned(),
                text,
                kind: happening.kind,
                client_id: None,
            },
            missed: false,
        };
        (self.record_id(&name, &happening.id), body)
    }

    /// Numerics that answer no request, and other trouble, for full sockets.
    pub(super) fn trouble(&mut self, about: Option<Entity>, sentence: &str) {
        let mut activity = self.activity("error", self.service(), about, None);
        activity.error = Some(sentence.to_owned());
        self.tell(activity, Audience::Full);
    }

    /// The state of the connection.
    pub(super) fn state(&self) -> Activity {
        let me = self.me();
        let object = ActivityObject::Connection(ConnectionObject {
            status: self.phase.status(),
            content: Some(self.status.clone()),
            nick: me.name.clone(),
            // Until it is online the server has not told.
            casemapping: self.is_online().then_some(self.link.case),
            rest: serde_json::Map::new(),
        });
        self.activity("update", self.service(), Some(me), Some(object))
    }

    /// Changes and tells the state.
    pub(super) fn set_status(&mut self, sentence: String) {
        self.status = sentence;
        let state = self.state();
        self.tell(state, Audience::Full);
    }
}

/// Stamps an activity with the id and time of what it tells.
pub(super) fn stamp(mut activity: Activity, id: &str, at: Timestamp) -> Activity {
    activity.id = Some(id.to_owned());
    activity.published = Some(at.to_string());
    activity
}
