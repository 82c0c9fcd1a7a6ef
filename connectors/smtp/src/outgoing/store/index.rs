//! What is in the folder, in memory: how much waits, and of which mails it is known what became of them.

use std::collections::{HashMap, HashSet};

use protocol::Timestamp;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long it is remembered if the functions do not take it.
const UNTOLD_MS: i64 = 60 * DAY_MS;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// How large each is that waits, bytes.
    pub(super) waiting: HashMap<String, u64>,
    /// How large they are together.
    pub(super) bytes: u64,
    /// Mails of which it is known what became of them.
    pub(super) noted: HashMap<String, Noted>,
    /// How many were noted so far.
    pub(super) count: u64,
    /// Those that were noted before the functions' whole queue was looked through: of these they have no task any more.
    pub(super) off_queue: u64,
    /// Whose bounce address it is.
    pub(super) bounces: HashMap<String, String>,
    /// Those that could not be read, or whose outcome could not, when they were looked at last.
    pub(super) unread: HashSet<String>,
}

/// What of a note is needed to forget it.
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

    /// Ids that may be forgotten if that takes so long for those that the functions know of, oldest first.
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

/// What was noted before somebody began to look through the functions' queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looking(pub(super) u64);
