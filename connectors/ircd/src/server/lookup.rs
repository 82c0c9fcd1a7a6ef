//! USERHOST and ISON (RFC 2812, sections 4.8 and 4.9).

use irc_codec::{Message, numeric};

use super::reply::Reply;
use super::{ClientId, Server, names};

/// Nicknames answered per USERHOST.
const MAX_USERHOST: usize = 5;

impl Server {
    pub(super) fn on_userhost(&mut self, id: ClientId, message: &Message) {
        let answers: Vec<String> = message
            .params
            .iter()
            .take(MAX_USERHOST)
            .filter_map(|nick| {
                let id = *self.nicks.get(&names::fold(nick))?;
                Some((id, self.users.get(&id)?))
            })
            .map(|(id, user)| {
                let star = if self.is_administrator(id) { "*" } else { "" };
                let away = if user.away.is_some() { '-' } else { '+' };
                format!("{}{star}={away}{}@{}", user.nick, user.name, user.host)
            })
            .collect();
        self.reply(id, Reply::new(numeric::RPL_USERHOST, [answers.join(" ")]));
    }

    pub(super) fn on_ison(&mut self, id: ClientId, message: &Message) {
        let answers: Vec<&str> = message
            .params
            .iter()
            .flat_map(|param| param.split_ascii_whitespace())
            .filter_map(|nick| self.users.get(self.nicks.get(&names::fold(nick))?))
            .map(|user| user.nick.as_str())
            .collect();
        let answers = answers.join(" ");
        self.reply(id, Reply::new(numeric::RPL_ISON, [answers]));
    }
}
