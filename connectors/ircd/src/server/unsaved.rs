//! Changes of channels and accounts that are not on disk: those being written, with what undoes them, and those that
//! could not be written, until they are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::{AccountName, FoldedName};

use super::AppendId;
use super::channel::{Channel, Member};
use super::client::UserId;
use super::masks::List;
use crate::record::ChannelRecord;

/// How long after a failure the disk is tried again, in milliseconds.
pub(super) const RETRY: u64 = 5_000;

/// What a record in the log is about.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Subject {
    Account(AccountName),
    /// A key of an account's metadata.
    Metadata(AccountName, String),
    /// The ban with this mask.
    Ban(String),
    Channel(FoldedName),
}

/// A channel as it was at some time.
#[derive(Clone, Debug)]
pub(super) struct Past {
    record: ChannelRecord,
    members: BTreeMap<UserId, Member>,
}

impl Past {
    pub(super) fn of(channel: &Channel) -> Self {
        Self {
            record: channel.record.clone(),
            members: channel.members.clone(),
        }
    }
}

/// A change that is undone if it cannot be written.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub before: Past,
    pub after: Past,
}

fn back<T: Clone + PartialEq>(now: &mut T, before: &T, after: &T) {
    if before != after && now == after {
        now.clone_from(before);
    }
}

fn back_set<T: Clone + Ord>(now: &mut BTreeSet<T>, before: &BTreeSet<T>, after: &BTreeSet<T>) {
    for added in after.difference(before) {
        now.remove(added);
    }
    now.extend(before.difference(after).cloned());
}

impl Change {
    /// Undoes it, and nothing that was changed since.
    pub(super) fn undo(&self, channel: &mut Channel) {
        let (before, after, now) = (&self.before.record, &self.after.record, &mut channel.record);
        if now.created != after.created {
            return;
        }
        back(&mut now.topic, &before.topic, &after.topic);
        back(
            &mut now.invite_only,
            &before.invite_only,
            &after.invite_only,
        );
        back(&mut now.moderated, &before.moderated, &after.moderated);
        back(
            &mut now.members_only,
            &before.members_only,
            &after.members_only,
        );
        back(&mut now.secret, &before.secret, &after.secret);
        back(
            &mut now.topic_locked,
            &before.topic_locked,
            &after.topic_locked,
        );
        back(&mut now.from_join, &before.from_join, &after.from_join);
        back(&mut now.key, &before.key, &after.key);
        back(&mut now.limit, &before.limit, &after.limit);
        back_set(&mut now.operators, &before.operators, &after.operators);
        back_set(&mut now.voices, &before.voices, &after.voices);
        back(&mut now.founder, &before.founder, &after.founder);
        for list in List::ALL {
            let (before, after) = (list.entries(before), list.entries(after));
            let now = list.entries_mut(now);
            now.retain(|entry| before.contains(entry) || !after.contains(entry));
            for entry in before {
                if !after.contains(entry) && !now.contains(entry) {
                    now.push(entry.clone());
                }
            }
        }
        channel.prepare_lists();
        for (user, now) in &mut channel.members {
            let (before, after) = (&self.before.members, &self.after.members);
            if let (Some(before), Some(after)) = (before.get(user), after.get(user)) {
                back(&mut now.founder, &before.founder, &after.founder);
                back(&mut now.operator, &before.operator, &after.operator);
                back(&mut now.voice, &before.voice, &after.voice);
            }
        }
    }
}

#[derive(Debug)]
struct Pending {
    append: AppendId,
    subject: Subject,
    change: Option<Box<Change>>,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    /// In order; bounded as the appends that are not settled are.
    pending: VecDeque<Pending>,
    /// What has to be written again: at most every channel and account once.
    failed: BTreeSet<Subject>,
    /// When the disk is tried again, in ticks.
    retry_at: u64,
}

impl Unsaved {
    pub(super) fn insert(&mut self, append: AppendId, subject: Subject, change: Option<Change>) {
        // What is written now is newer than what failed.
        self.failed.remove(&subject);
        self.pending.push_back(Pending {
            append,
            subject,
            change: change.map(Box::new),
        });
    }

    /// An append was settled; call in order, once for each. Returns what failed, with the change
    /// to undo.
    pub(super) fn settle(
        &mut self,
        append: AppendId,
        stored: bool,
        ticks: u64,
    ) -> Vec<(Subject, Option<Box<Change>>)> {
        let mut failed = Vec::new();
        while let Some(pending) = self.pending.pop_front_if(|next| next.append <= append) {
            if stored {
                continue;
            }
            // A change that is undone is marked, too: what was requested after it contains it.
            self.failed.insert(pending.subject.clone());
            self.retry_at = ticks + RETRY;
            failed.push((pending.subject, pending.change));
        }
        failed
    }

    /// A channel got another name: what is being written of it is now about that name.
    pub(super) fn rename(&mut self, from: &FoldedName, to: &FoldedName) {
        let from = Subject::Channel(from.clone());
        for pending in &mut self.pending {
            if pending.subject == from {
                pending.subject = Subject::Channel(to.clone());
            }
        }
    }

    /// Returns when the disk is to be tried again, in ticks.
    pub(super) fn retry_at(&self) -> Option<u64> {
        (!self.failed.is_empty()).then_some(self.retry_at)
    }

    /// Takes one of what is to be written again, if it is time.
    pub(super) fn take_one(&mut self, ticks: u64) -> Option<Subject> {
        if self.retry_at > ticks {
            return None;
        }
        self.retry_at = ticks + RETRY;
        self.failed.pop_first()
    }

    /// Takes everything that is to be written again.
    pub(super) fn take_all(&mut self) -> BTreeSet<Subject> {
        std::mem::take(&mut self.failed)
    }
}
