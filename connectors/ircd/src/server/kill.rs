//! KILL (RFC 2812, section 3.7.1): an administrator ends a user's connections.

use irc_codec::{Message, numeric};

use super::client::UserId;
use super::reply::Reply;
use super::{ClientId, Server, names};

impl Server {
    pub(super) fn on_kill(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        if !self.is_administrator(user_id) {
            let text = "Only administrators of this space may end other users' connections";
            return self.reply(id, Reply::new(numeric::ERR_NOPRIVILEGES, [text]));
        }
        let nick = message.param(0);
        let Some(&victim) = self.nicks.get(&names::fold(nick)) else {
            return self.no_such_nick(id, nick);
        };
        let by = self.name_for(id);
        let text = match message.param(1) {
            "" => "no reason given",
            text => names::clip(text, self.config.limits.text),
        };
        let reason = format!("Killed ({by} ({text}))");
        self.audit(id, &format!("ended the connections of {nick}: {text}"));
        // All sessions: with one left, the user would still be present.
        for session in self.sessions(victim) {
            self.disconnect(session, &reason);
        }
    }

    /// Returns whether one of a user's sessions is authenticated as an administrator's.
    pub(super) fn is_administrator(&self, user_id: UserId) -> bool {
        self.users.get(&user_id).is_some_and(|user| {
            let named = |account| self.config.operators.contains(account);
            user.account.as_ref().is_some_and(named)
                || user.sessions.iter().any(|session| {
                    self.clients
                        .get(session)
                        .is_some_and(|client| client.administrator)
                })
        })
    }
}
