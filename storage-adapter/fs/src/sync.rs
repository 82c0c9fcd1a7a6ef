//! Makes folder entries durable, sharing one fsync among many writers.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::SystemTime;

use durable::Disk;
use mutex::{lock, wait};
use protocol::Bounded;

/// The most folders remembered as durable; others are simply synced again.
const MAX_KNOWN: usize = 16_384;

/// What tells a folder from a later one of the same name, which another process may have made: inodes are used again.
type Born = (u64, Option<SystemTime>);

fn born(folder: &Path) -> io::Result<Born> {
    let found = fs::symlink_metadata(folder)?;
    Ok((found.ino(), found.created().ok()))
}

/// Folders whose entries are being synced.
#[derive(Debug)]
pub(crate) struct FolderSync {
    disk: Disk,
    folders: Mutex<HashMap<PathBuf, Arc<Folder>>>,
    known: Mutex<Bounded<PathBuf, Born>>,
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
        if folder == root || self.is_known(folder, born(folder)?) {
            return Ok(());
        }
        let mut durable = Vec::new();
        for path in folder.ancestors().take_while(|above| *above != root) {
            // As it was before its name is synced: if it is removed and made again meanwhile, that one is not known.
            let born = born(path)?;
            if let Some(parent) = path.parent()
                && !self.is_known(path, born)
            {
                self.sync(parent)?;
            }
            durable.push((path.to_owned(), born));
        }
        let mut known = lock(&self.known);
        for (path, born) in durable {
            known.insert(path, born);
        }
        Ok(())
    }

    fn is_known(&self, folder: &Path, born: Born) -> bool {
        lock(&self.known).get(folder) == Some(&born)
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

    #[test]
    fn a_folder_that_was_made_again_is_not_the_durable_one() {
        let root = tempfile::tempdir().unwrap();
        let plan = durable::faults::Plan::default();
        let sync = FolderSync::new(plan.disk());
        let folder = root.path().join("a/b");
        let synced = || {
            plan.set(durable::faults::Fault {
                times: usize::MAX,
                ..durable::faults::Fault::at(durable::Step::SyncFolder, io::ErrorKind::Other)
            });
            let fails = sync.sync_folders(&folder, root.path()).is_err();
            plan.clear();
            sync.sync_folders(&folder, root.path()).unwrap();
            fails
        };
        fs::create_dir_all(&folder).unwrap();
        assert!(synced(), "it is new");
        assert!(!synced(), "it is known");
        // By another process, later: clocks of file systems have ticks, and inodes are used again.
        let again = |path: &Path| {
            let before = born(path).unwrap();
            while born(path).is_ok_and(|born| born == before) {
                fs::remove_dir_all(path).unwrap();
                fs::create_dir_all(&folder).unwrap();
            }
        };
        again(&folder);
        assert!(synced());
        again(&root.path().join("a"));
        assert!(synced() && !synced());
    }
}
