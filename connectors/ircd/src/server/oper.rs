//! Operators of the server are the administrators of the space. OPER (RFC 2812, section 3.1.4) takes no password: the
//! session is an administrator's, or not. With the user mode `o` an operator is told what the others do, and is shown
//! as one; what administrators may do, they may without it.
//!
//! WALLOPS (RFC 2812, section 4.7), announcements to everybody (section 3.3.1, a target `$mask`).

use irc_codec::{Message, numeric};

use super::client::UserId;
use super::names::{self, Mask};
use super::outbox::When;
use super::reply::{LINE, Reply, wire};
use super::{ClientId, Server};

impl Server {
    pub(super) fn on_oper(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let own = self
            .users
            .get(&user_id)
            .and_then(|user| user.account.clone());
        let named = names::fold(message.param(0));
        let same = own.is_some_and(|own| own.as_str() == named.as_str());
        if !same && !named.as_str().is_empty() || !self.is_administrator(user_id) {
            let text = "OPER is for administrators of this space, signed in to their own account";
            return self.reply(id, Reply::new(numeric::ERR_NOOPERHOST, [text]));
        }
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        let was = std::mem::replace(&mut user.modes.operator, true);
        let nick = user.nick.clone();
        let text = "You are now an operator of this server";
        self.reply(id, Reply::new(numeric::RPL_YOUREOPER, [text]));
        if !was {
            let event = self.event(user_id, "MODE", [nick.as_str(), "+o"]);
            self.relay(self.sessions(user_id), &event, When::Always);
            self.audit(id, "is an operator now (OPER)");
        }
    }

    /// Returns whether a user is an administrator who sent OPER.
    pub(super) fn is_oper(&self, user_id: UserId) -> bool {
        let user = self.users.get(&user_id);
        user.is_some_and(|user| user.modes.operator) && self.is_administrator(user_id)
    }

    /// Writes what an administrator does to the program's log, and tells the operators.
    pub(super) fn audit(&mut self, id: ClientId, what: &str) {
        let client = self.clients.get(&id);
        let account = client.and_then(|client| client.account.as_ref());
        let by = account.map_or_else(|| self.name_for(id), ToString::to_string);
        self.outbox.audit(by.clone(), what.to_owned());
        let users = self.users.keys().copied();
        let sessions: Vec<ClientId> = users
            .filter(|&user| self.is_oper(user))
            .flat_map(|user| self.sessions(user))
            .collect();
        // It is not part of the answer to a command.
        let response = self.response.take();
        self.tell_all(sessions, &format!("*** {by} {what}"));
        self.response = response;
    }

    fn tell_all(&mut self, sessions: Vec<ClientId>, text: &str) {
        for session in sessions {
            self.tell(session, [text.to_owned()]);
        }
    }

    /// Returns whether a user is an administrator; if not, the client is told so.
    pub(super) fn check_administrator(&mut self, id: ClientId, user_id: UserId) -> bool {
        let may = self.is_administrator(user_id);
        if !may {
            let text = "Only administrators of this space may do that";
            self.reply(id, Reply::new(numeric::ERR_NOPRIVILEGES, [text]));
        }
        may
    }

    pub(super) fn on_wallops(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        if !self.check_administrator(id, user_id) {
            return;
        }
        let text = names::clip(message.param(0), self.config.limits.text).to_owned();
        let event = self.event(user_id, "WALLOPS", [text.as_str()]);
        let readers = self.users.iter().filter(|(_, user)| user.modes.wallops);
        let sessions: Vec<ClientId> = readers
            .flat_map(|(_, user)| user.sessions.iter().copied())
            .collect();
        self.relay(sessions, &event, When::Always);
        self.audit(id, &format!("sent WALLOPS: {text}"));
    }

    /// A message to everybody on the servers that a mask `$…` names; it is not stored.
    pub(super) fn announce(
        &mut self,
        id: ClientId,
        user_id: UserId,
        (command, target): (&str, &str),
        text: &str,
    ) {
        if !self.check_administrator(id, user_id) {
            return;
        }
        // `$mask`, or `$$mask` as on other servers.
        let mask = target.trim_start_matches('$');
        if mask.is_empty() || !Mask::new(mask).matches(&self.config.name) {
            let text = format!("There is only the server {}", self.config.name);
            return self.reply(id, Reply::new(numeric::ERR_NOSUCHSERVER, [target, &text]));
        }
        let event = self.event(user_id, command, [target, text]);
        if wire(&event.message).len() + 2 > LINE {
            let text = "The announcement is too long with your name before it";
            return self.reply(id, Reply::new(numeric::ERR_INPUTTOOLONG, [text]));
        }
        let users = self.users.values();
        let all: Vec<ClientId> = users.flat_map(|user| user.sessions.clone()).collect();
        self.deliver(id, all, &event, When::Always);
        self.audit(id, &format!("announced: {text}"));
    }
}
