//! A circuit breaker for work on data that is not stored yet: its start is recorded, under a name that it will have
//! again if it is sent again, and the record is removed when it ends, with whatever outcome. Work whose record is left
//! killed the process.
//!
//! For accepted data there is [`crate::FolderQueue`].

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use crate::disk::{Disk, list, remove_unfinished};
use mutex::lock;

/// How long unended work is remembered.
const KEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A folder with a file for each piece of started work: its name, and how often it started without ending.
#[derive(Debug)]
pub struct Tries {
    disk: Disk,
    folder: PathBuf,
    most: u8,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often work started that had not ended when the process did.
    unended: HashMap<String, u8>,
    /// How often it is running at the moment; the first one creates the record, and the last one removes it.
    running: HashMap<String, usize>,
}

/// Started work; it ends when this is dropped.
#[derive(Debug)]
pub struct Trying<'a> {
    tries: &'a Tries,
    name: &'a str,
}

impl Tries {
    /// Opens a folder and creates it if missing; on a full disk as soon as there is space. Work that has not ended this
    /// many times is not started again.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn open(disk: Disk, folder: &Path, most: u8) -> io::Result<Self> {
        match disk.make_folder(folder) {
            Err(error) if !crate::is_full(&error) => return Err(error),
            _ => remove_unfinished(folder),
        }
        let mut unended = HashMap::new();
        let oldest = SystemTime::now().checked_sub(KEEP);
        for entry in list(folder)? {
            let changed = entry.metadata().and_then(|about| about.modified());
            if oldest.is_some_and(|oldest| changed.is_ok_and(|at| at < oldest)) {
                disk.discard(&entry.path());
                continue;
            }
            let count = fs::read_to_string(entry.path()).ok();
            let count = count.and_then(|count| count.trim().parse().ok());
            if let (Some(name), Some(count)) = (entry.file_name().to_str(), count) {
                unended.insert(name.to_owned(), count);
            }
        }
        let state = State {
            unended,
            running: HashMap::new(),
        };
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            most,
            state: Mutex::new(state),
        })
    }

    /// Whether work of this name did not end before: it is to be done alone, so that nothing else is suspected if it
    /// does not end again.
    #[must_use]
    pub fn is_suspected(&self, name: &str) -> bool {
        self.state().unended.contains_key(name)
    }

    /// Whether work of this name did not end too many times to be started again.
    #[must_use]
    pub fn is_hopeless(&self, name: &str) -> bool {
        self.state().count(name) >= self.most
    }

    /// Records that work starts; durable when this returns. The name must be a valid file name.
    ///
    /// # Errors
    /// If the disk refuses; then the work must not start.
    pub fn begin<'a>(&'a self, name: &'a str) -> io::Result<Trying<'a>> {
        let mut state = self.state();
        if !state.running.contains_key(name) {
            let count = state.count(name).saturating_add(1);
            let replaced = self
                .disk
                .replace(&self.folder, name, count.to_string().as_bytes());
            if let Err(error) = replaced {
                // It may be in its place without being durable, and no work has started.
                self.back(&state, name);
                return Err(error);
            }
        }
        *state.running.entry(name.to_owned()).or_default() += 1;
        Ok(Trying { tries: self, name })
    }

    /// Writes the state without the work that did not start. Best effort: at worst it is suspected needlessly.
    fn back(&self, state: &State, name: &str) {
        match state.count(name) {
            0 => {
                self.disk.discard(&self.folder.join(name));
            }
            count => {
                let _ = self
                    .disk
                    .replace(&self.folder, name, count.to_string().as_bytes());
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn count(&self, name: &str) -> u8 {
        self.unended.get(name).copied().unwrap_or_default()
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        let mut state = self.tries.state();
        let Some(running) = state.running.get_mut(self.name) else {
            return;
        };
        *running -= 1;
        if *running == 0 {
            state.running.remove(self.name);
            state.unended.remove(self.name);
            // Not necessarily durable: ended work may be suspected once after a crash of the machine.
            self.tries.disk.discard(&self.tries.folder.join(self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Fault, Plan, ways_to_fail};

    fn open(folder: &Path) -> Tries {
        Tries::open(Disk::default(), folder, 3).unwrap()
    }

    /// As in a process that ends there.
    fn end_the_process(trying: Trying<'_>) {
        std::mem::forget(trying);
    }

    #[test]
    fn what_never_ends_is_begun_so_often_and_what_ends_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        for tried in 0..3 {
            let tries = open(dir.path());
            assert_eq!(tries.is_suspected("one"), tried > 0);
            assert!(!tries.is_hopeless("one"));
            drop(tries.begin("two").unwrap());
            end_the_process(tries.begin("one").unwrap());
        }
        let tries = open(dir.path());
        assert!(tries.is_hopeless("one"));
        assert!(!tries.is_suspected("two"));

        end_the_process(tries.begin("three").unwrap());
        let tries = open(dir.path());
        assert!(tries.is_suspected("three"));
        drop(tries.begin("three").unwrap());
        assert!(!tries.is_suspected("three"));
        assert!(!open(dir.path()).is_suspected("three"));
    }

    #[test]
    fn what_had_no_end_is_forgotten_after_a_month() {
        let dir = tempfile::tempdir().unwrap();
        let tries = open(dir.path());
        for name in ["old", "new"] {
            end_the_process(tries.begin(name).unwrap());
        }
        let old = dir.path().join("old");
        let file = fs::File::options().write(true).open(&old).unwrap();
        let long_ago = SystemTime::now() - KEEP - Duration::from_secs(60);
        file.set_modified(long_ago).unwrap();
        let tries = open(dir.path());
        assert!(!tries.is_suspected("old") && !old.exists());
        assert!(tries.is_suspected("new"));
    }

    #[test]
    fn what_goes_on_twice_is_noted_until_both_have_ended() {
        let dir = tempfile::tempdir().unwrap();
        let tries = open(dir.path());
        let (first, second) = (tries.begin("one").unwrap(), tries.begin("one").unwrap());
        drop(first);
        assert!(open(dir.path()).is_suspected("one"));
        drop(second);
        assert!(!open(dir.path()).is_suspected("one"));
    }

    #[test]
    fn a_panic_is_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let tries = open(dir.path());
        let work = || {
            let _trying = tries.begin("one").unwrap();
            panic!("as a parser does");
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
        assert!(!open(dir.path()).is_suspected("one"));
    }

    #[test]
    fn what_cannot_be_noted_does_not_begin_and_is_not_suspected() {
        for fault in ways_to_fail() {
            let dir = tempfile::tempdir().unwrap();
            let plan = Plan::default();
            let tries = Tries::open(plan.disk(), dir.path(), 3).unwrap();
            end_the_process(tries.begin("known").unwrap());
            let tries = Tries::open(plan.disk(), dir.path(), 3).unwrap();
            for name in ["new", "known"] {
                plan.set(fault);
                let begun = tries.begin(name).map(end_the_process);
                // Not every file is written in several steps.
                if plan.clear() > 0 {
                    begun.unwrap_err();
                }
            }
            let again = open(dir.path());
            let named = format!("{fault:?}");
            if fault.after == 0 {
                assert!(!again.is_suspected("new"), "{named}");
                assert_eq!(again.state().count("known"), 1, "{named}");
            }
        }
    }

    #[test]
    fn a_folder_for_which_there_was_no_room_is_made_once_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("tries");
        let plan = Plan::default();
        plan.set(Fault::after(0, usize::MAX, io::ErrorKind::StorageFull));
        let tries = Tries::open(plan.disk(), &folder, 3).unwrap();
        assert!(tries.begin("one").is_err());
        plan.clear();
        end_the_process(tries.begin("one").unwrap());
        assert!(open(&folder).is_suspected("one"));
    }
}
