//! What was read from the spool and is not published yet, and whose turn it is when.
//!
//! Every publication of an account rewrites the day's documents, so messages wait until they are many, or for an
//! age that adapts: a second after some minutes of silence, and twice as long each time while it goes on, up to some
//! minutes; and longer, if the functions tell us when somebody looks, until they are a fixed part of what was said that day. Nothing is lost meanwhile: the spool has them, and the gateway replays them. Whoever is about to
//! look at an archive has it published at once. What changes connections does not wait.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use protocol::AccountName;
use serde::Deserialize;
use tokio::time::Instant;

/// Messages of one account that are published without waiting any longer: fewer than a connection replays.
const MOST_MESSAGES: usize = 750;
/// The same in bytes.
const MOST_BYTES: usize = 256 << 10;
/// Bytes in memory of all accounts together; beyond it everything is published.
const MOST_IN_MEMORY: usize = 16 << 20;
/// For how long an account counts as looked at.
const WATCHED_FOR: Duration = Duration::from_secs(15 * 60);
/// Messages are few if they are less than this part of the day's.
const PART_OF_DAY: usize = 4;
/// A day's documents are written no more when it is over.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// For how long it is taken that the functions, which reached us once, do it again.
const REACHED_FOR: Duration = Duration::from_secs(3 * 60 * 60);
/// Accounts whose age is remembered; the others begin anew.
const MOST_HABITS: usize = 100_000;

/// What of an event decides where it goes.
#[derive(Deserialize)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) account: AccountName,
    pub(crate) event: String,
    /// Somebody may have to be told about it.
    #[serde(default)]
    pub(crate) missed: bool,
}

impl Head {
    /// Reads it; nothing if the record is no event.
    pub(crate) fn of(record: &[u8]) -> Option<Self> {
        serde_json::from_slice(record).ok()
    }

    pub(crate) fn is_message(&self) -> bool {
        self.event == "message"
    }
}

/// For how long messages wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// At first.
    pub(crate) first: Duration,
    /// At the longest, if somebody may look at the archive.
    pub(crate) watched: Duration,
    /// At the longest.
    pub(crate) longest: Duration,
    /// At the longest, if they are few beside those of the day, and nobody can look at the archive unseen.
    pub(crate) few: Duration,
}

#[derive(Debug)]
struct Record {
    number: u64,
    bytes: Vec<u8>,
}

/// The messages of an account.
#[derive(Debug)]
struct Lane {
    records: VecDeque<Record>,
    bytes: usize,
    since: Instant,
    urgent: bool,
    missed: bool,
}

#[derive(Debug)]
struct Habit {
    age: Duration,
    published: Option<Instant>,
    watched: Option<Instant>,
    /// When what follows began.
    day: Instant,
    /// Bytes that were published in a day; about that much each publication writes again.
    bytes: usize,
}

/// What is published together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Vec<u8>>,
    /// Bytes of all records.
    size: usize,
    /// The numbers of changes.
    changes: Vec<u64>,
    messages: Vec<(AccountName, usize)>,
    /// The number of the last record, to name it.
    pub(crate) last: u64,
}

impl Batch {
    /// Takes a record if it fits; the first one always does.
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

/// What is published apart from everything else: messages of an account, or what changes its connections.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Whose; nobody's if that cannot be read.
    pub(crate) account: Option<AccountName>,
    pub(crate) messages: bool,
    pub(crate) batch: Batch,
}

/// What was read from the spool and is not published yet.
#[derive(Debug)]
pub(crate) struct Pending {
    ages: Ages,
    changes: VecDeque<Record>,
    lanes: HashMap<AccountName, Lane>,
    habits: HashMap<AccountName, Habit>,
    bytes: usize,
    /// The number after the last record that was read.
    next: u64,
    /// What an earlier run left behind ends before this number; it does not wait.
    old: u64,
    /// Until when it is known that we are told when somebody looks.
    reached: Option<Instant>,
    /// The spool has much that was published but for a few messages that wait.
    pressed: bool,
}

impl Pending {
    /// Begins with the record of this number; those before `old` were left by an earlier run.
    pub(crate) fn new(ages: Ages, next: u64, old: u64) -> Self {
        Self {
            ages,
            changes: VecDeque::new(),
            lanes: HashMap::new(),
            habits: HashMap::new(),
            bytes: 0,
            next,
            old,
            reached: None,
            pressed: false,
        }
    }

    /// The functions reach us: they tell us when somebody is about to look.
    pub(crate) fn is_reached(&mut self, now: Instant) {
        self.reached = Some(now + REACHED_FOR);
    }

    /// Somebody looked and the functions could not tell us: they do not reach us.
    pub(crate) const fn is_unreachable(&mut self) {
        self.reached = None;
    }

    /// Says whether the spool has too much that cannot be let go of.
    pub(crate) const fn press(&mut self, pressed: bool) {
        self.pressed = pressed;
    }

    /// The number of the next record to be read.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Skips a record that somebody else takes care of.
    pub(crate) fn skip(&mut self, number: u64) {
        self.next = number + 1;
    }

    /// Takes a record that was read.
    pub(crate) fn add(&mut self, number: u64, bytes: Vec<u8>, now: Instant) {
        self.skip(number);
        self.bytes += bytes.len();
        let head = Head::of(&bytes).filter(Head::is_message);
        let record = Record { number, bytes };
        let Some(head) = head else {
            self.changes.push_back(record);
            return;
        };
        let lane = self.lanes.entry(head.account).or_insert_with(|| Lane {
            records: VecDeque::new(),
            bytes: 0,
            since: now,
            urgent: false,
            missed: false,
        });
        lane.bytes += record.bytes.len();
        lane.urgent |= number < self.old;
        lane.missed |= head.missed;
        lane.records.push_back(record);
    }

    /// Somebody is about to look at an account's archive.
    pub(crate) fn flush(&mut self, account: &AccountName, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(account) {
            lane.urgent = true;
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

    /// When the messages of an account are due.
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
        // Each publication writes the day again: with a fixed part of it at least, all of them together write no more than
        // a multiple of what was said.
        let few = lane.bytes < bytes / PART_OF_DAY && age >= self.ages.longest;
        if few && !self.pressed && is_now(self.reached) {
            return lane.since + self.ages.few.max(age);
        }
        lane.since + age.min(self.ages.longest)
    }

    /// Returns whether nothing more is to be read before something was published.
    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= MOST_IN_MEMORY
    }

    /// When there is something to publish next; nothing if nothing waits.
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

    /// Makes a batch of what is due, whoever waits longest first; it stays here until [`Self::done`].
    pub(crate) fn batch(&self, now: Instant, all: bool, most: usize, bytes: usize) -> Batch {
        let at_once = all || self.is_full();
        let mut batch = Batch::default();
        let put = |batch: &mut Batch, record: &Record| batch.put(record, most, bytes);
        for record in &self.changes {
            if !put(&mut batch, record) {
                return batch;
            }
            batch.changes.push(record.number);
        }
        let mut due: Vec<(u64, &AccountName, &Lane)> = self
            .lanes
            .iter()
            .filter(|(account, lane)| at_once || self.due_at(account, lane, now) <= now)
            .filter_map(|(account, lane)| Some((lane.records.front()?.number, account, lane)))
            .collect();
        due.sort_unstable_by_key(|(number, ..)| *number);
        for (_, account, lane) in due {
            // Each part of an account's messages costs a commit: rather all of them in the next batch.
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

    /// Makes of all that is due a batch for each account, so that none holds up another; changes of an account
    /// one by one.
    pub(crate) fn pieces(&self, now: Instant, all: bool, most: usize, bytes: usize) -> Vec<Piece> {
        let at_once = all || self.is_full();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut seen = HashSet::new();
        for record in &self.changes {
            let account = Head::of(&record.bytes).map(|head| head.account);
            if seen.insert(account.clone()) {
                let mut batch = Batch::default();
                batch.put(record, most, bytes);
                batch.changes.push(record.number);
                pieces.push(Piece {
                    account,
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

    /// A batch was published.
    pub(crate) fn done(&mut self, batch: &Batch, now: Instant) {
        let bytes = &mut self.bytes;
        self.changes.retain(|record| {
            let left = batch.changes.binary_search(&record.number).is_err();
            *bytes -= if left { 0 } else { record.bytes.len() };
            left
        });
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
            if lane.records.is_empty() {
                self.lanes.remove(account);
            } else if !lane.urgent {
                lane.since = now;
            }
        }
    }

    /// Returns the messages of an account.
    pub(crate) fn of(&self, account: &AccountName) -> Vec<Vec<u8>> {
        let lane = self.lanes.get(account);
        lane.map_or_else(Vec::new, |lane| {
            lane.records
                .iter()
                .map(|record| record.bytes.clone())
                .collect()
        })
    }

    /// Forgets the messages of an account: somebody else takes care of them.
    pub(crate) fn forget(&mut self, account: &AccountName) {
        if let Some(lane) = self.lanes.remove(account) {
            self.bytes -= lane.bytes;
        }
    }

    /// Whether messages of an account wait that were recorded before this number.
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
            .chain(self.changes.front())
            .map(|record| record.number);
        first.min().unwrap_or(self.next)
    }

    /// Everything before this number that changes connections is published.
    pub(crate) fn settled(&self) -> u64 {
        self.changes
            .front()
            .map_or(self.next, |record| record.number)
    }
}

#[cfg(test)]
mod tests;
