//! A breaker for publishing: an event that ends the process whenever the functions take it (they may be in this very
//! process) must not do so at every start.
//!
//! What is being published is noted in a file before, and the note is removed whatever the answer was. Events that a note
//! is found of at the start were being published when the process ended. They are tried again in small company, then each
//! alone, and one that still never got an answer is set aside.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use durable::Disk;
use protocol::{EventReceipt, RefusedEvent};
use serde::{Deserialize, Serialize};

use crate::channel_keys::ChannelKeys;
use crate::sync::lock;
use connector_kit::{FunctionsClient, FunctionsError};

/// The note's name.
const FILE: &str = "publishing.json";
/// Folder of what is set aside.
const ASIDE: &str = "aside";
/// How often an event is tried that never gets an answer.
pub(crate) const MAX_TRIES: u32 = 5;
/// Events of which one may be to blame, and which are tried together.
const SMALL: usize = 20;
/// Events that are suspected.
const MAX_SUSPECTS: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Attempts {
    disk: Disk,
    dir: PathBuf,
    note: Mutex<Note>,
    keys: ChannelKeys,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Note {
    /// How often events were tried without an answer, by id.
    #[serde(default)]
    tries: BTreeMap<String, u32>,
    /// What is being published.
    #[serde(default)]
    now: BTreeSet<String>,
}

impl Attempts {
    /// Reads the note of the process before; of the events that were being published when it ended, each was tried once more.
    pub(crate) fn open(disk: &Disk, dir: &Path, keys: ChannelKeys) -> Self {
        let note = fs::read(dir.join(FILE)).ok();
        let mut note: Note = note
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        for id in std::mem::take(&mut note.now) {
            if note.tries.len() < MAX_SUSPECTS || note.tries.contains_key(&id) {
                *note.tries.entry(id).or_default() += 1;
            }
        }
        let attempts = Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            note: Mutex::new(note),
            keys,
        };
        attempts.write(&lock(&attempts.note));
        attempts
    }

    /// Publishes records, those that are suspected apart from others; one that is set aside is in `refused`.
    ///
    /// # Errors
    /// Of the first request that fails. Everything is to be sent again then, which ids make harmless.
    pub(crate) async fn publish(
        &self,
        client: &FunctionsClient,
        records: &[Vec<u8>],
    ) -> Result<EventReceipt, FunctionsError> {
        let mut all = EventReceipt::default();
        for part in self.parts(records) {
            if part.tries >= MAX_TRIES {
                for (id, record) in part.records {
                    let tries = part.tries;
                    let reason = format!(
                        "the process ended each of the {tries} times that it was published"
                    );
                    all.refused.push(self.set_aside(id, record, &reason));
                }
                continue;
            }
            self.begin(&part);
            let body = batch_body(
                part.records
                    .iter()
                    .map(|(_, record)| self.keys.open(record)),
            );
            let answer = client.events_json(body).await;
            self.over(&part, answer.is_ok());
            let answer = answer?;
            all.stored += answer.stored;
            all.refused.extend(answer.refused);
            for waiting in answer.waiting {
                if !all
                    .waiting
                    .iter()
                    .any(|known| known.account == waiting.account)
                {
                    all.waiting.push(waiting);
                }
            }
        }
        Ok(all)
    }

    /// Sorts records by how much they are suspected; their order is kept within each part.
    fn parts<'a>(&self, records: &'a [Vec<u8>]) -> Vec<Part<'a>> {
        let note = lock(&self.note);
        let mut parts: Vec<Part<'a>> = Vec::new();
        for record in records {
            let id = id_of(record);
            let tries = note.tries.get(&id).copied().unwrap_or_default();
            let most = match tries {
                0 => usize::MAX,
                1 => SMALL,
                _ => 1,
            };
            let fits = |part: &&mut Part<'_>| part.tries == tries && part.records.len() < most;
            match parts.iter_mut().rev().find(fits) {
                Some(part) => part.records.push((id, record)),
                None => parts.push(Part {
                    tries,
                    records: vec![(id, record)],
                }),
            }
        }
        // Those above suspicion first: whatever the others do, these are stored.
        parts.sort_by_key(|part| part.tries);
        parts
    }

    fn begin(&self, part: &Part<'_>) {
        let mut note = lock(&self.note);
        note.now
            .extend(part.records.iter().map(|(id, _)| id.clone()));
        self.write(&note);
    }

    /// It got an answer. One that says no, or that nobody is there, clears nobody of suspicion.
    fn over(&self, part: &Part<'_>, stored: bool) {
        let mut note = lock(&self.note);
        for (id, _) in &part.records {
            note.now.remove(id);
            if stored {
                note.tries.remove(id);
            }
        }
        self.write(&note);
    }

    /// Sets an event aside on which the functions never answer, while they do on others.
    ///
    /// # Errors
    /// It cannot be written; then it is not set aside.
    pub(crate) fn give_up(&self, record: &[u8]) -> io::Result<()> {
        let id = id_of(record);
        self.put_aside(&id, record)?;
        tracing::error!(
            id,
            "the functions answer on other events and never on this one; it is set aside in {ASIDE}/ of the spool"
        );
        Ok(())
    }

    fn put_aside(&self, id: &str, record: &[u8]) -> io::Result<()> {
        let dir = self.dir.join(ASIDE);
        let name: String = id
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(100)
            .collect();
        self.disk.make_folder(&dir)?;
        self.disk.sync_folder(&self.dir)?;
        self.disk.replace(&dir, &format!("{name}.json"), record)
    }

    fn set_aside(&self, id: String, record: &[u8], reason: &str) -> RefusedEvent {
        if let Err(error) = self.put_aside(&id, record) {
            tracing::error!(id, %error, "an event cannot be set aside; it is dropped");
        }
        lock(&self.note).tries.remove(&id);
        let reason = format!("{reason}; it is set aside in {ASIDE}/ of the spool");
        RefusedEvent { id, reason }
    }

    /// Not synced: it is for processes that end, not for machines that do.
    fn write(&self, note: &Note) {
        let written = serde_json::to_vec(note)
            .map_err(io::Error::other)
            .and_then(|json| fs::write(self.dir.join(FILE), json));
        if let Err(error) = written {
            // Without a note events are published all the same.
            tracing::debug!(%error, "what is being published cannot be noted");
        }
    }
}

/// Records that are published together.
struct Part<'a> {
    tries: u32,
    records: Vec<(String, &'a [u8])>,
}

/// Makes the body of a batch. The records are JSON already.
fn batch_body<'a>(records: impl Iterator<Item = Cow<'a, [u8]>>) -> Bytes {
    let mut body = b"{\"events\":[".to_vec();
    for (index, record) in records.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&record);
    }
    body.extend_from_slice(b"]}");
    body.into()
}

fn id_of(record: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Head {
        id: String,
    }
    serde_json::from_slice::<Head>(record).map_or_else(|_| String::new(), |head| head.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> ChannelKeys {
        let client = FunctionsClient::new("http://127.0.0.1:1", "irc", b"key");
        ChannelKeys::new(&client.unwrap())
    }

    fn records(ids: std::ops::Range<u32>) -> Vec<Vec<u8>> {
        ids.map(|id| format!("{{\"id\":\"e{id}\",\"more\":1}}").into_bytes())
            .collect()
    }

    /// Publishes as a process that one event ends; true if it lives.
    fn publish(
        dir: &Path,
        records: &[Vec<u8>],
        killer: &str,
        stored: &mut BTreeSet<String>,
    ) -> bool {
        let attempts = Attempts::open(&Disk::default(), dir, keys());
        for part in attempts.parts(records) {
            if part.tries >= MAX_TRIES {
                for (id, record) in part.records {
                    assert_eq!(id, killer);
                    attempts.set_aside(id, record, "it is a test");
                }
                continue;
            }
            attempts.begin(&part);
            if part.records.iter().any(|(id, _)| id == killer) {
                return false;
            }
            stored.extend(part.records.iter().map(|(id, _)| id.clone()));
            attempts.over(&part, true);
        }
        true
    }

    #[test]
    fn an_event_that_ends_the_process_is_set_aside_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let all = records(0..100);
        let mut stored = BTreeSet::new();
        let mut starts = 0;
        while !publish(dir.path(), &all, "e42", &mut stored) {
            starts += 1;
            assert!(starts < 20, "it ends");
        }
        assert_eq!(starts, MAX_TRIES);
        assert_eq!(stored.len(), 99);
        let aside = fs::read(dir.path().join("aside/e42.json")).unwrap();
        assert_eq!(aside, all[42]);
        // Nothing is suspected any more, and none is tried twice at a start without need.
        let attempts = Attempts::open(&Disk::default(), dir.path(), keys());
        assert_eq!(attempts.parts(&records(0..40)).len(), 1);
    }

    #[test]
    fn a_note_that_cannot_be_read_suspects_nobody() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), b"{\"now\":[").unwrap();
        let attempts = Attempts::open(&Disk::default(), dir.path(), keys());
        assert_eq!(attempts.parts(&records(0..5)).len(), 1);
    }
}
