//! What people say: PRIVMSG and NOTICE.

use connector::Audience;
use irc_codec::{Ctcp, Message};
use model::{Activity, ArchiveTarget, EventBody, MessageType, Timestamp};
use serde_json::json;

use super::Session;
use super::activities::{Happening, stamp};

/// How something is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    Text,
    Action,
    Notice,
}

impl Manner {
    const fn object_type(self) -> &'static str {
        match self {
            Self::Text => "message",
            Self::Action => "me",
            Self::Notice => "notice",
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
        if self.registering() || text.is_empty() {
            return;
        }
        let relayed = message.tags.get("draft/relaymsg");
        let mine = self.is_me(from) || relayed.is_some_and(|nick| self.is_me(nick));
        let task = message.tags.get(model::TASK_TAG).filter(|_| mine);
        let (manner, text) = match Ctcp::parse(text) {
            Some(ctcp) if ctcp.command == "ACTION" && !notice => (Manner::Action, ctcp.text),
            Some(ctcp) => {
                if !mine && !notice && history.is_none() {
                    self.answer_ctcp(from, &ctcp);
                }
                return;
            }
            None if notice => (Manner::Notice, text.to_owned()),
            None => (Manner::Text, text.to_owned()),
        };
        let at = self.time_of(message);
        if let Some(batch) = &history {
            self.history_message(batch, at);
        }
        let id = self.id_of(message);
        let target = self.conversation(message.param(0)).to_owned();
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
        if mine && history.is_some() {
            self.part_found(task, &target, &text, at);
        }
        if !self.seen.insert(&id) {
            return;
        }
        if from.is_empty() || from.contains('.') {
            self.server_says(&text, &id, at);
            return;
        }
        let (activity, records) = self.said(from, &target, manner, &text, &id, at);
        if history.is_none() {
            let other = if mine || self.link.isupport.is_channel(&target) {
                target
            } else {
                from.to_owned()
            };
            self.history_live(&other, at);
        }
        if history.is_some() {
            self.tell_missed(activity, Audience::All, records);
        } else {
            self.tell_recorded(activity, Audience::All, records);
        }
    }

    /// The activity and the record of something that was said.
    pub(super) fn said(
        &self,
        from: &str,
        target: &str,
        manner: Manner,
        text: &str,
        id: &str,
        at: Timestamp,
    ) -> (Activity, Vec<(String, EventBody)>) {
        let is_channel = self.link.isupport.is_channel(target);
        let (entity, archive) = if is_channel {
            let name = self.spelled(target);
            (self.room(&name), ArchiveTarget::Channel(name))
        } else if self.is_me(from) {
            (self.person(target), ArchiveTarget::User(target.to_owned()))
        } else {
            (self.person(target), ArchiveTarget::User(from.to_owned()))
        };
        let object = json!({"type": manner.object_type(), "content": text});
        let activity = self.activity("send", self.person(from), Some(entity), Some(object));
        let happening = Happening {
            id: id.to_owned(),
            at,
            kind: manner.record_type(),
            from,
            text: text.to_owned(),
        };
        let records = if self.is_me(from) && is_secret(target, text) {
            Vec::new()
        } else {
            vec![self.record(archive, &happening)]
        };
        (stamp(activity, id, at), records)
    }

    /// A notice of the server itself: shown, not archived.
    fn server_says(&mut self, text: &str, id: &str, at: Timestamp) {
        let object = json!({"type": "notice", "content": text});
        let activity = self.activity("send", self.service(), Some(self.me()), Some(object));
        self.tell(stamp(activity, id, at), Audience::Full);
    }

    /// The channel within a target such as `@#channel`, which only some members see (STATUSMSG).
    fn conversation<'a>(&self, target: &'a str) -> &'a str {
        let (ranks, rest) = self.link.isupport.split_ranks(target);
        if !ranks.is_empty() && self.link.isupport.is_channel(rest) {
            rest
        } else {
            target
        }
    }
}

/// Passwords said to services do not belong into archives.
fn is_secret(target: &str, text: &str) -> bool {
    let target = target.to_ascii_lowercase();
    let target = target.split('@').next().unwrap_or_default();
    let command = text.split_whitespace().next().unwrap_or_default();
    matches!(
        target,
        "nickserv" | "chanserv" | "userserv" | "authserv" | "q" | "x"
    ) && [
        "auth", "drop", "ghost", "group", "identify", "id", "login", "logout", "recover", "regain",
        "register", "release", "set", "setpass",
    ]
    .iter()
    .any(|secret| command.eq_ignore_ascii_case(secret))
}
