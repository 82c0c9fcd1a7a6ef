//! AWAY: a user is away when all its sessions are (RFC 2812, section 4.1; IRCv3 away-notify, pre-away).

use irc_codec::{Message, numeric};

use super::caps::Caps;
use super::client::UserId;
use super::mute::AWAY;
use super::outbox::When;
use super::reply::Reply;
use super::{ClientId, Server, names};

/// The message of a session without a person, such as a bouncer's (IRCv3 pre-away): it does not count.
const NOBODY: &str = "*";

impl Server {
    pub(super) fn on_away(&mut self, id: ClientId, message: &Message) {
        let text = names::clip(message.param(0), self.config.limits.text).to_owned();
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.away = (!text.is_empty()).then(|| text.as_str().into());
        let user = client.user;
        let present = user
            .map(|user| self.sessions(user))
            .into_iter()
            .flatten()
            .any(|other| self.clients.get(&other).is_some_and(|c| c.away.is_none()));
        if text.is_empty() {
            self.reply(
                id,
                Reply::new(
                    numeric::RPL_UNAWAY,
                    ["You are no longer marked as being away"],
                ),
            );
        } else {
            // Programs wait for this number; its text is for the person.
            let text = if present {
                "This connection is marked as being away; you are shown as away when all your connections are"
            } else {
                "You have been marked as being away"
            };
            self.reply(id, Reply::new(numeric::RPL_NOWAWAY, [text]));
        }
        if let Some(user) = user {
            self.update_away(user);
        }
    }

    /// Determines whether a user is away, and notifies others if that changed.
    pub(super) fn update_away(&mut self, user_id: UserId) {
        let Some(user) = self.users.get(&user_id) else {
            return;
        };
        let texts = user
            .sessions
            .iter()
            .map(|session| self.clients.get(session)?.away.clone());
        // Away only if each session has an away message; the newest session's is shown.
        let away = texts.collect::<Option<Vec<_>>>().and_then(|texts| {
            let said = texts.iter().rev().find(|text| ***text != *NOBODY);
            said.cloned().or_else(|| texts.last().map(|_| AWAY.into()))
        });
        if away == user.away {
            return;
        }
        let was_away = user.away.is_some();
        let event = self.event(user_id, "AWAY", away.as_deref());
        let plain = self.event(user_id, "AWAY", away.as_ref().map(|_| AWAY));
        let changed = was_away != away.is_some();
        if let Some(user) = self.users.get_mut(&user_id) {
            user.away = away;
        }
        let (shown, hidden) = self.divide(user_id, self.watchers(user_id));
        self.relay(
            self.with_cap(shown, Caps::AWAY_NOTIFY),
            &event,
            When::Always,
        );
        // Without the text, another text is no change.
        if changed {
            self.relay(
                self.with_cap(hidden, Caps::AWAY_NOTIFY),
                &plain,
                When::Always,
            );
        }
    }
}
