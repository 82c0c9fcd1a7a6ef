//! A channel: its members and its modes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use protocol::Timestamp;

use super::client::{User, UserId};
use super::masks::{List, Matcher, Who};
use crate::change::ChannelChange;
use crate::record::{Ban, Body, ChannelRecord};

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
    /// What the lists say of users, until one of them changes.
    verdicts: RefCell<BTreeMap<UserId, Verdict>>,
    /// Entries that users were compared with, and entries that were compiled.
    #[cfg(test)]
    pub looked_at: std::cell::Cell<usize>,
    #[cfg(test)]
    pub compiled: usize,
}

/// What the lists of a channel say of a user.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    /// [`User::names`] at that time.
    names: u64,
    /// May not join.
    banned: bool,
    /// May not speak without a voice.
    shut_up: bool,
}

/// Verdicts kept of users who are not members.
const MAX_OTHERS: usize = 64;

impl Channel {
    pub(super) fn new(record: ChannelRecord) -> Self {
        let mut channel = Self {
            record,
            members: BTreeMap::new(),
            logged: None,
            lists: Default::default(),
            verdicts: RefCell::default(),
            #[cfg(test)]
            looked_at: Default::default(),
            #[cfg(test)]
            compiled: 0,
        };
        channel.prepare_lists();
        channel
    }

    /// To be called when the lists of the record have changed otherwise than by [`Self::add_entry`] and
    /// [`Self::remove_entry`].
    pub(super) fn prepare_lists(&mut self) {
        self.lists = List::ALL.map(|list| {
            let entries = list.entries(&self.record).iter();
            entries.map(|entry| Matcher::new(&entry.mask)).collect()
        });
        self.verdicts.get_mut().clear();
        #[cfg(test)]
        {
            self.compiled += self.masks();
        }
    }

    /// Adds an entry to a list. Only that one is compiled.
    pub(super) fn add_entry(&mut self, list: List, entry: Ban) {
        if let Some(entries) = self.lists.get_mut(list.place()) {
            entries.push(Matcher::new(&entry.mask));
        }
        list.entries_mut(&mut self.record).push(entry);
        self.verdicts.get_mut().clear();
        #[cfg(test)]
        {
            self.compiled += 1;
        }
    }

    /// Removes an entry, which must be there, from a list.
    pub(super) fn remove_entry(&mut self, list: List, place: usize) -> Ban {
        if let Some(entries) = self.lists.get_mut(list.place()) {
            entries.remove(place);
        }
        self.verdicts.get_mut().clear();
        list.entries_mut(&mut self.record).remove(place)
    }

    /// How many entries a user may have to be compared with.
    pub(super) fn masks(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
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
    pub(super) fn log_entry(&mut self) -> Body {
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
        let mut entries = self.lists.get(list.place()).into_iter().flatten();
        entries.any(|entry| {
            #[cfg(test)]
            self.looked_at.set(self.looked_at.get() + 1);
            entry.matches(who)
        })
    }

    /// Returns what the lists say of a user. Everything that is said and done in a channel asks that, so it is kept until
    /// the lists or the user's names change.
    fn verdict(&self, id: UserId, user: &User) -> Verdict {
        let mut verdicts = self.verdicts.borrow_mut();
        if let Some(kept) = verdicts.get(&id)
            && kept.names == user.names
        {
            return *kept;
        }
        let mut verdict = Verdict {
            names: user.names,
            banned: false,
            shut_up: false,
        };
        if self.masks() == 0 {
            return verdict;
        }
        let who = Who::of(user);
        verdict.banned = self.has(List::Bans, &who);
        verdict.shut_up = verdict.banned || self.has(List::Quiets, &who);
        if verdict.shut_up && self.has(List::Exceptions, &who) {
            (verdict.banned, verdict.shut_up) = (false, false);
        }
        if verdicts.len() >= self.members.len() + MAX_OTHERS {
            verdicts.retain(|other, _| self.members.contains_key(other));
        }
        verdicts.insert(id, verdict);
        verdict
    }

    pub(super) fn is_banned(&self, id: UserId, user: &User) -> bool {
        self.verdict(id, user).banned
    }

    /// Returns whether a user needs no invitation.
    pub(super) fn is_welcome(&self, user: &User) -> bool {
        self.has(List::Invites, &Who::of(user))
    }

    /// Returns whether somebody without a voice is kept from speaking by a ban or quiet.
    fn is_shut_up(&self, id: UserId, user: &User) -> bool {
        self.verdict(id, user).shut_up
    }

    /// Returns whether a member is banned or quieted, and neither an operator nor voiced.
    pub(super) fn is_silenced(&self, id: UserId, user: &User) -> bool {
        let member = self.members.get(&id).copied().unwrap_or_default();
        !member.may_act() && !member.voice && self.is_shut_up(id, user)
    }

    /// Returns whether a user may send to the channel.
    pub(super) fn may_speak(&self, id: UserId, user: &User) -> bool {
        match self.members.get(&id) {
            Some(member) if member.may_act() || member.voice => true,
            Some(_) => !self.record.moderated && !self.is_shut_up(id, user),
            None => {
                !self.record.moderated && !self.record.members_only && !self.is_shut_up(id, user)
            }
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
