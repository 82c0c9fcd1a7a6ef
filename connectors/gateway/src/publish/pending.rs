//! Records read from the spool but not published yet, and when each is due.
//!
//! Every publication for an account rewrites the day's documents, so messages wait until there are many, or until an
//! age that adapts: one second after a few minutes of silence, doubling while messages keep coming, up to a few
//! minutes. If the functions tell us when someone views the archive, messages wait longer, until they are a fixed
//! fraction of the day's. Nothing is lost meanwhile: the spool has them, and the gateway replays them. When someone
//! is about to view an archive, it is published at once. Changes to connections do not wait.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use protocol::AccountName;
use serde::Deserialize;
use tokio::time::Instant;

/// Number of an account's messages at which they are published without further delay: fewer than a connection
/// replays.
const MOST_MESSAGES: usize = 750;
/// The same limit in bytes.
const MOST_BYTES: usize = 256 << 10;
/// Bytes in memory across all accounts; beyond this, everything is published.
const MOST_IN_MEMORY: usize = 16 << 20;
/// Bytes of one account in memory; beyond this, its messages are published apart from those of others.
const SHARE: usize = MOST_IN_MEMORY / 16;
/// How long an account counts as being viewed.
const WATCHED_FOR: Duration = Duration::from_secs(15 * 60);
/// Messages are few if they are less than this fraction (1/n) of the day's.
const PART_OF_DAY: usize = 4;
/// A day's documents are no longer written once it is over.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the functions, having reached us once, are assumed to be able to do so again.
const REACHED_FOR: Duration = Duration::from_secs(3 * 60 * 60);
/// Accounts whose age is remembered; others start over.
const MOST_HABITS: usize = 100_000;

/// The parts of an event that decide how it is handled.
#[derive(Deserialize)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) account: AccountName,
    pub(crate) event: String,
    /// Whether someone may have to be notified about it.
    #[serde(default)]
    pub(crate) missed: bool,
}

impl Head {
    /// Parses it; returns `None` if the record is not an event.
    pub(crate) fn of(record: &[u8]) -> Option<Self> {
        serde_json::from_slice(record).ok()
    }

    pub(crate) fn is_message(&self) -> bool {
        self.event == "message"
    }
}

/// How long messages wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// Initially.
    pub(crate) first: Duration,
    /// Maximum if someone may be viewing the archive.
    pub(crate) watched: Duration,
    /// Maximum.
    pub(crate) longest: Duration,
    /// Maximum if they are few compared with the day's, and nobody can view the archive unnoticed.
    pub(crate) few: Duration,
}

#[derive(Debug)]
struct Record {
    number: u64,
    bytes: Vec<u8>,
}

/// An account's messages.
#[derive(Debug)]
struct Lane {
    records: VecDeque<Record>,
    bytes: usize,
    since: Instant,
    urgent: bool,
    missed: bool,
    /// Someone is about to view the archive, and nothing was published since.
    asked: bool,
    /// The number of batches before the lane began to wait for the next one.
    turn: u64,
}

#[derive(Debug)]
struct Habit {
    age: Duration,
    published: Option<Instant>,
    watched: Option<Instant>,
    /// Start of the period that the following counts cover.
    day: Instant,
    /// Bytes published in a day; each publication rewrites about that much.
    bytes: usize,
}

/// Records that are published together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Vec<u8>>,
    /// Total bytes of all records.
    size: usize,
    /// Record numbers of changes.
    changes: Vec<u64>,
    messages: Vec<(AccountName, usize)>,
    /// The number of the last record, used as the batch's name.
    pub(crate) last: u64,
}

impl Batch {
    /// Adds a record if it fits; the first one always does.
    fn put(&mut self, record: &Record, most: usize, bytes: usize) -> bool {
        let fits = self.records.is_empty()
            || (self.records.len() < most && self.size + record.bytes.len() <= bytes);
        if fits {
            self.size += record.bytes.len();
            self.last = record.number;
            self.records.push(record.bytes.clone());
        }
        fits
    }
}

/// A unit published separately from everything else: an account's messages, or its changes to connections.
#[derive(Debug)]
pub(crate) struct Piece {
    /// The account; `None` if it cannot be determined.
    pub(crate) account: Option<AccountName>,
    pub(crate) messages: bool,
    pub(crate) batch: Batch,
}

/// Records read from the spool but not published yet.
#[derive(Debug)]
pub(crate) struct Pending {
    ages: Ages,
    /// Changes to connections, with their account; `None` if it cannot be determined.
    changes: VecDeque<(Option<AccountName>, Record)>,
    lanes: HashMap<AccountName, Lane>,
    habits: HashMap<AccountName, Habit>,
    bytes: usize,
    /// Batches published.
    batches: u64,
    /// The number after the last record read.
    next: u64,
    /// Records of an earlier run end before this number; they do not wait.
    old: u64,
    /// Until when we can rely on being told when someone views an archive.
    reached: Option<Instant>,
    /// The spool mostly holds published records, except for a few waiting messages.
    pressed: bool,
}

impl Pending {
    /// Starts with the record of this number; those before `old` are from an earlier run.
    pub(crate) fn new(ages: Ages, next: u64, old: u64) -> Self {
        Self {
            ages,
            changes: VecDeque::new(),
            lanes: HashMap::new(),
            habits: HashMap::new(),
            bytes: 0,
            batches: 0,
            next,
            old,
            reached: None,
            pressed: false,
        }
    }

    /// The functions can reach us: they will tell us when someone is about to view an archive.
    pub(crate) fn is_reached(&mut self, now: Instant) {
        self.reached = Some(now + REACHED_FOR);
    }

    /// Someone viewed an archive and the functions could not tell us: they cannot reach us.
    pub(crate) const fn is_unreachable(&mut self) {
        self.reached = None;
    }

    #[cfg(test)]
    pub(super) const fn can_be_reached(&self) -> bool {
        self.reached.is_some()
    }

    #[cfg(test)]
    pub(super) fn is_watched(&self, account: &AccountName) -> bool {
        let habit = self.habits.get(account);
        habit.is_some_and(|habit| habit.watched.is_some())
    }

    /// Sets whether the spool holds too much that cannot be released.
    pub(crate) const fn press(&mut self, pressed: bool) {
        self.pressed = pressed;
    }

    /// The number of the next record to read.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Skips a record that is handled elsewhere.
    pub(crate) fn skip(&mut self, number: u64) {
        self.next = number + 1;
    }

    /// Adds a record that was read.
    pub(crate) fn add(&mut self, number: u64, bytes: Vec<u8>, now: Instant) {
        self.skip(number);
        self.bytes += bytes.len();
        let head = Head::of(&bytes);
        let record = Record { number, bytes };
        let head = match head {
            Some(head) if head.is_message() => head,
            head => {
                let account = head.map(|head| head.account);
                self.changes.push_back((account, record));
                return;
            }
        };
        let lane = self.lanes.entry(head.account).or_insert_with(|| Lane {
            records: VecDeque::new(),
            bytes: 0,
            since: now,
            urgent: false,
            missed: false,
            asked: false,
            turn: self.batches,
        });
        lane.bytes += record.bytes.len();
        lane.urgent |= number < self.old;
        lane.missed |= head.missed;
        lane.records.push_back(record);
    }

    /// Someone is about to view an account's archive.
    pub(crate) fn flush(&mut self, account: &AccountName, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(account) {
            (lane.urgent, lane.asked) = (true, true);
        }
        if let Some(habit) = self.habit(account, now) {
            habit.watched = Some(now + WATCHED_FOR);
        }
    }

    /// An account's archive is read without our being told.
    pub(crate) fn is_elsewhere(&mut self, account: &AccountName) {
        let now = Instant::now();
        if let Some(habit) = self.habit(account, now) {
            habit.watched = Some(now + WATCHED_FOR);
        }
    }

    fn habit(&mut self, account: &AccountName, now: Instant) -> Option<&mut Habit> {
        if !self.habits.contains_key(account) {
            if self.habits.len() >= MOST_HABITS {
                self.habits.clear();
            }
            let habit = Habit {
                age: self.ages.first,
                published: None,
                watched: None,
                day: now,
                bytes: 0,
            };
            self.habits.insert(account.clone(), habit);
        }
        self.habits.get_mut(account)
    }

    /// When an account's messages are due.
    fn due_at(&self, account: &AccountName, lane: &Lane, now: Instant) -> Instant {
        if lane.urgent || lane.records.len() >= MOST_MESSAGES || lane.bytes >= MOST_BYTES {
            return lane.since;
        }
        let is_now = |until: Option<Instant>| until.is_some_and(|until| now < until);
        let (age, watched, bytes) = match self.habits.get(account) {
            Some(habit) => (habit.age, is_now(habit.watched), habit.bytes),
            None => (self.ages.first, false, 0),
        };
        if watched || lane.missed {
            return lane.since + age.min(self.ages.watched);
        }
        // Each publication rewrites the day: if each adds at least a fixed fraction of it, the total written stays
        // within a multiple of what was said.
        let few = lane.bytes < bytes / PART_OF_DAY && age >= self.ages.longest;
        if few && !self.pressed && is_now(self.reached) {
            return lane.since + self.ages.few.max(age);
        }
        lane.since + age.min(self.ages.longest)
    }

    /// Returns whether no more should be read before something is published.
    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= MOST_IN_MEMORY
    }

    /// Returns an account that has more than its share in memory, or, if that is full, a larger part of it.
    pub(crate) fn excessive(&self) -> Option<AccountName> {
        let most = if self.is_full() { MOST_BYTES } else { SHARE };
        if self.bytes < most {
            return None;
        }
        let largest = self.lanes.iter().max_by_key(|(_, lane)| lane.bytes);
        let (account, _) = largest.filter(|(_, lane)| lane.bytes >= most)?;
        Some(account.clone())
    }

    /// When something is due next; `None` if nothing is waiting.
    pub(crate) fn due(&self, now: Instant, all: bool) -> Option<Instant> {
        let at_once = all || self.is_full();
        if !self.changes.is_empty() || (at_once && !self.lanes.is_empty()) {
            return Some(now);
        }
        let lanes = self.lanes.iter();
        lanes
            .map(|(account, lane)| self.due_at(account, lane, now))
            .min()
    }

    /// Creates a batch of what is due; the records stay here until [`Self::done`]. Accounts take turns: one of which a
    /// batch took only a part waits for all others. An account that someone is about to view comes first, unless it
    /// would fill more than a batch.
    pub(crate) fn batch(&self, now: Instant, all: bool, most: usize, bytes: usize) -> Batch {
        let at_once = all || self.is_full();
        let mut batch = Batch::default();
        let put = |batch: &mut Batch, record: &Record| batch.put(record, most, bytes);
        let order = |lane: &Lane| {
            let first = lane.asked && lane.records.len() <= most && lane.bytes <= bytes;
            let number = lane.records.front()?.number;
            Some((!first, lane.turn, number))
        };
        let mut due: Vec<((bool, u64, u64), &AccountName, &Lane)> = self
            .lanes
            .iter()
            .filter(|(account, lane)| at_once || self.due_at(account, lane, now) <= now)
            .filter_map(|(account, lane)| Some((order(lane)?, account, lane)))
            .collect();
        due.sort_unstable_by_key(|(order, ..)| *order);
        // Any number of changes leave room for messages, and those of one account for those of others.
        let parts = if due.is_empty() { 1 } else { 2 };
        let (most_changes, most_bytes) = ((most / parts).max(1), bytes / parts);
        for record in self.changes_in_turn() {
            let enough = batch.records.len() >= most_changes || batch.size >= most_bytes;
            if enough || !put(&mut batch, record) {
                break;
            }
            batch.changes.push(record.number);
        }
        batch.changes.sort_unstable();
        for (_, account, lane) in due {
            // Each part of an account's messages costs a commit: better to send all of them in the next batch.
            let fits = batch.records.len() + lane.records.len() <= most
                && batch.size + lane.bytes <= bytes;
            if !fits && !batch.records.is_empty() {
                break;
            }
            let mut count = 0;
            for record in &lane.records {
                if !put(&mut batch, record) {
                    break;
                }
                count += 1;
            }
            if count > 0 {
                batch.messages.push((account.clone(), count));
            }
            if count < lane.records.len() {
                break;
            }
        }
        batch
    }

    /// Returns the changes, one of each account after the other; each account's in order.
    fn changes_in_turn(&self) -> impl Iterator<Item = &Record> {
        let mut counts: HashMap<Option<&AccountName>, usize> = HashMap::new();
        let mut turns = Vec::with_capacity(self.changes.len());
        for (account, record) in &self.changes {
            let count = counts.entry(account.as_ref()).or_default();
            *count += 1;
            turns.push((*count, record));
        }
        // Stable: by number within each turn.
        turns.sort_by_key(|(turn, _)| *turn);
        turns.into_iter().map(|(_, record)| record)
    }

    /// Divides everything due into one batch per account, so that none holds up another, and an account's changes
    /// into single ones.
    pub(crate) fn pieces(&self, now: Instant, all: bool, most: usize, bytes: usize) -> Vec<Piece> {
        let at_once = all || self.is_full();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut seen = HashSet::new();
        for (account, record) in &self.changes {
            if seen.insert(account) {
                let mut batch = Batch::default();
                batch.put(record, most, bytes);
                batch.changes.push(record.number);
                pieces.push(Piece {
                    account: account.clone(),
                    messages: false,
                    batch,
                });
            }
        }
        for (account, lane) in &self.lanes {
            if !at_once && self.due_at(account, lane, now) > now {
                continue;
            }
            let mut batch = Batch::default();
            let taken = lane
                .records
                .iter()
                .take_while(|record| batch.put(record, most, bytes))
                .count();
            batch.messages.push((account.clone(), taken));
            pieces.push(Piece {
                account: Some(account.clone()),
                messages: true,
                batch,
            });
        }
        pieces.sort_by_key(|piece| piece.batch.last);
        pieces
    }

    /// Removes a published batch.
    pub(crate) fn done(&mut self, batch: &Batch, now: Instant) {
        let bytes = &mut self.bytes;
        self.changes.retain(|(_, record)| {
            let left = batch.changes.binary_search(&record.number).is_err();
            *bytes -= if left { 0 } else { record.bytes.len() };
            left
        });
        self.batches += 1;
        let (first, longest) = (self.ages.first, self.ages.longest);
        for (account, count) in &batch.messages {
            let lane = self.lanes.get(account);
            let since = lane.map_or(now, |lane| lane.since);
            let records = lane.map_or(0, |lane| {
                let taken = lane.records.iter().take(*count);
                taken.map(|record| record.bytes.len()).sum()
            });
            if let Some(habit) = self.habit(account, now) {
                if now - habit.day >= DAY {
                    (habit.day, habit.bytes) = (now, 0);
                }
                habit.bytes += records;
                let quiet = habit.published.map(|published| since - published);
                habit.age = if quiet.is_some_and(|quiet| quiet < longest) {
                    (habit.age * 2).min(longest)
                } else {
                    first
                };
                habit.published = Some(now);
            }
            let Some(lane) = self.lanes.get_mut(account) else {
                continue;
            };
            for record in lane.records.drain(..*count) {
                lane.bytes -= record.bytes.len();
                self.bytes -= record.bytes.len();
            }
            (lane.asked, lane.turn) = (false, self.batches);
            if lane.records.is_empty() {
                self.lanes.remove(account);
            } else if !lane.urgent {
                lane.since = now;
            }
        }
    }

    /// Returns an account's messages.
    pub(crate) fn of(&self, account: &AccountName) -> Vec<Vec<u8>> {
        let lane = self.lanes.get(account);
        lane.map_or_else(Vec::new, |lane| {
            lane.records
                .iter()
                .map(|record| record.bytes.clone())
                .collect()
        })
    }

    /// Drops an account's messages, which are handled elsewhere.
    pub(crate) fn forget(&mut self, account: &AccountName) {
        if let Some(lane) = self.lanes.remove(account) {
            self.bytes -= lane.bytes;
        }
    }

    /// Returns whether any of an account's waiting messages were recorded before this number.
    pub(crate) fn has(&self, account: &AccountName, before: u64) -> bool {
        let first = self
            .lanes
            .get(account)
            .and_then(|lane| lane.records.front());
        self.next < before || first.is_some_and(|record| record.number < before)
    }

    /// Everything before this number is published.
    pub(crate) fn cursor(&self) -> u64 {
        let fronts = self.lanes.values().filter_map(|lane| lane.records.front());
        let first = fronts
            .chain(self.changes.front().map(|(_, record)| record))
            .map(|record| record.number);
        first.min().unwrap_or(self.next)
    }

    /// Every change to connections before this number is published.
    pub(crate) fn settled(&self) -> u64 {
        self.changes
            .front()
            .map_or(self.next, |(_, record)| record.number)
    }
}

#[cfg(test)]
mod tests;
