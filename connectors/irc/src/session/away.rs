//! Presence: which others are away, and marking the account as away while no client is attached.

use std::time::Duration;

use gateway::{Attached, Audience, RequestId};
use irc_codec::{Message, Numeric, numeric};
use protocol::{Activity, ActivityObject, PresenceObject, Show};
use serde_json::Value;

use super::Session;
use super::requests::Kind;

/// The away message while no socket is attached.
const AWAY_TEXT: &str = "Not at the keyboard; messages are kept";

/// Maximum length of a stored away message, in bytes.
const MAX_TEXT: usize = 512;

/// In channels with more members, no WHO is sent to find out who is away.
const MAX_WHO: usize = 200;

/// The token that identifies replies to our WHO requests (WHOX).
const WHO_TOKEN: &str = "67";

/// The account's own away state. It outlives connections.
#[derive(Debug, Default)]
pub(super) struct Away {
    sockets: usize,
    /// When to send AWAY because no socket is attached.
    due: Option<Duration>,
    /// The away message that the user set.
    asked: Option<String>,
    /// Whether AWAY was sent to the server.
    told: bool,
}

impl Session {
    pub(super) fn audience_changed(&mut self, sockets: usize) {
        self.away.sockets = sockets;
        if sockets > 0 {
            self.away.due = None;
            if self.away.told && self.away.asked.is_none() {
                self.send_away(None);
            }
        } else if !self.away.told && self.away.due.is_none() {
            // Reloading the page must not count as being away.
            self.away.due = Some(self.now.elapsed + self.settings.away_delay);
        }
    }

    pub(super) fn away_due(&self) -> Option<Duration> {
        self.away.due.filter(|_| self.is_online())
    }

    pub(super) fn away_timeout(&mut self) {
        if self.away_due().is_some_and(|due| due <= self.now.elapsed) {
            self.away.due = None;
            self.send_away(Some(AWAY_TEXT.to_owned()));
        }
    }

    /// Sends AWAY on a new connection if necessary.
    pub(super) fn away_on_entry(&mut self) {
        self.away.told = false;
        if let Some(text) = self.away.asked.clone() {
            self.send_away(Some(text));
        } else if self.away.sockets == 0 {
            self.away.due = None;
            self.send_away(Some(AWAY_TEXT.to_owned()));
        }
    }

    fn send_away(&mut self, text: Option<String>) {
        self.away.told = text.is_some();
        if self.is_online() {
            self.send_later(&Message::new("AWAY", text));
        }
    }

    pub(super) fn perform_away(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) {
        let show = activity.object.as_ref().and_then(|o| o.get("show"));
        let away = show.as_ref().and_then(Value::as_str) == Some("away");
        let text = activity.content().unwrap_or_default();
        let text = text.replace(['\r', '\n'], " ");
        let text = if text.trim().is_empty() {
            "Away".to_owned()
        } else {
            self.link.isupport.within("AWAYLEN", &text).to_owned()
        };
        self.away.asked = away.then_some(text);
        self.away.told = away;
        self.away.due = None;
        let message = Message::new("AWAY", self.away.asked.clone());
        self.ask(request, socket, activity, Kind::Away { away }, message);
    }

    /// RPL_UNAWAY and RPL_NOWAWAY.
    pub(super) fn away_confirmed(&mut self, now_away: bool) {
        let asked =
            self.take_request(|kind| matches!(kind, Kind::Away { away } if *away == now_away));
        let nick = self.link.nick.clone();
        let text = self
            .away
            .asked
            .clone()
            .unwrap_or_else(|| AWAY_TEXT.to_owned());
        self.set_away(&nick, now_away.then_some(text));
        if let Some(pending) = asked {
            self.complete(pending);
        }
    }

    /// AWAY of another user (away-notify).
    pub(super) fn away_seen(&mut self, message: &Message, from: &str) {
        let text = message.params.first().filter(|text| !text.is_empty());
        if !from.is_empty() {
            self.set_away(from, text.cloned());
        }
    }

    /// RPL_AWAY: the recipient of a message is away, or part of a WHOIS reply.
    pub(super) fn away_reply(&mut self, message: &Message) {
        let nick = message.param(1).to_owned();
        if self.whois_away(&nick, message.param(2)) {
            return;
        }
        self.set_away(&nick, Some(message.param(2).to_owned()));
    }

    /// Remembers an away state, and sends it to sockets if it is new.
    fn set_away(&mut self, nick: &str, mut text: Option<String>) {
        if let Some(text) = &mut text {
            text.truncate(text.floor_char_boundary(MAX_TEXT));
        }
        let known = self.link.away.get(nick);
        if known == text.as_ref() {
            return;
        }
        let shares = self.shares_channel(nick);
        let object = ActivityObject::Presence(PresenceObject {
            show: Some(if text.is_some() {
                Show::Away
            } else {
                Show::Online
            }),
            content: text.clone(),
            ..PresenceObject::default()
        });
        match text {
            // The server would not report the return of users with whom we share no channel.
            Some(text) if shares => {
                self.link.away.insert(nick, text);
            }
            Some(_) => {}
            None => {
                self.link.away.remove(nick);
            }
        }
        let activity = self.activity("update", self.person(nick), None, Some(object));
        self.publish(activity, Audience::Full);
    }

    /// Queries who is away in a channel that we just joined.
    pub(super) fn ask_who(&mut self, name: &str) {
        let Some(channel) = self.channel(name) else {
            return;
        };
        if !self.can("away-notify") || channel.members.len() > MAX_WHO {
            return;
        }
        let name = channel.name.clone();
        let message = if self.link.isupport.has("WHOX") {
            Message::new("WHO", [name, format!("%tnf,{WHO_TOKEN}")])
        } else {
            Message::new("WHO", [name])
        };
        self.send_later(&message);
    }

    /// RPL_WHOREPLY and RPL_WHOSPCRPL: the flag `G` means away.
    pub(super) fn who_line(&mut self, code: Numeric, message: &Message) {
        let (nick, flags) = match code {
            numeric::RPL_WHOREPLY => (message.param(5), message.param(6)),
            _ if message.param(1) == WHO_TOKEN => (message.param(2), message.param(3)),
            _ => return,
        };
        // We query members of our channels only.
        if !self.shares_channel(nick) {
            return;
        }
        let nick = nick.to_owned();
        let gone = flags.starts_with('G');
        if gone && !self.link.away.contains(&nick) {
            self.set_away(&nick, Some(String::new()));
        } else if !gone {
            self.set_away(&nick, None);
        }
    }
}
