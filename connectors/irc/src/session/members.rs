//! The members of each channel.

use gateway::Audience;
use irc_codec::Message;
use protocol::{ActivityObject, FoldedMap, Folding, TextObject};

use super::Session;
use super::channels::Channel;

/// Members kept per channel; further ones are not shown.
const MAX_MEMBERS: usize = 50_000;

/// Memberships kept across all channels of a connection; further ones are not shown.
const MAX_MEMBERSHIPS: usize = 150_000;

/// Maximum length of another user's nickname that is kept, in bytes.
const MAX_NICK: usize = 128;

/// The number of our channels each person is in, so that not all channels have to be searched.
#[derive(Debug, Default)]
pub(super) struct People {
    shared: FoldedMap<u32>,
    memberships: usize,
}

impl People {
    fn came(&mut self, nick: &str) {
        self.memberships += 1;
        if let Some(count) = self.shared.get_mut(nick) {
            *count += 1;
        } else {
            self.shared.insert(nick, 1);
        }
    }

    /// Returns whether it was the last of our channels.
    fn went(&mut self, nick: &str) -> bool {
        self.memberships = self.memberships.saturating_sub(1);
        match self.shared.get_mut(nick) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            _ => {
                self.shared.remove(nick);
                true
            }
        }
    }

    /// Counts again, after the case mapping changed.
    pub(super) fn recount<'a>(
        &mut self,
        case: Folding,
        channels: impl Iterator<Item = &'a Channel>,
    ) {
        self.shared = FoldedMap::new(case);
        self.memberships = 0;
        for nick in channels.flat_map(|channel| channel.members.names()) {
            self.came(nick);
        }
    }
}

impl Session {
    /// Adds a member or their ranks; returns whether the channel is known.
    pub(super) fn add_member(&mut self, channel: &str, nick: &str, ranks: &str) -> bool {
        let Some(channel) = self.link.channels.get_mut(channel) else {
            return false;
        };
        if channel.members.contains(nick) {
            channel.members.insert(nick, ranks.to_owned());
        } else if channel.members.len() < MAX_MEMBERS
            && self.link.people.memberships < MAX_MEMBERSHIPS
            && nick.len() <= MAX_NICK
        {
            self.link.people.came(nick);
            channel.members.insert(nick, ranks.to_owned());
        }
        true
    }

    pub(super) fn remove_member(&mut self, channel: &str, nick: &str) {
        let removed = self
            .channel_mut(channel)
            .and_then(|channel| channel.members.remove(nick));
        if removed.is_some() {
            self.member_gone(nick);
        }
    }

    /// Forgets a channel and its members.
    pub(super) fn remove_channel(&mut self, name: &str) {
        if let Some(channel) = self.link.channels.remove(name) {
            for nick in channel.members.names() {
                self.member_gone(nick);
            }
        }
    }

    /// A person is in one channel less. With no shared channel, the server would no longer report whether they are
    /// away.
    fn member_gone(&mut self, nick: &str) {
        if self.link.people.went(nick) {
            self.link.away.remove(nick);
        }
    }

    /// Returns whether a person is in one of our channels.
    pub(super) fn shares_channel(&self, nick: &str) -> bool {
        self.link.people.shared.contains(nick)
    }

    /// Renames a person; returns the channels we share.
    pub(super) fn rename_member(&mut self, old: &str, new: &str) -> Vec<String> {
        let away = self.link.away.remove(old);
        let mut shared = Vec::new();
        if !self.shares_channel(old) || new.len() > MAX_NICK {
            return shared;
        }
        for channel in self.link.channels.values_mut() {
            if let Some(ranks) = channel.members.remove(old) {
                self.link.people.went(old);
                if channel.members.insert(new, ranks) {
                    self.link.people.came(new);
                }
                shared.push(channel.name.clone());
            }
        }
        if let Some(text) = away {
            self.link.away.insert(new, text);
        }
        shared
    }

    /// Forgets a person; returns the channels that we shared.
    pub(super) fn remove_everywhere(&mut self, nick: &str) -> Vec<String> {
        let mut shared = Vec::new();
        if self.shares_channel(nick) {
            for channel in self.link.channels.values_mut() {
                if channel.members.remove(nick).is_some() {
                    shared.push(channel.name.clone());
                }
            }
        }
        for _ in &shared {
            self.member_gone(nick);
        }
        shared
    }

    /// QUIT: one `leave` for each shared channel.
    pub(super) fn quit_seen(&mut self, message: &Message, from: &str) {
        if from.is_empty() || self.is_me(from) {
            return;
        }
        if self.quit_in_split(message, from) {
            self.nick_became_free(from);
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
        for name in self.remove_everywhere(from) {
            let object = ActivityObject::Message(TextObject {
                quit: Some(true),
                ..TextObject::new(reason)
            });
            let (activity, record) =
                self.membership_event("leave", &name, from, &id, at, text.clone(), Some(object));
            self.publish_recorded(activity, Audience::All, vec![record]);
        }
        self.nick_became_free(from);
    }
}
