//! The newest message of each conversation, for servers that can be asked for what was missed.

use std::collections::HashMap;
use std::path::Path;

use model::{AccountName, Event, EventBody, Timestamp};
use serde::{Deserialize, Serialize};

/// The file's name.
pub(super) const FILE: &str = "last_seen.json";
/// Most conversations kept; the oldest fall out.
const MAX_ENTRIES: usize = 100_000;

/// `account`, `connection`, channel or nickname, and when.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Entry(String, String, String, Timestamp);

impl Entry {
    pub(super) fn of(event: &Event) -> Option<Self> {
        let EventBody::Message {
            target, message, ..
        } = &event.body
        else {
            return None;
        };
        let time = Timestamp::from_millis(message.timestamp);
        let connection = event.connection.clone();
        Some(Self(
            event.account.to_string(),
            connection,
            target.name().to_owned(),
            time,
        ))
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

    pub(super) fn of(&self, account: &AccountName, connection: &str) -> Vec<(String, Timestamp)> {
        let targets = self
            .times
            .get(&(account.to_string(), connection.to_owned()));
        targets.map_or_else(Vec::new, |targets| {
            targets
                .iter()
                .map(|(target, time)| (target.clone(), *time))
                .collect()
        })
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
