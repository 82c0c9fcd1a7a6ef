//! Makes folder entries durable, sharing one fsync among many writers.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use durable::Disk;
use mutex::{lock, wait};
use protocol::Bounded;

/// The most folders remembered as durable; others are simply synced again.
const MAX_KNOWN: usize = 16_384;

/// Folders whose entries are being synced.
#[derive(Debug)]
pub(crate) struct FolderSync {
    disk: Disk,
    folders: Mutex<HashMap<PathBuf, Arc<Folder>>>,
    known: Mutex<Bounded<PathBuf, ()>>,
}

#[derive(Debug, Default)]
struct Folder {
    rounds: Mutex<Rounds>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Rounds {
    begun: u64,
    /// The last successful round.
    done: u64,
    running: bool,
}

impl FolderSync {
    pub(crate) fn new(disk: Disk) -> Self {
        Self {
            disk,
            folders: Mutex::default(),
            known: Mutex::new(Bounded::new(MAX_KNOWN)),
        }
    }

    /// Returns once everything done in the folder before the call is durable. All callers that wait during one fsync
    /// share the next.
    pub(crate) fn sync(&self, path: &Path) -> io::Result<()> {
        let folder = Arc::clone(lock(&self.folders).entry(path.to_owned()).or_default());
        let result = folder.sync(path, &self.disk);
        let mut folders = lock(&self.folders);
        // Held by the map and this function: nobody else waits.
        if Arc::strong_count(&folder) == 2 {
            folders.remove(path);
        }
        result
    }

    /// Makes the folder itself durable, and its ancestors up to `root`.
    pub(crate) fn sync_folders(&self, folder: &Path, root: &Path) -> io::Result<()> {
        let above = || folder.ancestors().take_while(|above| *above != root);
        if lock(&self.known).contains_key(folder) || folder == root {
            return Ok(());
        }
        for path in above() {
            if let Some(parent) = path.parent()
                && !lock(&self.known).contains_key(path)
            {
                self.sync(parent)?;
            }
        }
        let mut known = lock(&self.known);
        for path in above() {
            known.insert(path.to_owned(), ());
        }
        Ok(())
    }

    /// Forgets that a folder was durable: it was created again.
    pub(crate) fn forget(&self, folder: &Path) {
        lock(&self.known).remove(folder);
    }
}

impl Folder {
    fn sync(&self, path: &Path, disk: &Disk) -> io::Result<()> {
        let mut rounds = lock(&self.rounds);
        let wanted = rounds.begun + 1;
        while rounds.done < wanted {
            if rounds.running {
                rounds = wait(&self.ended, rounds);
                continue;
            }
            rounds.running = true;
            rounds.begun += 1;
            let round = rounds.begun;
            drop(rounds);
            let result = disk.sync_folder(path);
            rounds = lock(&self.rounds);
            rounds.running = false;
            if result.is_ok() {
                rounds.done = round;
            }
            self.ended.notify_all();
            result?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_share_and_none_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let sync = FolderSync::new(Disk::default());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20).for_each(|_| sync.sync(folder.path()).unwrap()));
            }
        });
        assert!(lock(&sync.folders).is_empty());
        assert!(sync.sync(&folder.path().join("none")).is_err());
    }
}
