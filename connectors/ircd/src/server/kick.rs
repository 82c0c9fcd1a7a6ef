//! KICK (RFC 2812, section 3.2.8).

use irc_codec::{Message, numeric};
use protocol::FoldedName;

use super::client::UserId;
use super::outbox::When;
use super::reply::Reply;
use super::welcome::{MAX_TARGETS, too_many_targets};
use super::{ClientId, Server, names};

impl Server {
    pub(super) fn on_kick(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let list = |text: &str| -> Vec<String> {
            let parts = text.split(',').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let (names, nicks) = (list(message.param(0)), list(message.param(1)));
        if nicks.len() > MAX_TARGETS {
            return self.reply(id, too_many_targets(message.param(1), "nicknames"));
        }
        let pairs: Vec<(&String, &String)> = match names.as_slice() {
            [one] => nicks.iter().map(|nick| (one, nick)).collect(),
            several if several.len() == nicks.len() => several.iter().zip(&nicks).collect(),
            _ => {
                let text = "Name one channel, or as many channels as nicknames";
                return self.reply(id, Reply::new(numeric::ERR_NEEDMOREPARAMS, ["KICK", text]));
            }
        };
        let text = match message.param(2) {
            "" => self.name_for(id),
            text => names::clip(text, self.config.limits.text).to_owned(),
        };
        let mut refused: Option<&str> = None;
        for (name, nick) in pairs {
            // One reply is enough for several nicknames in the same channel.
            if refused == Some(name.as_str()) {
                continue;
            }
            if !self.check_operator(id, user_id, name, &names::fold(name)) {
                refused = Some(name);
                continue;
            }
            self.kick(id, user_id, name, nick, &text);
        }
    }

    fn kick(&mut self, id: ClientId, user_id: UserId, name: &str, nick: &str, text: &str) {
        let key = names::fold(name);
        let Some(&victim) = self.nicks.get(&names::fold(nick)) else {
            return self.no_such_nick(id, nick);
        };
        let Some(channel) = self.channels.get(&key) else {
            return;
        };
        if !channel.members.contains_key(&victim) {
            let text = "They are not in that channel";
            return self.reply(
                id,
                Reply::new(numeric::ERR_USERNOTINCHANNEL, [nick, name, text]),
            );
        }
        let spelled = channel.record.name.clone();
        if victim != user_id && self.is_above(victim, user_id, &key) {
            return self.founder_stays(id, &key);
        }
        let nick = self
            .users
            .get(&victim)
            .map(|user| user.nick.clone())
            .unwrap_or_default();
        let event = self.event(user_id, "KICK", [spelled.as_str(), &nick, text]);
        let audience = self.audience(&key);
        let saved = self.remove_member(victim, &key);
        self.relay(audience, &event, When::Always);
        self.explain_unsaved([id], &spelled, saved);
    }

    /// Checks whether a user is an operator of a channel, and replies with an error if not.
    pub(super) fn check_operator(
        &mut self,
        id: ClientId,
        user_id: UserId,
        name: &str,
        key: &FoldedName,
    ) -> bool {
        let Some(channel) = self
            .channels
            .get(key)
            .filter(|channel| channel.is_visible(user_id))
        else {
            self.no_such_channel(id, name);
            return false;
        };
        if !channel.members.contains_key(&user_id) {
            self.reply(
                id,
                Reply::new(
                    numeric::ERR_NOTONCHANNEL,
                    [name, "You are not in that channel"],
                ),
            );
            return false;
        }
        if !channel.is_operator(user_id) {
            self.reply(
                id,
                Reply::new(
                    numeric::ERR_CHANOPRIVSNEEDED,
                    [name, "Only operators of the channel may do that"],
                ),
            );
            return false;
        }
        true
    }
}
