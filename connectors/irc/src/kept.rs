//! What the connector keeps on disk besides the gateway's spool: small values by key, bounded, in one file of lines.
//!
//! A change that the disk refuses is known to this process, and is written with the next one.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use durable::{Disk, Notes, line};
use mutex::lock;
use program::Seldom;
use protocol::Bounded;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Size of a file in bytes above which it is rewritten; larger than all that may be kept.
const MAX_BYTES: u64 = 16 << 20;

static NOT_WRITTEN: Seldom = Seldom::new();

/// One line: the value of a key, or that it has none any more.
#[derive(Deserialize, Serialize)]
struct Line<V> {
    key: String,
    value: Option<V>,
}

/// Values by key.
#[derive(Debug)]
pub(crate) struct Kept<V> {
    name: &'static str,
    known: Mutex<Bounded<String, V>>,
    /// Locked before `known` when both are needed; without a folder there is none.
    notes: Mutex<Option<Notes>>,
}

impl<V: Clone + DeserializeOwned + Serialize> Kept<V> {
    /// Keeps `most` values in memory only.
    pub(crate) fn in_memory(name: &'static str, most: usize) -> Self {
        Self {
            name,
            known: Mutex::new(Bounded::new(most)),
            notes: Mutex::new(None),
        }
    }

    /// Reads what earlier processes left in a file of a folder, which is created if it is missing. Blocking.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    pub(crate) fn open(
        disk: Disk,
        folder: &Path,
        name: &'static str,
        most: usize,
    ) -> io::Result<Self> {
        // A full disk must not keep the connector from starting.
        if let Err(error) = disk.make_folder(folder) {
            tracing::warn!(%error, folder = %folder.display(), "the folder cannot be created");
        }
        let (notes, text) = Notes::open(disk, folder, name, MAX_BYTES)?;
        let mut known = Bounded::new(most);
        let (lines, torn) = line::whole(&text);
        let mut damaged = usize::from(!torn.is_empty());
        for (_, line) in lines {
            let read =
                line::read(line).and_then(|json| serde_json::from_slice::<Line<V>>(json).ok());
            match read {
                Some(Line {
                    key,
                    value: Some(value),
                }) => {
                    known.insert(key, value);
                }
                Some(Line { key, value: None }) => {
                    known.remove(&key);
                }
                None => damaged += 1,
            }
        }
        if damaged > 0 {
            tracing::warn!(damaged, name, "lines cannot be read and are left out");
        }
        Ok(Self {
            name,
            known: Mutex::new(known),
            notes: Mutex::new(Some(notes)),
        })
    }

    pub(crate) fn get(&self, key: &str) -> Option<V> {
        lock(&self.known).get(key).cloned()
    }

    /// Sets or removes a value and makes that durable. Blocking.
    ///
    /// # Errors
    /// The disk refuses; the change holds in this process.
    pub(crate) fn put(&self, key: &str, value: Option<V>) -> io::Result<()> {
        let mut notes = lock(&self.notes);
        {
            let mut known = lock(&self.known);
            match value.clone() {
                Some(value) => {
                    // The one that was set last is forgotten last.
                    known.remove(key);
                    known.insert(key.to_owned(), value);
                }
                None => {
                    known.remove(key);
                }
            }
        }
        let Some(notes) = notes.as_mut() else {
            return Ok(());
        };
        let mut lines = Vec::new();
        write(&mut lines, key, value);
        notes.append(&lines, || self.everything())
    }

    /// Like [`Self::put`], but logs a failure of the disk. Blocking.
    pub(crate) fn put_or_tell(&self, key: &str, value: Option<V>) {
        if let Err(error) = self.put(key, value)
            && let Some(left_out) = NOT_WRITTEN.say()
        {
            tracing::error!(
                %error, left_out, name = self.name,
                "cannot be saved; it is forgotten with the next start"
            );
        }
    }

    fn everything(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for (key, value) in lock(&self.known).iter() {
            write(&mut lines, key, Some(value.clone()));
        }
        lines
    }
}

fn write<V: Serialize>(lines: &mut Vec<u8>, key: &str, value: Option<V>) {
    let key = key.to_owned();
    // Plain data always serialises to JSON, and writing to memory cannot fail.
    if let Ok(json) = serde_json::to_vec(&Line { key, value }) {
        line::write(lines, &json);
    }
}

#[cfg(test)]
mod tests {
    use durable::Refusal;
    use durable::contract::{self, Keeper, Newest};

    use super::*;

    const NAME: &str = "kept.test";

    fn open(folder: &Path, most: usize) -> Kept<u32> {
        Kept::open(Disk::default(), folder, NAME, most).unwrap()
    }

    #[test]
    fn the_newest_values_are_there_again_within_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let kept = open(folder.path(), 3);
        for (key, value) in [("a", 1), ("b", 2), ("c", 3), ("a", 4), ("d", 5), ("e", 6)] {
            kept.put(key, Some(value)).unwrap();
        }
        kept.put("e", None).unwrap();
        let values = |kept: &Kept<u32>| ["a", "b", "c", "d", "e"].map(|key| kept.get(key));
        let expected = [Some(4), None, None, Some(5), None];
        assert_eq!(values(&kept), expected);
        for _ in 0..2 {
            drop(open(folder.path(), 3));
            assert_eq!(values(&open(folder.path(), 3)), expected);
        }
        let memory = Kept::<u32>::in_memory(NAME, 3);
        memory.put("a", Some(1)).unwrap();
        assert_eq!(memory.get("a"), Some(1));
    }

    impl Keeper for Kept<u32> {
        // What was learned holds even if the disk refuses it.
        const NOTES: bool = true;

        fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
            Self::open(disk, folder, NAME, 1000)
        }

        fn keep(&mut self, item: u32) -> Result<(), Refusal> {
            let kept = self.put(&item.to_string(), Some(item));
            kept.map_err(|error| Refusal::from(&error))
        }

        fn tidy(&mut self) -> Result<(), Refusal> {
            self.put("x", None).map_err(|error| Refusal::from(&error))
        }

        fn kept(&self) -> Vec<u32> {
            lock(&self.known).iter().map(|(_, item)| *item).collect()
        }

        fn newest(folder: &Path) -> Newest {
            Newest::Appended(folder.join(NAME))
        }
    }

    #[test]
    fn what_was_kept_is_there_whatever_the_disk_does() {
        contract::run_all::<Kept<u32>>();
    }
}
