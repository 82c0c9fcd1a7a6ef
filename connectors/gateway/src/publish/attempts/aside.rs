//! The folder of events that were set aside, one file per event. Only the operator reads it.
//!
//! The functions can refuse any number of events, whoever causes them, so those are kept only up to a limit. Events
//! that make the functions fail need no limit: that is one event at a time, after many attempts.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use durable::Disk;

use super::ASIDE;
use mutex::lock;

/// Number of files from which on refused events are no longer kept.
const MOST_FILES: usize = 10_000;
/// The same limit in bytes.
const MOST_BYTES: u64 = 64 << 20;
/// How often a full folder is checked again: the operator may have made room.
const LOOK: Duration = Duration::from_secs(60);

/// The folder of events that were set aside.
#[derive(Debug)]
pub(super) struct Aside {
    disk: Disk,
    /// The spool's disk.
    dir: PathBuf,
    most_files: usize,
    most_bytes: u64,
    /// The folder's content, once it has been read.
    held: Mutex<Option<Held>>,
}

/// At least what the folder holds: a file written to it again counts twice until the next check.
#[derive(Clone, Copy, Debug)]
struct Held {
    files: usize,
    bytes: u64,
    looked: Instant,
}

impl Aside {
    pub(super) fn new(disk: &Disk, dir: &Path) -> Self {
        Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            most_files: MOST_FILES,
            most_bytes: MOST_BYTES,
            held: Mutex::default(),
        }
    }

    /// Sets an event aside; it is durable when this returns.
    ///
    /// # Errors
    /// It cannot be written; then it is not set aside.
    pub(super) fn put(&self, id: &str, record: &[u8]) -> io::Result<()> {
        let dir = self.dir.join(ASIDE);
        let name = file_name(id, record);
        self.disk.make_folder(&dir)?;
        self.disk.sync_folder(&self.dir)?;
        self.disk.replace(&dir, &format!("{name}.json"), record)
    }

    /// Like [`Self::put`], if the folder has room; returns false if not.
    ///
    /// # Errors
    /// It cannot be written, or the folder cannot be read.
    pub(super) fn put_if_room(&self, id: &str, record: &[u8]) -> io::Result<bool> {
        let mut known = lock(&self.held);
        let length = record.len() as u64;
        let fits = |held: &Held| {
            held.files < self.most_files && held.bytes.saturating_add(length) <= self.most_bytes
        };
        let mut held = match *known {
            Some(held) if fits(&held) || held.looked.elapsed() < LOOK => held,
            _ => self.look()?,
        };
        *known = Some(held);
        if !fits(&held) {
            return Ok(false);
        }
        self.put(id, record)?;
        held.files += 1;
        held.bytes += length;
        *known = Some(held);
        Ok(true)
    }

    fn look(&self) -> io::Result<Held> {
        let mut held = Held {
            files: 0,
            bytes: 0,
            looked: Instant::now(),
        };
        let entries = match fs::read_dir(self.dir.join(ASIDE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(held),
            entries => entries?,
        };
        for entry in entries {
            match entry?.metadata() {
                Ok(metadata) => {
                    held.files += 1;
                    held.bytes = held.bytes.saturating_add(metadata.len());
                }
                // The operator removes files.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(held)
    }
}

/// Names an event's file by its id. No event may overwrite the file of another: where the name cannot be the whole id, it
/// ends in a hash.
fn file_name(id: &str, record: &[u8]) -> String {
    let hash = |what: &[u8]| {
        let mut hash = DefaultHasher::new();
        what.hash(&mut hash);
        hash.finish()
    };
    if id.is_empty() {
        // An invalid event.
        return format!("without-id-{:016x}", hash(record));
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = id.chars().map(plain).take(100).collect();
    match name == id {
        true => name,
        false => format!("{name}-{:016x}", hash(id.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As after a start.
    fn within(dir: &Path, most_files: usize, most_bytes: u64) -> Aside {
        Aside {
            most_files,
            most_bytes,
            ..Aside::new(&Disk::default(), dir)
        }
    }

    #[test]
    fn what_is_refused_is_kept_up_to_a_bound_and_what_fails_always() {
        let dir = tempfile::tempdir().unwrap();
        let files = || fs::read_dir(dir.path().join(ASIDE)).unwrap().count();
        let aside = within(dir.path(), 3, 100);
        for id in ["a", "b", "c"] {
            assert!(aside.put_if_room(id, b"{}").unwrap());
        }
        assert!(!aside.put_if_room("d", b"{}").unwrap());
        assert_eq!(files(), 3);
        aside.put("e", b"{}").unwrap();
        assert_eq!(files(), 4);
        // Files from before the start count.
        let aside = within(dir.path(), 4, 100);
        assert!(!aside.put_if_room("f", b"{}").unwrap());
        let aside = within(dir.path(), 100, 4 * 2 + 10);
        assert!(!aside.put_if_room("g", &[b'x'; 11]).unwrap());
        assert!(aside.put_if_room("h", &[b'x'; 10]).unwrap());
        assert!(!aside.put_if_room("i", b"x").unwrap());
        assert_eq!(files(), 5);
    }

    #[test]
    fn events_with_long_or_similar_ids_have_a_file_each() {
        let dir = tempfile::tempdir().unwrap();
        let aside = within(dir.path(), 100, 10_000);
        let long = "a/c/#channel/".repeat(20);
        let ids = [
            "a-b",
            "a/b",
            "a b",
            &format!("{long}1"),
            &format!("{long}2"),
        ];
        for id in ids {
            assert!(aside.put_if_room(id, id.as_bytes()).unwrap());
        }
        let files = fs::read_dir(dir.path().join(ASIDE)).unwrap();
        let names = files.map(|file| file.unwrap().file_name().len());
        let names: Vec<usize> = names.collect();
        assert_eq!(names.len(), ids.len());
        assert!(names.iter().all(|length| *length < 200), "{names:?}");
    }
}
