//! Who is in which channel.

use std::collections::HashMap;

use gateway::Audience;
use irc_codec::Message;
use protocol::{ActivityObject, TextObject};

use super::Session;
use super::channels::{Channel, Member};

/// Members of a channel that are kept; more are not shown.
const MAX_MEMBERS: usize = 50_000;

/// Memberships of all channels of a connection that are kept; more are not shown.
const MAX_MEMBERSHIPS: usize = 150_000;

/// The longest nickname of somebody else that is kept, in bytes.
const MAX_NICK: usize = 128;

/// In how many of our channels somebody is, by folded nickname: told without a look at all channels.
#[derive(Debug, Default)]
pub(super) struct People {
    shared: HashMap<String, u32>,
    memberships: usize,
}

impl People {
    fn came(&mut self, key: &str) {
        self.memberships += 1;
        if let Some(count) = self.shared.get_mut(key) {
            *count += 1;
        } else {
            self.shared.insert(key.to_owned(), 1);
        }
    }

    /// Returns whether it was the last of our channels.
    fn went(&mut self, key: &str) -> bool {
        self.memberships = self.memberships.saturating_sub(1);
        match self.shared.get_mut(key) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            _ => {
                self.shared.remove(key);
                true
            }
        }
    }

    /// Counts anew, as after a change of what counts as the same name.
    pub(super) fn recount<'a>(&mut self, channels: impl Iterator<Item = &'a Channel>) {
        *self = Self::default();
        for key in channels.flat_map(|channel| channel.members.keys()) {
            self.came(key);
        }
    }
}

impl Session {
    /// Adds somebody, or their ranks; returns whether the channel is known.
    pub(super) fn add_member(&mut self, channel: &str, nick: &str, ranks: &str) -> bool {
        let key = self.fold(nick);
        let channel_key = self.fold(channel);
        let Some(channel) = self.link.channels.get_mut(&channel_key) else {
            return false;
        };
        let member = Member {
            nick: nick.to_owned(),
            ranks: ranks.to_owned(),
        };
        if let Some(known) = channel.members.get_mut(&key) {
            *known = member;
        } else if channel.members.len() < MAX_MEMBERS
            && self.link.people.memberships < MAX_MEMBERSHIPS
            && nick.len() <= MAX_NICK
        {
            self.link.people.came(&key);
            channel.members.insert(key, member);
        }
        true
    }

    pub(super) fn remove_member(&mut self, channel: &str, nick: &str) {
        let key = self.fold(nick);
        let removed = self
            .channel_mut(channel)
            .and_then(|channel| channel.members.remove(&key));
        if removed.is_some() {
            self.member_gone(&key);
        }
    }

    /// Forgets a channel with all who are in it.
    pub(super) fn remove_channel(&mut self, name: &str) {
        let key = self.fold(name);
        if let Some(channel) = self.link.channels.remove(&key) {
            for member in channel.members.keys() {
                self.member_gone(member);
            }
        }
    }

    /// Somebody is in one channel less. Whether strangers are away nobody would tell us.
    fn member_gone(&mut self, key: &str) {
        if self.link.people.went(key) {
            self.link.away.remove(key);
        }
    }

    /// Whether somebody, by folded nickname, is in one of our channels.
    pub(super) fn shares_channel(&self, key: &str) -> bool {
        self.link.people.shared.contains_key(key)
    }

    /// Gives somebody another nickname; returns the channels that we share.
    pub(super) fn rename_member(&mut self, old: &str, new: &str) -> Vec<String> {
        let (old_key, new_key) = (self.fold(old), self.fold(new));
        let away = self.link.away.remove(&old_key);
        let mut shared = Vec::new();
        if !self.shares_channel(&old_key) || new.len() > MAX_NICK {
            return shared;
        }
        for channel in self.link.channels.values_mut() {
            if let Some(mut member) = channel.members.remove(&old_key) {
                new.clone_into(&mut member.nick);
                self.link.people.went(&old_key);
                if channel.members.insert(new_key.clone(), member).is_none() {
                    self.link.people.came(&new_key);
                }
                shared.push(channel.name.clone());
            }
        }
        if let Some(text) = away {
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
        if self.shares_channel(&key) {
            for channel in self.link.channels.values_mut() {
                if channel.members.remove(&key).is_some() {
                    shared.push(channel.name.clone());
                }
            }
        }
        for _ in &shared {
            self.member_gone(&key);
        }
        for name in shared {
            let object = ActivityObject::Message(TextObject {
                quit: Some(true),
                ..TextObject::new(reason)
            });
            let (activity, record) =
                self.passage("leave", &name, from, &id, at, text.clone(), Some(object));
            self.tell_recorded(activity, Audience::All, vec![record]);
        }
        self.nick_became_free(from);
    }
}
