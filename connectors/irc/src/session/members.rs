//! Who is in which channel.

use connector::Audience;
use irc_codec::Message;
use serde_json::json;

use super::Session;
use super::channels::Member;

/// Members of a channel that are kept; more are not shown.
const MAX_MEMBERS: usize = 50_000;

impl Session {
    /// Adds somebody, or their ranks; tells whether the channel is known.
    pub(super) fn add_member(&mut self, channel: &str, nick: &str, ranks: &str) -> bool {
        let key = self.fold(nick);
        let Some(channel) = self.channel_mut(channel) else {
            return false;
        };
        if channel.members.len() < MAX_MEMBERS || channel.members.contains_key(&key) {
            let member = Member {
                nick: nick.to_owned(),
                ranks: ranks.to_owned(),
            };
            channel.members.insert(key, member);
        }
        true
    }

    pub(super) fn remove_member(&mut self, channel: &str, nick: &str) {
        let key = self.fold(nick);
        if let Some(channel) = self.channel_mut(channel) {
            channel.members.remove(&key);
        }
        if !self.shares_channel(&key) {
            self.link.away.remove(&key);
        }
    }

    fn shares_channel(&self, key: &str) -> bool {
        self.link
            .channels
            .values()
            .any(|channel| channel.members.contains_key(key))
    }

    /// Forgets who is away of those we no longer share a channel with.
    pub(super) fn forget_strangers(&mut self) {
        let mut away = std::mem::take(&mut self.link.away);
        away.retain(|key, _| self.shares_channel(key));
        self.link.away = away;
    }

    /// Gives somebody another nickname; returns the channels that we share.
    pub(super) fn rename_member(&mut self, old: &str, new: &str) -> Vec<String> {
        let (old_key, new_key) = (self.fold(old), self.fold(new));
        let mut shared = Vec::new();
        for channel in self.link.channels.values_mut() {
            if let Some(mut member) = channel.members.remove(&old_key) {
                new.clone_into(&mut member.nick);
                channel.members.insert(new_key.clone(), member);
                shared.push(channel.name.clone());
            }
        }
        if let Some(text) = self.link.away.remove(&old_key) {
            self.link.away.insert(new_key, text);
        }
        shared
    }

    /// QUIT: one `leave` for each channel that we share.
    pub(super) fn quit_seen(&mut self, message: &Message, from: &str) {
        if from.is_empty() || self.is_me(from) {
            return;
        }
        let at = self.time_of(message);
        let id = self.id_of(message);
        let reason = message.param(0);
        let text = if reason.is_empty() {
            format!("{from} quit")
        } else {
            format!("{from} quit ({reason})")
        };
        let key = self.fold(from);
        let mut shared = Vec::new();
        for channel in self.link.channels.values_mut() {
            if channel.members.remove(&key).is_some() {
                shared.push(channel.name.clone());
            }
        }
        self.link.away.remove(&key);
        for name in shared {
            let object = json!({"type": "message", "content": reason, "quit": true});
            let (activity, record) =
                self.passage("leave", &name, from, &id, at, text.clone(), Some(object));
            self.tell_recorded(activity, Audience::All, vec![record]);
        }
        self.nick_became_free(from);
    }
}
