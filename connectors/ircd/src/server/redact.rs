//! REDACT: a message is deleted (<https://ircv3.net/specs/extensions/message-redaction>).
//!
//! Members delete what they said, operators of a channel and administrators what anybody said there. The history does not
//! answer the message from then on, and its text leaves the log.

use irc_codec::Message;

use super::client::{Busy, Redaction, UserId};
use super::deliver::Response;
use super::event::Event;
use super::outbox::When;
use super::reply::{LINE, wire};
use super::{ClientId, Server, message_id, names, parse_message_id};
use crate::query::{Answer, Query, Range};
use crate::record::Stored;

/// Why nothing is deleted.
enum Refused {
    /// The client may not read that conversation, for this reason.
    Target(String),
    Unknown,
    Forbidden(&'static str),
}

impl Refused {
    /// The code of FAIL.
    const fn code(&self) -> &'static str {
        match self {
            Self::Target(_) => "INVALID_TARGET",
            Self::Unknown => "UNKNOWN_MSGID",
            Self::Forbidden(_) => "REDACT_FORBIDDEN",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Target(text) => text,
            Self::Unknown => "There is no such message here, or it is too old",
            Self::Forbidden(text) => text,
        }
    }
}

impl Server {
    pub(super) fn on_redact(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let (target, msgid) = (message.param(0), message.param(1));
        let found = self.resolve_target(user_id, target);
        let found = found.map_err(|(_, text)| Refused::Target(text));
        let found = found.and_then(|(key, since)| {
            let about = parse_message_id(msgid).filter(|about| *about > since);
            about.map(|about| (key, about)).ok_or(Refused::Unknown)
        });
        let (key, about) = match found {
            Ok(found) => found,
            Err(refusal) => return self.not_redacted(id, target, msgid, &refusal),
        };
        let query = Query::Messages {
            target: key.clone(),
            range: Range::Newest {
                before: about.saturating_add(1),
                after: about.saturating_sub(1),
            },
            limit: 1,
            text_only: false,
        };
        let label = self.response.take().map(|response| response.label);
        if let Some(client) = self.clients.get_mut(&id) {
            client.busy = Some(Busy::Redact(Redaction {
                label,
                target: target.to_owned(),
                key,
                about,
                reason: message.param(2).to_owned(),
            }));
        }
        self.outbox.query(id, query);
    }

    /// The history answered which message that is.
    pub(super) fn redact_found(&mut self, id: ClientId, asked: Redaction, answer: Answer) {
        let Redaction { label, target, .. } = &asked;
        self.response = label.clone().map(|label| Response::new(id, label));
        let user = self.clients.get(&id).and_then(|client| client.user);
        let about = asked.about;
        let refusal = match (answer, user) {
            (Answer::Messages(found), Some(user)) => {
                let found = found.into_iter().find(|(at, _)| *at == about);
                match found.filter(|(_, stored)| stored.about.is_none()) {
                    Some((_, stored)) if self.may_redact(user, &asked.key, &stored) => {
                        if !self.redacts_as_member(user, &asked.key, &stored) {
                            self.audit(id, &format!("deleted a message of others in {target}"));
                        }
                        self.redact(id, user, &asked);
                        None
                    }
                    Some(_) => {
                        let text = "You may delete only what you have said; operators may delete what others say in their channel";
                        Some(Refused::Forbidden(text))
                    }
                    None => Some(Refused::Unknown),
                }
            }
            _ => {
                let text = "The message could not be deleted: the server could not read its log";
                Some(Refused::Forbidden(text))
            }
        };
        if let Some(refusal) = refusal {
            self.not_redacted(id, target, &message_id(about), &refusal);
        }
        self.finish_response();
    }

    fn not_redacted(&mut self, id: ClientId, target: &str, msgid: &str, refused: &Refused) {
        let about = match refused {
            Refused::Target(_) => vec![target],
            Refused::Unknown | Refused::Forbidden(_) => vec![target, msgid],
        };
        self.fail(id, "REDACT", refused.code(), &about, refused.text());
    }

    fn may_redact(&self, user_id: UserId, key: &str, stored: &Stored) -> bool {
        self.redacts_as_member(user_id, key, stored)
            || key.starts_with('#') && self.is_administrator(user_id)
    }

    /// Returns whether a user may delete a message without being an administrator.
    fn redacts_as_member(&self, user_id: UserId, key: &str, stored: &Stored) -> bool {
        let Some(user) = self.users.get(&user_id) else {
            return false;
        };
        let own = user.account.is_some() && stored.account == user.account;
        let channel = self.channels.get(&self.channel_of(key));
        own || channel.is_some_and(|channel| channel.is_operator(user_id))
    }

    fn redact(&mut self, id: ClientId, user_id: UserId, asked: &Redaction) {
        let folded = names::fold(&asked.target);
        let (to, audience) = match self.channels.get(&folded) {
            Some(channel) => (channel.record.name.clone(), self.audience(&folded)),
            None => {
                let other = self.nicks.get(&folded).copied();
                let nick = other.and_then(|other| Some(self.users.get(&other)?.nick.clone()));
                let mut audience = self.sessions(user_id);
                if let Some(other) = other.filter(|other| *other != user_id) {
                    audience.extend(self.sessions(other));
                }
                (nick.unwrap_or_else(|| asked.target.clone()), audience)
            }
        };
        let msgid = message_id(asked.about);
        let mut event = self.event(user_id, "REDACT", [to.as_str(), &msgid]);
        let room = LINE.saturating_sub(wire(&event.message).len() + " :\r\n".len());
        let reason = names::clip(&asked.reason, room.min(self.config.limits.text));
        let muted = self.is_muted(user_id, &folded);
        let reason = Some(reason).filter(|reason| !reason.is_empty() && !muted);
        event.message.params.extend(reason.map(str::to_owned));
        event.at = self.next_id();
        event.has_id = true;
        let stored = stored(&event, asked, &to, reason);
        let when = self.store(&event, Some(stored));
        self.deliver(id, audience, &event, when);
        if let When::Stored(append) = when {
            self.explain_failure(id, &to, append);
        }
    }
}

fn stored(event: &Event, asked: &Redaction, to: &str, reason: Option<&str>) -> Stored {
    let source = event.message.source.as_ref().map(ToString::to_string);
    Stored {
        target: asked.key.clone(),
        source: source.unwrap_or_default(),
        account: event.account.clone(),
        command: "REDACT".to_owned(),
        to: to.to_owned(),
        text: reason.map(str::to_owned),
        tags: String::new(),
        relayed_by: None,
        bot: event.bot,
        about: Some(asked.about),
    }
}
