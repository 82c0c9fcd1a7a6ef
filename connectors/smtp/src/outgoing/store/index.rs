//! The in-memory index of the folder: the waiting mails, and the mails whose outcome is known.

use std::collections::{HashMap, HashSet};

use protocol::Timestamp;

/// Milliseconds per day.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long outcomes that the functions do not accept are remembered.
const UNTOLD_MS: i64 = 60 * DAY_MS;

/// The index.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Size of each waiting mail, in bytes.
    pub(super) waiting: HashMap<String, u64>,
    /// Their total size.
    pub(super) bytes: u64,
    /// Mails whose outcome is known.
    pub(super) noted: HashMap<String, Noted>,
    /// How many outcomes were noted so far.
    pub(super) count: u64,
    /// Outcomes noted before the functions' whole queue was read: no tasks exist for them any longer.
    pub(super) off_queue: u64,
    /// The mail of each bounce address.
    pub(super) bounces: HashMap<String, String>,
    /// Mails that could not be read, or whose outcome could not, at the last attempt.
    pub(super) unread: HashSet<String>,
}

/// The part of an outcome needed to forget it.
#[derive(Debug)]
pub(super) struct Noted {
    at: Timestamp,
    told: bool,
    pub(super) bounce: Option<String>,
    /// How many were noted before it.
    number: u64,
}

impl Index {
    pub(super) fn add(&mut self, id: &str, length: u64) {
        self.waiting.insert(id.to_owned(), length);
        self.bytes += length;
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.unread.remove(id);
        if let Some(length) = self.waiting.remove(id) {
            self.bytes = self.bytes.saturating_sub(length);
        }
    }

    pub(super) fn note(&mut self, id: &str, at: Timestamp, told: bool, bounce: Option<String>) {
        let number = self.noted.get(id).map_or(self.count, |known| known.number);
        let noted = Noted {
            at,
            told,
            bounce,
            number,
        };
        if self.noted.insert(id.to_owned(), noted).is_none() {
            self.count += 1;
        }
    }

    pub(super) fn is_full(&self, most: usize) -> bool {
        self.noted.len() + self.waiting.len() >= most
    }

    /// Ids that may be forgotten, if `keep` has passed for those the functions know, oldest first.
    pub(super) fn forgettable(&self, now: Timestamp, keep: i64) -> Vec<String> {
        let is_old = |noted: &Noted| {
            let keep = if noted.told { keep } else { UNTOLD_MS };
            noted.number < self.off_queue && noted.at < now.plus_millis(-keep)
        };
        let mut old: Vec<(Timestamp, &String)> = self
            .noted
            .iter()
            .filter_map(|(id, noted)| is_old(noted).then_some((noted.at, id)))
            .collect();
        old.sort_unstable();
        old.into_iter().map(|(_, id)| id.clone()).collect()
    }
}

/// The outcomes noted before a pass over the functions' queue started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looking(pub(super) u64);
