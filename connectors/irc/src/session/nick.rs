//! Our nickname: choosing another when it is taken, and regaining the wanted one when it is free.

use std::time::Duration;

use gateway::Audience;
use irc_codec::{Message, numeric};
use protocol::{ActivityObject, EventBody, MessageType};

use super::Session;
use super::activities::{ArchivedEvent, stamp};
use super::numerics::ErrorReply;
use super::requests::Kind;

/// Nicknames tried during registration before giving up.
const MAX_TRIES: u32 = 8;

/// When to try the wanted nickname again.
#[derive(Debug, Default)]
pub(super) struct Regain {
    at: Option<Duration>,
    wait: Duration,
    asked: bool,
    /// The network itself changed our nickname, as services do with registered nicknames: taking it again would only
    /// repeat that until we are signed in.
    ended: bool,
}

impl Session {
    /// An error about a nickname that no client requested.
    pub(super) fn nick_refused(&mut self, error: ErrorReply, message: &Message) -> bool {
        if self.registering() && !self.link.welcomed {
            self.try_other_nick(error, message);
            return true;
        }
        if self.link.regain.asked {
            self.link.regain.asked = false;
            let wait = self.link.regain.wait * 2;
            self.link.regain.wait = wait.min(self.settings.regain_max);
            self.schedule_regain();
            return true;
        }
        false
    }

    fn try_other_nick(&mut self, error: ErrorReply, message: &Message) {
        let wanted = self.assignment.connection.nick.clone();
        let tries = self.link.nick_tries;
        self.link.nick_tries += 1;
        if tries >= MAX_TRIES {
            let text = message.params.last().map_or("", String::as_str);
            let sentence = format!(
                "{} accepts no nickname for us: {wanted} and similar ones are refused ({text}).",
                self.server()
            );
            self.refused(&sentence);
            return;
        }
        let next = if error == ErrorReply::Numeric(numeric::ERR_ERRONEUSNICKNAME) && tries == 0 {
            // It is usually too long; every server accepts nine characters (RFC 2812, section 1.2.1).
            wanted.chars().filter(char::is_ascii).take(9).collect()
        } else if tries < 3 {
            format!("{}_", self.link.nick)
        } else {
            // A number fits where another underscore does not.
            let head: String = wanted.chars().filter(char::is_ascii).take(5).collect();
            format!("{head}{:04}", self.random.number())
        };
        self.link.nick.clone_from(&next);
        self.send_now(&Message::new("NICK", [next]));
    }

    pub(super) fn schedule_regain(&mut self) {
        if self.is_me(&self.assignment.connection.nick) {
            self.link.regain = Regain::default();
            return;
        }
        if self.link.regain.ended {
            return;
        }
        let wait = self.link.regain.wait.max(self.settings.regain_min);
        self.link.regain.wait = wait;
        let jitter = self.random.up_to(self.settings.regain_jitter);
        self.link.regain.at = Some(self.now.elapsed + wait + jitter);
    }

    /// Returns whether the wanted nickname is no longer tried.
    pub(super) const fn regain_ended(&self) -> bool {
        self.link.regain.ended
    }

    /// We are signed in: the nickname may be available to us again.
    pub(super) fn regain_again(&mut self) {
        if std::mem::take(&mut self.link.regain.ended) {
            self.regain();
        }
    }

    pub(super) fn regain_due(&self) -> Option<Duration> {
        self.link.regain.at.filter(|_| self.is_online())
    }

    pub(super) fn regain_timeout(&mut self) {
        if self.regain_due().is_some_and(|due| due <= self.now.elapsed) {
            self.regain();
        }
    }

    fn regain(&mut self) {
        self.link.regain.at = None;
        self.link.regain.asked = true;
        let wanted = self.assignment.connection.nick.clone();
        self.send_later(&Message::new("NICK", [wanted]));
    }

    /// Someone gave up a nickname; if it is the one we want, take it.
    pub(super) fn nick_became_free(&mut self, nick: &str) {
        if self.link.regain.at.is_some() && self.same(nick, &self.assignment.connection.nick) {
            self.regain();
        }
    }

    /// NICK: someone, perhaps ourselves, changed nick.
    pub(super) fn nick_changed(&mut self, message: &Message, old: &str) {
        let new = message.param(0).to_owned();
        if new.is_empty() || old.is_empty() {
            return;
        }
        // InspIRCd 3 responds to a labelled NICK with the new name as the source.
        let case = self.link.case;
        let ours = old == new
            && !self.is_me(old)
            && self
                .requests
                .iter()
                .any(|p| matches!(&p.kind, Kind::Nick { nick } if case.same(nick, &new)));
        let own = self.link.nick.clone();
        let old = if ours { own.as_str() } else { old };
        let at = self.time_of(message);
        let id = self.id_of(message);
        let mine = self.is_me(old);
        let mut asked = None;
        let mut records = Vec::new();
        if mine {
            new.clone_into(&mut self.link.nick);
            // A server may truncate the requested name.
            let cut = case.fold(&new);
            asked = self.take_request(
                |kind| matches!(kind, Kind::Nick { nick } if case.fold(nick).starts_with(&cut)),
            );
            if asked.is_none() && !self.same(&new, &self.assignment.connection.nick) {
                self.link.regain = Regain {
                    ended: true,
                    ..Regain::default()
                };
            }
            if asked.is_some() {
                self.assignment.connection.nick.clone_from(&new);
                records.push((
                    self.record_id(&new, &id),
                    EventBody::Nick { nick: new.clone() },
                ));
            }
        }
        for channel in self.rename_member(old, &new) {
            let event = ArchivedEvent {
                id: id.clone(),
                at,
                kind: MessageType::Nick,
                from: old,
                text: format!("{old} is now known as {new}"),
            };
            records.push(self.record(protocol::ArchiveTarget::Channel(channel), &event));
        }
        let activity = self.activity(
            "update",
            self.person(old),
            Some(self.person(&new)),
            Some(ActivityObject::address()),
        );
        let activity = stamp(activity, &id, at);
        let audience = asked.as_ref().map_or(Audience::All, |pending| {
            Audience::Except(pending.socket.socket)
        });
        self.publish_recorded(activity.clone(), audience, records);
        if let Some(pending) = asked {
            self.done(pending.request, Ok(activity));
        }
        if mine {
            self.schedule_regain();
            self.report_online();
        } else {
            self.nick_became_free(old);
        }
    }
}
