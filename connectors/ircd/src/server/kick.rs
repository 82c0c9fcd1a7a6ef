//! KICK (RFC 2812, section 3.2.8).

use irc_codec::Message;

use super::client::UserId;
use super::deliver::Reply;
use super::outbox::When;
use super::welcome::MAX_TARGETS;
use super::{ClientId, Server, names};

impl Server {
    pub(super) fn on_kick(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let name = message.param(0);
        let key = names::fold(name);
        if !self.check_operator(id, user_id, name, &key) {
            return;
        }
        let text = match message.param(2) {
            "" => self.name_for(id),
            text => names::clip(text, self.config.limits.text).to_owned(),
        };
        for nick in message
            .param(1)
            .split(',')
            .filter(|nick| !nick.is_empty())
            .take(MAX_TARGETS)
        {
            let Some(&victim) = self.nicks.get(&names::fold(nick)) else {
                self.no_such_nick(id, nick);
                continue;
            };
            let Some(channel) = self.channels.get(key.as_str()) else {
                return;
            };
            if !channel.members.contains_key(&victim) {
                self.reply(
                    id,
                    Reply::new(441, [nick, name, "They are not in that channel"]),
                );
                continue;
            }
            let spelled = channel.record.name.clone();
            let nick = self
                .users
                .get(&victim)
                .map(|user| user.nick.clone())
                .unwrap_or_default();
            let event = self.event(user_id, "KICK", [spelled, nick, text.clone()]);
            let audience = self.audience(&key);
            self.remove_member(victim, &key);
            self.relay(audience, &event, When::Always);
        }
    }

    /// Tells whether somebody is operator of a channel, and says so if not.
    pub(super) fn check_operator(
        &mut self,
        id: ClientId,
        user_id: UserId,
        name: &str,
        key: &str,
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
            self.reply(id, Reply::new(442, [name, "You are not in that channel"]));
            return false;
        }
        if !channel.is_operator(user_id) {
            self.reply(
                id,
                Reply::new(482, [name, "Only operators of the channel may do that"]),
            );
            return false;
        }
        true
    }
}
