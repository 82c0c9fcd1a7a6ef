//! What is known about tasks, made durable before it matters: which were started, which parts were sent, and how they
//! ended.
//!
//! A file in the spool's folder with one JSON entry per line, appended and synced, and rewritten when it has grown.
//! Blocking.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use durable::{Disk, Notes, line};
use protocol::Timestamp;
use serde::{Deserialize, Serialize};

/// File name.
const FILE: &str = "outbox.journal";
/// File size in bytes above which the file is rewritten.
const MAX_BYTES: u64 = 256 * 1024;
/// Milliseconds after which a task that was started but never ended is forgotten: 30 days.
const MAX_AGE: i64 = 30 * 24 * 60 * 60 * 1000;

/// A line of the file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Entry {
    /// Handed to its connection; parts of it may have been sent from here on.
    Begun { id: String, at: Timestamp },
    /// Handed to its connection: noted beforehand, and undone by anything the connection reports about it.
    Tried { id: String },
    /// The connection reported something about it, so it survived the attempt.
    Back { id: String },
    /// This part was sent.
    Said { id: String, part: usize },
    /// It is done, or can never be done, with the reason.
    Ended { id: String, refused: Option<String> },
    /// The functions know the outcome.
    #[serde(rename = "told")]
    Confirmed { id: String },
}

/// What is known of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) begun: Timestamp,
    pub(crate) said: BTreeSet<usize>,
    /// How often it was handed to its connection without any report about it.
    pub(crate) tries: u32,
    /// Its outcome: done, or refused with a reason.
    pub(crate) ended: Option<Option<String>>,
}

/// The journal of tasks.
#[derive(Debug)]
pub(crate) struct Journal {
    notes: Notes,
    known: BTreeMap<String, Known>,
    /// Whether something that is known is not durable yet.
    dirty: bool,
}

impl Journal {
    /// Reads the journal in the folder of an open, and therefore locked, spool.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        Self::open_on(Disk::default(), dir)
    }

    /// Like [`Journal::open`], on a disk that may fail.
    fn open_on(disk: Disk, dir: &Path) -> io::Result<Self> {
        let (notes, text) = Notes::open(disk, dir, FILE, MAX_BYTES)?;
        let mut known = BTreeMap::new();
        let (lines, torn) = line::whole(&text);
        let mut unfinished = !torn.is_empty();
        for (_, line) in lines {
            match serde_json::from_slice::<Entry>(line) {
                Ok(entry) => apply(&mut known, entry),
                Err(_) => unfinished = true,
            }
        }
        if unfinished {
            // The process ended while writing it, so nothing has been based on it yet.
            tracing::warn!("skipping an unfinished entry in the journal of tasks");
        }
        let oldest = connector_kit::now().plus_millis(-MAX_AGE);
        known.retain(|_, task: &mut Known| task.ended.is_some() || task.begun > oldest);
        let mut journal = Self {
            notes,
            known,
            dirty: false,
        };
        if !text.is_empty()
            && let Err(error) = journal.notes.rewrite(&everything(&journal.known))
        {
            // Everything else continues to work on a full disk; tasks wait until the journal can be written.
            tracing::error!(%error, "the journal of tasks cannot be written; tasks wait until it can");
            journal.dirty = true;
        }
        Ok(journal)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Known> {
        self.known.get(id)
    }

    /// Up to `count` tasks whose outcome the functions do not know yet.
    pub(crate) fn ended(&self, count: usize) -> Vec<(String, Option<String>)> {
        let ended = |(id, task): (&String, &Known)| Some((id.clone(), task.ended.clone()?));
        self.known.iter().filter_map(ended).take(count).collect()
    }

    /// Notes entries; they are durable when this returns. After an error they are known to this process only, and the
    /// next call makes them durable as well.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            apply(&mut self.known, entry.clone());
            write(&mut lines, entry);
        }
        let written = self.notes.append(&lines, || everything(&self.known));
        self.dirty = written.is_err();
        written
    }

    /// Returns whether something that was noted is not durable.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }
}

/// All entries needed to restore what is known.
fn everything(known: &BTreeMap<String, Known>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (id, task) in known {
        let id = || id.clone();
        let begun = Entry::Begun {
            id: id(),
            at: task.begun,
        };
        let tries = (0..task.tries).map(|_| Entry::Tried { id: id() });
        let said = task.said.iter().map(|part| Entry::Said {
            id: id(),
            part: *part,
        });
        let ended = task.ended.iter().map(|refused| Entry::Ended {
            id: id(),
            refused: refused.clone(),
        });
        let entries = std::iter::once(begun).chain(said).chain(tries);
        for entry in entries.chain(ended) {
            write(&mut lines, &entry);
        }
    }
    lines
}

fn write(lines: &mut Vec<u8>, entry: &Entry) {
    // Strings and numbers always serialise to JSON, and writing to memory cannot fail.
    if serde_json::to_writer(&mut *lines, entry).is_ok() {
        lines.push(b'\n');
    }
}

fn apply(known: &mut BTreeMap<String, Known>, entry: Entry) {
    match entry {
        Entry::Begun { id, at } => {
            known.entry(id).or_insert(Known {
                begun: at,
                said: BTreeSet::new(),
                tries: 0,
                ended: None,
            });
        }
        Entry::Tried { id } => {
            if let Some(task) = known.get_mut(&id) {
                task.tries += 1;
            }
        }
        Entry::Back { id } => {
            if let Some(task) = known.get_mut(&id) {
                task.tries = 0;
            }
        }
        Entry::Said { id, part } => {
            if let Some(task) = known.get_mut(&id) {
                task.said.insert(part);
                task.tries = 0;
            }
        }
        Entry::Ended { id, refused } => {
            let task = known.entry(id).or_insert_with(|| Known {
                begun: connector_kit::now(),
                said: BTreeSet::new(),
                tries: 0,
                ended: None,
            });
            task.ended = Some(refused);
        }
        Entry::Confirmed { id } => {
            known.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use durable::Refusal;
    use durable::contract::{self, Keeper, Newest};

    use super::*;

    fn begun(id: &str) -> Entry {
        Entry::Begun {
            id: id.to_owned(),
            at: connector_kit::now(),
        }
    }

    #[test]
    fn what_was_noted_is_known_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal
            .append(&[begun("a"), begun("b"), begun("c")])
            .unwrap();
        let id = || "a".to_owned();
        journal
            .append(&[Entry::Said { id: id(), part: 1 }])
            .unwrap();
        let refused = Some("no".to_owned());
        let ended = |id: &str, refused| Entry::Ended {
            id: id.to_owned(),
            refused,
        };
        journal
            .append(&[ended("b", None), ended("c", refused.clone())])
            .unwrap();
        let confirmed = Entry::Confirmed { id: "b".to_owned() };
        journal.append(&[confirmed]).unwrap();
        // The name that earlier versions wrote and read.
        let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(text.ends_with("{\"told\":{\"id\":\"b\"}}\n"), "{text}");
        let tried = || Entry::Tried { id: id() };
        journal.append(&[tried(), tried()]).unwrap();
        let back = Entry::Back { id: id() };
        journal.append(&[back, tried(), tried()]).unwrap();
        assert_eq!(journal.get("a").unwrap().tries, 2);
        let before = journal.known.clone();
        drop(journal);
        // The last entry was truncated.
        let path = dir.path().join(FILE);
        let mut text = fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"begun\":{\"id\":\"z\"");
        fs::write(&path, text).unwrap();
        for _ in 0..2 {
            let journal = Journal::open(dir.path()).unwrap();
            assert_eq!(journal.known, before);
            assert_eq!(journal.get("a").unwrap().said, BTreeSet::from([1]));
            assert_eq!(journal.ended(9), [("c".to_owned(), refused.clone())]);
        }
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append(&[begun("kept")]).unwrap();
        let long = "x".repeat(1_000);
        for number in 0..600 {
            let id = format!("{number}-{long}");
            journal
                .append(&[begun(&id), Entry::Confirmed { id }])
                .unwrap();
        }
        let size = fs::metadata(dir.path().join(FILE)).unwrap().len();
        assert!(size < 2 * MAX_BYTES, "{size}");
        drop(journal);
        let journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.known.keys().collect::<Vec<_>>(), ["kept"]);
    }

    impl Keeper for Journal {
        // The fact stands even if the disk refuses it; only starting tasks waits for the disk.
        const NOTES: bool = true;

        fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
            Self::open_on(disk, folder)
        }

        fn keep(&mut self, item: u32) -> Result<(), Refusal> {
            let kept = self.append(&[begun(&item.to_string())]);
            kept.map_err(|error| Refusal::from(&error))
        }

        fn tidy(&mut self) -> Result<(), Refusal> {
            let id = || "0".to_owned();
            let kept = self.append(&[Entry::Tried { id: id() }, Entry::Back { id: id() }]);
            kept.map_err(|error| Refusal::from(&error))
        }

        fn kept(&self) -> Vec<u32> {
            self.known.keys().map(|id| id.parse().unwrap()).collect()
        }

        fn newest(folder: &Path) -> Newest {
            Newest::Appended(folder.join(FILE))
        }
    }

    #[test]
    fn what_is_known_of_tasks_is_kept() {
        contract::run_all::<Journal>();
    }

    #[test]
    fn a_killed_process_loses_nothing() {
        contract::a_killed_process_loses_nothing::<Journal>(
            "outbox::journal::tests::a_killed_process_loses_nothing",
        );
    }
}
