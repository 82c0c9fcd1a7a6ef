//! The time of the newest message in each conversation, for servers that can be asked for missed messages.

use std::collections::HashMap;
use std::path::Path;

use protocol::{AccountName, Event, EventBody, FoldedName, Folding, Timestamp};
use serde::{Deserialize, Serialize};

use crate::platform::{PERSONS, Seen};

/// File name.
pub(super) const FILE: &str = "last_seen.json";
/// Maximum conversations kept; the oldest are dropped.
const MAX_ENTRIES: usize = 100_000;

/// `account`, `connection`, channel or nickname, and the time.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Entry(String, String, String, Timestamp);

/// A record: the event, and marks if it must not, or not fully, count as seen. The functions ignore the marks.
#[derive(Serialize)]
pub(super) struct Stored<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(flatten)]
    marks: Marks,
}

#[derive(Default, Deserialize, Serialize)]
struct Marks {
    /// Something before it, in its room or from its person, is still missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gap: bool,
    /// Something persons wrote before it is still missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    persons_gap: bool,
}

impl<'a> Stored<'a> {
    pub(super) fn new(event: &'a Event, seen: Seen) -> Self {
        let marks = Marks {
            gap: !seen.target,
            persons_gap: !seen.persons,
        };
        Self { event, marks }
    }
}

/// The marks a record was stored with.
pub(super) fn stored_seen(record: &[u8]) -> Seen {
    let marks: Marks = serde_json::from_slice(record).unwrap_or_default();
    Seen {
        target: !marks.gap,
        persons: !marks.persons_gap,
    }
}

impl Entry {
    /// What an event implies: for its room or person, and for all persons.
    pub(super) fn of(event: &Event, seen: Seen) -> Vec<Self> {
        let EventBody::Message {
            target, message, ..
        } = &event.body
        else {
            return Vec::new();
        };
        let time = Timestamp::from_millis(message.timestamp);
        let connection = event.connection.clone();
        let own = seen.target.then(|| target.name());
        let persons = seen.persons.then_some(PERSONS);
        let entry = |name: &str| {
            let account = event.account.to_string();
            Self(account, connection.clone(), name.to_owned(), time)
        };
        own.into_iter().chain(persons).map(entry).collect()
    }
}

/// Newest times, by account and connection, then by target.
#[derive(Debug, Default)]
pub(super) struct LastSeen {
    times: HashMap<(String, String), HashMap<String, Timestamp>>,
    count: usize,
}

impl LastSeen {
    pub(super) fn load(dir: &Path) -> Self {
        let mut seen = Self::default();
        let entries: Vec<Entry> = std::fs::read(dir.join(FILE))
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        for Entry(account, connection, target, time) in entries {
            seen.set(account, connection, &target, time);
        }
        seen
    }

    pub(super) fn note(&mut self, Entry(account, connection, target, time): Entry) {
        self.set(account, connection, &target, time);
    }

    fn set(&mut self, account: String, connection: String, target: &str, time: Timestamp) {
        let targets = self.times.entry((account, connection)).or_default();
        if let Some(known) = targets.get_mut(target) {
            *known = (*known).max(time);
            return;
        }
        targets.insert(target.to_owned(), time);
        self.count += 1;
        if self.count > MAX_ENTRIES {
            self.forget_older_half();
        }
    }

    fn forget_older_half(&mut self) {
        let mut times: Vec<Timestamp> = self
            .times
            .values()
            .flat_map(|t| t.values().copied())
            .collect();
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        for targets in self.times.values_mut() {
            targets.retain(|_, time| *time > middle);
        }
        self.times.retain(|_, targets| !targets.is_empty());
        self.count = self.times.values().map(HashMap::len).sum();
    }

    /// Returns a connection's newest times. Names are stored as written, since the file does not know their platform;
    /// names that the platform considers equal are merged here, in the newest spelling.
    pub(super) fn of(
        &self,
        account: &AccountName,
        connection: &str,
        folding: Folding,
    ) -> Vec<(String, Timestamp)> {
        let targets = self
            .times
            .get(&(account.to_string(), connection.to_owned()));
        let mut newest: HashMap<FoldedName, (&String, Timestamp)> = HashMap::new();
        for (target, &time) in targets.into_iter().flatten() {
            let known = newest.entry(folding.name(target)).or_insert((target, time));
            if time > known.1 {
                *known = (target, time);
            }
        }
        let newest = newest.into_values();
        newest
            .map(|(target, time)| (target.clone(), time))
            .collect()
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        for ((account, connection), targets) in &self.times {
            entries.extend(targets.iter().map(|(target, time)| {
                Entry(account.clone(), connection.clone(), target.clone(), *time)
            }));
        }
        serde_json::to_vec(&entries).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_one_in_whatever_case_it_is_written() {
        let mut seen = LastSeen::default();
        let mut note = |target: &str, at| {
            let time = Timestamp::from_millis(at);
            seen.note(Entry("alice".into(), "c".into(), target.into(), time));
        };
        note("#Tea", 2);
        note("#tea", 1);
        note("#tea[", 3);
        let of = |folding| {
            let mut of = seen.of(&"alice".parse().unwrap(), "c", folding);
            of.sort();
            of.into_iter()
                .map(|(target, time)| (target, time.millis()))
                .collect::<Vec<_>>()
        };
        let entry = |target: &str, at: i64| (target.to_owned(), at);
        assert_eq!(of(Folding::Ascii), [entry("#Tea", 2), entry("#tea[", 3)]);
        assert_eq!(of(Folding::Exact).len(), 3);
    }
}
