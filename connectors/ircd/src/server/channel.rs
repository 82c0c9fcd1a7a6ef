//! A channel: its members and its modes.

use std::collections::BTreeMap;

use protocol::Timestamp;

use super::client::{User, UserId};
use super::masks::{List, Matcher, Who};
use crate::change::ChannelChange;
use crate::record::{Body, ChannelRecord};

/// A member's rights.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Member {
    pub founder: bool,
    pub operator: bool,
    pub voice: bool,
    /// When the user joined, as an id.
    pub since: i64,
}

impl Member {
    /// Returns a nickname's prefixes: the highest, or all of them with multi-prefix.
    pub(super) fn prefix(self, all: bool) -> &'static str {
        match (self.founder, self.operator, self.voice) {
            (true, true, true) if all => "~@+",
            (true, true, false) if all => "~@",
            (true, false, true) if all => "~+",
            (true, ..) => "~",
            (false, true, true) if all => "@+",
            (false, true, _) => "@",
            (false, false, true) => "+",
            (false, false, false) => "",
        }
    }

    /// Returns whether the member may do what operators may.
    pub(super) fn may_act(self) -> bool {
        self.founder || self.operator
    }

    /// The letters of the modes.
    pub(super) fn letters(self) -> String {
        let all = [(self.founder, 'O'), (self.operator, 'o'), (self.voice, 'v')];
        let set = all.into_iter().filter(|(set, _)| *set);
        set.map(|(_, letter)| letter).collect()
    }
}

/// A channel; see the module documentation.
#[derive(Debug)]
pub(super) struct Channel {
    pub record: ChannelRecord,
    pub members: BTreeMap<UserId, Member>,
    /// Its state after its last record in the log, if the next one may be what changed since.
    logged: Option<Box<ChannelRecord>>,
    /// The entries of its lists, in the order of [`List::ALL`].
    lists: [Vec<Matcher>; 4],
}

impl Channel {
    pub(super) fn new(record: ChannelRecord) -> Self {
        let mut channel = Self {
            record,
            members: BTreeMap::new(),
            logged: None,
            lists: Default::default(),
        };
        channel.prepare_lists();
        channel
    }

    /// To be called whenever a list of the record changes: they are checked for every message.
    pub(super) fn prepare_lists(&mut self) {
        self.lists = List::ALL.map(|list| {
            let entries = list.entries(&self.record).iter();
            entries.map(|entry| Matcher::new(&entry.mask)).collect()
        });
    }

    /// Returns a new channel's record, with the modes +nt.
    pub(super) fn fresh(name: &str, now: Timestamp) -> ChannelRecord {
        ChannelRecord {
            name: name.to_owned(),
            history: None,
            created: now,
            topic: None,
            invite_only: false,
            moderated: false,
            members_only: true,
            secret: false,
            from_join: false,
            joined: Default::default(),
            topic_locked: true,
            key: None,
            limit: None,
            bans: Vec::new(),
            exceptions: Vec::new(),
            invite_exceptions: Vec::new(),
            quiets: Vec::new(),
            founder: None,
            operators: Default::default(),
            voices: Default::default(),
            members: Default::default(),
            permanent: false,
        }
    }

    /// Returns the record that brings the log up to date: what changed, or all of it.
    pub(super) fn to_log(&mut self) -> Body {
        if let Some(logged) = &mut self.logged {
            let change = ChannelChange::between(logged, &self.record);
            change.apply(logged);
            if **logged == self.record {
                return Body::Changed(Box::new(change));
            }
        }
        self.logged = Some(Box::new(self.record.clone()));
        Body::Channel(Box::new(self.record.clone()))
    }

    /// The next record has all of it.
    pub(super) fn forget_logged(&mut self) {
        self.logged = None;
    }

    /// Returns whether it remains when everyone has left: it belongs to an account or the configuration.
    pub(super) fn is_lasting(&self) -> bool {
        self.record.permanent || !self.record.members.is_empty()
    }

    pub(super) fn is_operator(&self, user: UserId) -> bool {
        self.members
            .get(&user)
            .is_some_and(|member| member.may_act())
    }

    fn has(&self, list: List, who: &Who) -> bool {
        let place = List::ALL.iter().position(|other| *other == list);
        let entries = place.and_then(|place| self.lists.get(place));
        entries.is_some_and(|entries| entries.iter().any(|entry| entry.matches(who)))
    }

    pub(super) fn is_banned(&self, user: &User) -> bool {
        let who = Who::of(user);
        self.has(List::Bans, &who) && !self.has(List::Exceptions, &who)
    }

    /// Returns whether a user needs no invitation.
    pub(super) fn is_welcome(&self, user: &User) -> bool {
        self.has(List::Invites, &Who::of(user))
    }

    /// Returns whether somebody without a voice is kept from speaking by a ban or quiet.
    fn is_shut_up(&self, user: &User) -> bool {
        let who = Who::of(user);
        (self.has(List::Bans, &who) || self.has(List::Quiets, &who))
            && !self.has(List::Exceptions, &who)
    }

    /// Returns whether a member is banned or quieted, and neither an operator nor voiced.
    pub(super) fn is_silenced(&self, id: UserId, user: &User) -> bool {
        let member = self.members.get(&id).copied().unwrap_or_default();
        !member.may_act() && !member.voice && self.is_shut_up(user)
    }

    /// Returns whether a user may send to the channel.
    pub(super) fn may_speak(&self, id: UserId, user: &User) -> bool {
        match self.members.get(&id) {
            Some(member) if member.may_act() || member.voice => true,
            Some(_) => !self.record.moderated && !self.is_shut_up(user),
            None => !self.record.moderated && !self.record.members_only && !self.is_shut_up(user),
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
            ('J', record.from_join),
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
