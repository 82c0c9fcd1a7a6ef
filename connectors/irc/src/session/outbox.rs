//! Lines queued for sending, and the rate at which servers accept them.

use std::collections::VecDeque;
use std::time::Duration;

/// A line, with the client's message that it carries.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) line: String,
    pub(super) sending: Option<u64>,
}

/// Two queues behind one token bucket: lines that users want go first.
#[derive(Debug)]
pub(super) struct Outbox {
    wanted: VecDeque<Entry>,
    background: VecDeque<String>,
    burst: u32,
    interval: Duration,
    capacity: usize,
    tokens: u32,
    refilled: Duration,
    paced: bool,
}

impl Outbox {
    pub(super) const fn new(burst: u32, interval: Duration, capacity: usize) -> Self {
        Self {
            wanted: VecDeque::new(),
            background: VecDeque::new(),
            burst,
            interval,
            capacity,
            tokens: burst,
            refilled: Duration::ZERO,
            paced: true,
        }
    }

    /// Drops the queues and starts with a full bucket.
    pub(super) fn reset(&mut self, now: Duration) {
        self.wanted.clear();
        self.background.clear();
        self.tokens = self.burst;
        self.refilled = now;
        self.paced = true;
    }

    /// Sets whether lines are rate limited.
    pub(super) const fn set_paced(&mut self, paced: bool) {
        self.paced = paced;
    }

    /// How many more lines fit.
    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.wanted.len())
    }

    /// How many lines are queued.
    pub(super) fn waiting(&self) -> usize {
        self.wanted.len() + self.background.len()
    }

    /// Returns whether this exact line is queued because a user wants it.
    pub(super) fn is_waiting(&self, line: &str) -> bool {
        self.wanted.iter().any(|entry| entry.line == line)
    }

    /// Adds a line that a user wants; the caller has checked [`Outbox::room`].
    pub(super) fn push(&mut self, line: String, sending: Option<u64>) {
        self.wanted.push_back(Entry { line, sending });
    }

    /// Adds a line that nobody waits for; dropped if the queue is full.
    pub(super) fn push_background(&mut self, line: String) {
        if self.background.len() < self.capacity {
            self.background.push_back(line);
        }
    }

    /// Withdraws the lines of a message that were not sent yet.
    pub(super) fn withdraw(&mut self, mut unwanted: impl FnMut(u64) -> bool) {
        self.wanted
            .retain(|entry| !entry.sending.is_some_and(&mut unwanted));
    }

    /// The next line that may be sent now.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Entry> {
        if self.wanted.is_empty() && self.background.is_empty() {
            return None;
        }
        if self.paced {
            self.refill(now);
            self.tokens = self.tokens.checked_sub(1)?;
        }
        self.wanted.pop_front().or_else(|| {
            self.background.pop_front().map(|line| Entry {
                line,
                sending: None,
            })
        })
    }

    /// When the next line may be sent.
    pub(super) fn due(&self) -> Option<Duration> {
        let waits = !self.wanted.is_empty() || !self.background.is_empty();
        waits.then(|| {
            if self.paced && self.tokens == 0 {
                self.refilled + self.interval
            } else {
                Duration::ZERO
            }
        })
    }

    fn refill(&mut self, now: Duration) {
        while self.tokens < self.burst && now >= self.refilled + self.interval {
            self.tokens += 1;
            self.refilled += self.interval;
        }
        if self.tokens == self.burst {
            self.refilled = now;
        }
    }
}
