//! Ids of events, and a small pseudo-random source for delays.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use irc_codec::Message;
use protocol::Jitter;
use sha2::{Digest, Sha256};

use super::Session;

/// Message ids that are remembered to recognise repeats.
const MAX_SEEN: usize = 4096;

/// Messages without ids whose duplicates are counted, per history batch and for live messages.
pub(super) const MAX_EQUAL: usize = 512;

/// SplitMix64: enough for waits and nonces, which need no secrecy.
#[derive(Clone, Debug)]
pub(super) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A duration from zero to `max`.
    pub(super) fn up_to(&mut self, max: Duration) -> Duration {
        Jitter::Full.of(max, self.next())
    }

    /// A text that nobody foretells: what is shown of the numbers does not tell the next ones.
    pub(super) fn nonce(&mut self) -> String {
        let mut hash = Sha256::new();
        for _ in 0..4 {
            hash.update(self.next().to_be_bytes());
        }
        let bytes: [u8; 32] = hash.finalize().into();
        protocol::hex(&bytes)
    }

    /// A number below 10,000.
    pub(super) const fn number(&mut self) -> u64 {
        self.next() % 10_000
    }
}

/// The most recent message ids, as keyed hashes: thousands of texts for each connection would be most of its memory.
/// Nobody can find two ids with the same hash, and of those that differ by chance one in 2^50 messages is taken for a
/// repeat.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenIds {
    keys: RandomState,
    known: HashSet<u64>,
    /// Oldest first.
    order: VecDeque<u64>,
}

impl SeenIds {
    /// Remembers an id; returns whether it is new.
    pub(super) fn insert(&mut self, id: &str) -> bool {
        let id = self.keys.hash_one(id);
        let is_new = self.known.insert(id);
        if is_new {
            if self.order.len() >= MAX_SEEN
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.order.push_back(id);
        }
        is_new
    }

    /// The first number from `given` on whose id is new.
    fn first_free(&self, given: usize, id: impl Fn(usize) -> String) -> Option<usize> {
        let is_free = |number: &usize| !self.known.contains(&self.keys.hash_one(id(*number)));
        (given..MAX_SEEN).find(is_free)
    }
}

impl Session {
    /// The id of a message for which the server provides a time but no id: the same whenever it is replayed.
    /// Identical messages are distinguished by their order within their history batch.
    pub(super) fn derived_id(&mut self, message: &Message) -> String {
        let history = self.in_history(message);
        let source = message
            .source
            .as_ref()
            .map_or("", |source| source.nick.as_str());
        let time = message.tags.get("time").unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [self.server(), &message.command, time, source] {
            hash.update(part);
            hash.update([0]);
        }
        for param in &message.params {
            hash.update(param);
            hash.update([0]);
        }
        let first = format!("h{}", protocol::hex(&hash.finalize()[..16]));
        let numbered = |number: usize| match number {
            0 => first.clone(),
            _ => format!("{first}-{number}"),
        };
        if let Some(batch) = history.and_then(|name| self.link.batches.get_mut(&name)) {
            if batch.equal.len() >= MAX_EQUAL {
                return first;
            }
            let known = batch.equal.entry(first.clone()).or_insert(0);
            *known += 1;
            return numbered(*known - 1);
        }
        // A live message is not a repeat, however much it looks like one. Numbering continues from the last number
        // used, because trying all of them again would take quadratic time.
        let given = self.repeats.get(&first).copied().unwrap_or(0);
        let number = self.seen.first_free(given, numbered);
        let Some(number) = number else {
            return first;
        };
        if number > 0 {
            self.repeats.insert(first.clone(), number);
        }
        numbered(number)
    }

    /// A new id, unique across all connections, for events that have none from the server.
    pub(super) fn new_id(&mut self) -> String {
        self.counter += 1;
        format!("{:016x}-{:x}", self.random.seed, self.counter)
    }

    /// Whether an id was made here, since the server gives none: it means nothing to anybody else.
    pub(super) fn is_made_here(&self, id: &str) -> bool {
        let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        let (first, number) = id.split_once('-').unwrap_or((id, "0"));
        let derived = first.strip_prefix('h').filter(|hash| hash.len() == 32);
        let made = derived.is_some_and(is_hex) || first.len() == 16 && id != first && is_hex(first);
        made && is_hex(number)
    }

    /// The id of a record, the same if the same thing is seen again.
    pub(super) fn record_id(&self, target: &str, id: &str) -> String {
        let Self { assignment, .. } = self;
        format!(
            "{}/{}/{}/{id}",
            assignment.account, assignment.connection.id, target
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_newest_ids_are_known() {
        let mut seen = SeenIds::default();
        for number in 0..=MAX_SEEN {
            assert!(seen.insert(&number.to_string()));
        }
        assert!(!seen.insert("1") && !seen.insert(&MAX_SEEN.to_string()));
        // The oldest made room.
        assert!(seen.insert("0"));
        assert_eq!((seen.known.len(), seen.order.len()), (MAX_SEEN, MAX_SEEN));
    }

    #[test]
    fn twice_the_equal_messages_are_twice_the_work() {
        let work = |count: usize| {
            let looked = Cell::new(0);
            let id = |number: usize| {
                looked.set(looked.get() + 1);
                format!("h-{number}")
            };
            let mut seen = SeenIds::default();
            let mut given = 0;
            for _ in 0..count {
                given = seen.first_free(given, id).unwrap();
                assert!(seen.insert(&format!("h-{given}")));
            }
            looked.get()
        };
        assert!(work(2000) <= 2 * work(1000) + 10);
    }
}
