//! Messages: PRIVMSG and NOTICE.

use gateway::Audience;
use irc_codec::{Ctcp, Message, Source};
use protocol::{
    Activity, ActivityObject, ArchiveTarget, Entity, EventBody, MessageType, TextObject, Timestamp,
};

use super::Session;
use super::activities::{ArchivedEvent, stamp};
use super::client_tags::answered;
use super::people::source_of;
use super::relations::mark_reply;
use super::secrets::name_of;

/// The type of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    Text,
    Action,
    Notice,
}

impl Manner {
    fn object(self, text: &str) -> ActivityObject {
        let text = TextObject::new(text);
        match self {
            Self::Text => ActivityObject::Message(text),
            Self::Action => ActivityObject::Me(text),
            Self::Notice => ActivityObject::Notice(text),
        }
    }

    const fn record_type(self) -> MessageType {
        match self {
            Self::Text => MessageType::Text,
            Self::Action => MessageType::Action,
            Self::Notice => MessageType::Notice,
        }
    }
}

impl Session {
    pub(super) fn message(&mut self, message: &Message, from: &str) {
        let text = message.param(1);
        let history = self.in_history(message);
        let notice = message.command == "NOTICE";
        // Before the welcome, servers only report that they are looking up a host; messages of bouncers and people
        // are shown.
        let early = self.registering() && !self.link.welcomed;
        let early = early && self.is_server(&source_of(message));
        if text.is_empty() {
            return;
        }
        if early {
            self.note_last_words(text);
            return;
        }
        let relayed = message.tags.get("draft/relaymsg");
        let mine = self.is_me(from) || relayed.is_some_and(|nick| self.is_me(nick));
        let task = message.tags.get(protocol::TASK_TAG).filter(|_| mine);
        let (manner, text) = match Ctcp::parse(text) {
            Some(ctcp) if ctcp.command == "ACTION" && !notice => (Manner::Action, ctcp.text),
            Some(ctcp) => {
                if !mine && history.is_none() {
                    if notice {
                        self.ctcp_answered(message, from, &ctcp);
                    } else {
                        self.ctcp_asked(message, from, &ctcp);
                    }
                }
                return;
            }
            None if notice => (Manner::Notice, text.to_owned()),
            None => (Manner::Text, text.to_owned()),
        };
        let at = self.time_of(message);
        if let Some(batch) = &history {
            self.history_message(batch, message, at);
        }
        let id = self.id_of(message);
        // An operator's message to everyone on a server or network (`$*`) is treated as one to us.
        let target = match message.param(0) {
            all if all.starts_with('$') => self.link.nick.clone(),
            one => one.to_owned(),
        };
        if mine
            && history.is_none()
            && let Some(sending) = self.take_echo(
                self.label_of(message).as_deref(),
                task,
                &target,
                manner,
                &text,
            )
        {
            self.seen.insert(&id);
            self.delivered(sending, from, &text, &id, at);
            return;
        }
        if mine && history.is_none() && self.is_command_echo(&target, &text) {
            return;
        }
        if mine && history.is_some() {
            self.part_found(task, &target, &text, at);
        }
        if !self.seen.insert(&id) {
            return;
        }
        let source = source_of(message);
        if mine && message.param(0).starts_with('$') {
            // It is no conversation with ourselves.
            self.server_notice(&format!("You announced to everybody: {text}"), &id, at);
            return;
        }
        if mine {
            self.note_secrets(&target, &text);
        } else {
            self.note_services(&source);
            if notice && history.is_none() && self.is_me(&target) {
                self.account_notice(from, &text);
            }
        }
        if self.is_server(&source) && !self.is_conversation(&target) {
            self.server_notice(&text, &id, at);
            return;
        }
        let (mut activity, mut records) =
            self.message_from(&source, &target, manner, &text, &id, at);
        if let Some(answered) = answered(&message.tags) {
            mark_reply(&mut activity, &mut records, answered);
        }
        if history.is_none() {
            self.no_longer_typing(from, &target);
            let other = if mine || self.is_conversation(&target) {
                target
            } else {
                from.to_owned()
            };
            self.history_live(&other, at);
        }
        if history.is_some() {
            self.publish_history(activity, Audience::All, records);
        } else {
            self.publish_recorded(activity, Audience::All, records);
        }
    }

    /// The activity and the record of a message we sent, possibly under another name.
    pub(super) fn own_message(
        &self,
        from: &str,
        target: &str,
        manner: Manner,
        text: &str,
        id: &str,
        at: Timestamp,
    ) -> (Activity, Vec<(String, EventBody)>) {
        let source = Source {
            nick: from.to_owned(),
            // A person, whatever the name looks like.
            user: Some(String::new()),
            host: None,
        };
        self.message_from(&source, target, manner, text, id, at)
    }

    /// The activity and the record of a message. A server's messages to us alone are notices, which are not archived.
    fn message_from(
        &self,
        source: &Source,
        target: &str,
        manner: Manner,
        text: &str,
        id: &str,
        at: Timestamp,
    ) -> (Activity, Vec<(String, EventBody)>) {
        let (from, entity, archive) = self.conversation(source, target);
        let object = manner.object(text);
        let activity = self.activity("send", self.sender(source), Some(entity), Some(object));
        let event = ArchivedEvent {
            id: id.to_owned(),
            at,
            kind: manner.record_type(),
            from: &from,
            text: self.keepable(source, text),
        };
        let records = if self.is_me(&from) && self.is_secret(target, text) {
            Vec::new()
        } else {
            vec![self.record(archive, &event)]
        };
        (stamp(activity, id, at), records)
    }

    /// Who sent something, where, and whose archive that belongs to.
    pub(super) fn conversation(
        &self,
        source: &Source,
        target: &str,
    ) -> (String, Entity, ArchiveTarget) {
        let from = if source.nick.is_empty() {
            self.server()
        } else {
            &source.nick
        };
        let (entity, archive) = if self.is_conversation(target) {
            let name = self.spelled(target);
            (self.room(&name), ArchiveTarget::Channel(name))
        } else if self.is_me(from) {
            let name = name_of(target);
            (self.person(name), ArchiveTarget::User(name.to_owned()))
        } else {
            (self.person(target), ArchiveTarget::User(from.to_owned()))
        };
        (from.to_owned(), entity, archive)
    }

    /// A notice from the server itself: shown, not archived.
    fn server_notice(&mut self, text: &str, id: &str, at: Timestamp) {
        let object = ActivityObject::notice(text);
        let activity = self.activity("send", self.service(), Some(self.me()), Some(object));
        self.publish(stamp(activity, id, at), Audience::Full);
    }

    /// Shows something as a notice from the server; not archived.
    pub(super) fn announce(&mut self, message: &Message, text: String) {
        let at = self.time_of(message);
        let id = self.id_of(message);
        self.server_notice(&text, &id, at);
    }

    /// Returns whether a target is a channel, or the members of a channel with some rank, such as `@#channel`.
    pub(super) fn is_conversation(&self, target: &str) -> bool {
        self.link.isupport.channel_within(target).is_some()
    }
}
