//! A channel: its members and its modes.

use std::collections::BTreeMap;

use protocol::Timestamp;

use super::client::{User, UserId};
use super::names::{self, Mask};
use crate::record::ChannelRecord;

/// A member's rights.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Member {
    pub operator: bool,
    pub voice: bool,
}

impl Member {
    /// Returns a nickname's prefixes: the highest, or all of them with multi-prefix.
    pub(super) fn prefix(self, all: bool) -> &'static str {
        match (self.operator, self.voice) {
            (true, true) if all => "@+",
            (true, _) => "@",
            (false, true) => "+",
            (false, false) => "",
        }
    }
}

/// A channel; see the module documentation.
#[derive(Debug)]
pub(super) struct Channel {
    pub record: ChannelRecord,
    pub members: BTreeMap<UserId, Member>,
    /// The masks of [`ChannelRecord::bans`].
    banned: Vec<Mask>,
}

impl Channel {
    pub(super) fn new(record: ChannelRecord) -> Self {
        let mut channel = Self {
            record,
            members: BTreeMap::new(),
            banned: Vec::new(),
        };
        channel.prepare_bans();
        channel
    }

    /// To be called whenever the bans of the record change: they are checked for every message.
    pub(super) fn prepare_bans(&mut self) {
        let bans = self.record.bans.iter();
        self.banned = bans.map(|ban| Mask::new(&ban.mask)).collect();
    }

    /// Returns a new channel's record, with the modes +nt.
    pub(super) fn fresh(name: &str, now: Timestamp) -> ChannelRecord {
        ChannelRecord {
            name: name.to_owned(),
            created: now,
            topic: None,
            invite_only: false,
            moderated: false,
            members_only: true,
            secret: false,
            topic_locked: true,
            key: None,
            limit: None,
            bans: Vec::new(),
            operators: Default::default(),
            voices: Default::default(),
            members: Default::default(),
            permanent: false,
        }
    }

    /// Returns whether it remains when everyone has left: it belongs to an account or the configuration.
    pub(super) fn is_lasting(&self) -> bool {
        self.record.permanent || !self.record.members.is_empty()
    }

    pub(super) fn is_operator(&self, user: UserId) -> bool {
        self.members
            .get(&user)
            .is_some_and(|member| member.operator)
    }

    pub(super) fn is_banned(&self, user: &User) -> bool {
        let mut source = user.source();
        let whole = source.to_string();
        // Masks may contain a guest's bare address.
        source.host = source
            .host
            .map(|host| host.strip_prefix("guest/").unwrap_or(&host).to_owned());
        let (whole, bare) = (names::folded(&whole), names::folded(&source.to_string()));
        let mut masks = self.banned.iter();
        masks.any(|mask| mask.matches_folded(&whole) || mask.matches_folded(&bare))
    }

    /// Returns whether a member is banned, and neither an operator nor voiced.
    pub(super) fn is_silenced(&self, id: UserId, user: &User) -> bool {
        let member = self.members.get(&id).copied().unwrap_or_default();
        !member.operator && !member.voice && self.is_banned(user)
    }

    /// Returns whether a user may send to the channel.
    pub(super) fn may_speak(&self, id: UserId, user: &User) -> bool {
        match self.members.get(&id) {
            Some(member) if member.operator || member.voice => true,
            Some(_) => !self.record.moderated && !self.is_banned(user),
            None => !self.record.moderated && !self.record.members_only && !self.is_banned(user),
        }
    }

    /// Returns whether a user may know that the channel exists.
    pub(super) fn is_visible(&self, user: UserId) -> bool {
        !self.record.secret || self.members.contains_key(&user)
    }

    /// Returns the modes as in MODE, including parameters; the key is included for members only.
    pub(super) fn modes(&self, inside: bool) -> Vec<String> {
        let record = &self.record;
        let flags = [
            ('i', record.invite_only),
            ('m', record.moderated),
            ('n', record.members_only),
            ('s', record.secret),
            ('t', record.topic_locked),
            ('k', record.key.is_some()),
            ('l', record.limit.is_some()),
        ];
        let letters: String = flags
            .iter()
            .filter(|(_, on)| *on)
            .map(|&(letter, _)| letter)
            .collect();
        let mut modes = vec![format!("+{letters}")];
        if let Some(key) = &record.key {
            modes.push(if inside { key.clone() } else { "*".to_owned() });
        }
        if let Some(limit) = record.limit {
            modes.push(limit.to_string());
        }
        modes
    }
}
