//! fsync of folders, shared by everybody who waits for the same one.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Folders remembered as durable; beyond it they are forgotten, and synced once more.
const MAX_KNOWN: usize = 65_536;

/// Makes entries of folders durable.
#[derive(Debug, Default)]
pub(crate) struct GroupSync {
    folders: Mutex<HashMap<PathBuf, Arc<Folder>>>,
    known: Mutex<HashSet<PathBuf>>,
}

#[derive(Debug, Default)]
struct Folder {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    begun: u64,
    done: u64,
    failed: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GroupSync {
    /// Returns when everything that was in `folder` at the call is durable. Whoever comes while an fsync runs
    /// waits for the next one, together with all others who do. Blocks.
    pub(crate) fn sync(&self, folder: &Path) -> io::Result<()> {
        let shared = Arc::clone(lock(&self.folders).entry(folder.to_owned()).or_default());
        let outcome = shared.sync(folder);
        let mut folders = lock(&self.folders);
        if Arc::strong_count(&shared) == 2 {
            folders.remove(folder);
        }
        outcome
    }

    /// Makes a folder below `root` and everything that leads to it, durably. Blocks.
    pub(crate) fn make(&self, root: &Path, relative: &Path) -> io::Result<()> {
        if lock(&self.known).contains(relative) {
            return Ok(());
        }
        let mut path = root.to_owned();
        for part in relative.components() {
            let parent = path.clone();
            path.push(part);
            match std::fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                // Whoever made it may not have synced it yet.
                _ => self.sync(&parent)?,
            }
        }
        let mut known = lock(&self.known);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(relative.to_owned());
        Ok(())
    }
}

impl Folder {
    fn sync(&self, path: &Path) -> io::Result<()> {
        let mut state = lock(&self.state);
        let wanted = state.begun + 1;
        loop {
            if state.done >= wanted {
                return if state.failed >= wanted {
                    Err(io::Error::other("the folder could not be synced"))
                } else {
                    Ok(())
                };
            }
            if state.running {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.running = true;
            state.begun += 1;
            drop(state);
            let outcome = File::open(path).and_then(|folder| folder.sync_all());
            state = lock(&self.state);
            state.running = false;
            state.done = state.begun;
            if outcome.is_err() {
                state.failed = state.begun;
            }
            self.changed.notify_all();
            return outcome;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_once_and_forgotten_when_nobody_waits() {
        let temp = tempfile::tempdir().unwrap();
        let group = GroupSync::default();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    group.make(temp.path(), Path::new("a/b/c")).unwrap();
                    group.sync(&temp.path().join("a/b/c")).unwrap();
                });
            }
        });
        assert!(temp.path().join("a/b/c").is_dir());
        assert!(group.sync(&temp.path().join("missing")).is_err());
        assert!(lock(&group.folders).len() <= 1);
    }
}
