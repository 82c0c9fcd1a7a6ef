//! TOPIC (RFC 2812, section 3.2.4).

use irc_codec::{Message, numeric};
use protocol::FoldedName;

use super::client::UserId;
use super::reply::Reply;
use super::{ClientId, Server, names};
use crate::record::{Body, Stored, Topic};

impl Server {
    pub(super) fn on_topic(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let name = message.param(0);
        let key = names::fold(name);
        let Some(channel) = self
            .channels
            .get(&key)
            .filter(|channel| channel.is_visible(user_id))
        else {
            return self.no_such_channel(id, name);
        };
        let Some(text) = message.params.get(1) else {
            return self.send_topic(id, &key, true);
        };
        let Some(member) = channel.members.get(&user_id) else {
            return self.reply(
                id,
                Reply::new(
                    numeric::ERR_NOTONCHANNEL,
                    [name, "You are not in that channel"],
                ),
            );
        };
        if channel.record.topic_locked && !member.may_act() {
            return self.reply(
                id,
                Reply::new(
                    numeric::ERR_CHANOPRIVSNEEDED,
                    [name, "Only operators of the channel may set its topic (+t)"],
                ),
            );
        }
        if self.is_muted(user_id, &key) {
            let text = "You may not set the topic: the channel is moderated (+m), or you are banned or quieted (+b, +q)";
            return self.reply(id, Reply::new(numeric::ERR_CANNOTSENDTOCHAN, [name, text]));
        }
        let text = names::clip(text, self.config.limits.topic).to_owned();
        let spelled = channel.record.name.clone();
        let mut event = self.event(user_id, "TOPIC", [spelled.clone(), text.clone()]);
        event.at = self.next_id();
        event.has_id = true;
        let Some(user) = self.users.get(&user_id) else {
            return;
        };
        let stored = Stored {
            target: self.history_key(&key),
            source: user.source().to_string(),
            account: user.account.clone(),
            command: "TOPIC".to_owned(),
            to: spelled.clone(),
            text: Some(text.clone()),
            tags: String::new(),
            relayed_by: None,
            bot: event.bot,
            about: None,
        };
        let topic = Topic {
            text,
            by: user.nick.clone(),
            at: self.now.wall,
        };
        let Some(before) = self.past(&key) else {
            return;
        };
        if let Some(channel) = self.channels.get_mut(&key) {
            channel.record.topic = (!topic.text.is_empty()).then_some(topic);
        }
        self.append(event.at, Body::Message(stored));
        let when = self.save_change(&key, before);
        let audience = self.audience(&key);
        self.relay(audience, &event, when);
        self.explain_undone(id, &spelled, when);
    }

    /// Sends the topic; its absence is reported only if requested.
    pub(super) fn send_topic(&mut self, id: ClientId, key: &FoldedName, asked: bool) {
        let Some(channel) = self.channels.get(key) else {
            return;
        };
        let name = channel.record.name.clone();
        match channel.record.topic.clone() {
            Some(topic) => {
                self.reply(
                    id,
                    Reply::new(numeric::RPL_TOPIC, [name.as_str(), &topic.text]),
                );
                let seconds = topic.at.millis().div_euclid(1000).to_string();
                self.reply(
                    id,
                    Reply::new(numeric::RPL_TOPICWHOTIME, [name, topic.by, seconds]),
                );
            }
            None if asked => self.reply(
                id,
                Reply::new(numeric::RPL_NOTOPIC, [name.as_str(), "No topic is set"]),
            ),
            None => {}
        }
    }
}
