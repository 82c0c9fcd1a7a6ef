//! What ends the process must not end it again.
//!
//! Before somebody works on a mail that waits, the mail moves from `queue/` to `trying/`, durably; when the work has an
//! end, whatever end, it moves back. What lies in `trying/` at the start is what somebody worked on when the process
//! died: it is worked on once more, alone, and if that has no end either it is moved to `broken/` and left there.
//! Moving takes no room, so that a full disk can be emptied.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::disk::{Disk, folders, list, rename, sync, sync_made};

/// How often work on a mail may begin without an end.
const MAX_TRIES: u8 = 2;
/// What the end of a file's name says.
pub(crate) const SUFFIX: &str = ".mail";

/// The folders of a queue.
#[derive(Debug)]
pub(crate) struct Breaker {
    folder: PathBuf,
    /// Of mails in `trying/`: how often work on them began.
    tries: Mutex<HashMap<String, u8>>,
}

/// What work without an end left behind.
#[derive(Debug, Default)]
pub(crate) struct Unended {
    /// To be tried once more, alone.
    pub(crate) suspects: Vec<String>,
    /// Moved to `broken/` just now.
    pub(crate) broken: Vec<String>,
}

impl Breaker {
    /// Makes the folders if they are missing and looks what was worked on when the process ended.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Unended)> {
        folders(folder, &["queue", "trying", "broken"])?;
        let breaker = Self {
            folder: folder.to_owned(),
            tries: Mutex::default(),
        };
        let mut unended = Unended::default();
        for entry in list(&folder.join("trying"))? {
            let name = entry.file_name();
            let parts = name
                .to_str()
                .and_then(|name| name.strip_suffix(SUFFIX)?.rsplit_once('.'));
            let Some((id, Ok(tries))) = parts.map(|(id, tries)| (id, tries.parse::<u8>())) else {
                continue;
            };
            breaker.tries().insert(id.to_owned(), tries);
            if tries < MAX_TRIES {
                unended.suspects.push(id.to_owned());
            } else {
                tracing::error!(
                    id,
                    "the process ended twice while it worked on a mail; it is kept aside in broken/"
                );
                breaker.set_aside(id)?;
                unended.broken.push(id.to_owned());
            }
        }
        unended.suspects.sort();
        sync_made(folder)?;
        Ok((breaker, unended))
    }

    /// Where a mail lies.
    pub(crate) fn place(&self, id: &str) -> PathBuf {
        match self.tries().get(id) {
            Some(tries) => self.trying(id, *tries),
            None => self.waiting(id),
        }
    }

    /// Notes that work on a mail begins; durable when this returns.
    pub(crate) fn begin(&self, disk: &Disk, id: &str) -> io::Result<()> {
        let from = self.place(id);
        let mut tries = self.tries();
        let next = tries.get(id).map_or(1, |tries| tries.saturating_add(1));
        disk.shift(&from, &self.trying(id, next))?;
        tries.insert(id.to_owned(), next);
        Ok(())
    }

    /// Notes that work on a mail has an end.
    pub(crate) fn end(&self, id: &str) -> io::Result<()> {
        let mut tries = self.tries();
        if let Some(count) = tries.get(id) {
            match fs::rename(self.trying(id, *count), self.waiting(id)) {
                // It was removed meanwhile.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            tries.remove(id);
        }
        Ok(())
    }

    /// Puts a mail aside on which nobody may work any more.
    pub(crate) fn set_aside(&self, id: &str) -> io::Result<()> {
        let from = self.place(id);
        let broken = self.folder.join("broken");
        rename(&from, &broken.join(format!("{id}{SUFFIX}")))?;
        self.tries().remove(id);
        sync(&broken)
    }

    /// Forgets about a mail that is gone.
    pub(crate) fn forget(&self, id: &str) {
        self.tries().remove(id);
    }

    /// How many mails were put aside and are still there.
    pub(crate) fn broken(&self) -> usize {
        fs::read_dir(self.folder.join("broken")).map_or(0, Iterator::count)
    }

    /// Mails in `queue/`.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in list(&self.folder.join("queue"))? {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            names.extend(id.map(str::to_owned));
        }
        Ok(names)
    }

    fn waiting(&self, id: &str) -> PathBuf {
        self.folder.join("queue").join(format!("{id}{SUFFIX}"))
    }

    fn trying(&self, id: &str, tries: u8) -> PathBuf {
        let name = format!("{id}.{tries}{SUFFIX}");
        self.folder.join("trying").join(name)
    }

    fn tries(&self) -> MutexGuard<'_, HashMap<String, u8>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes files of a folder that are older than that.
pub(crate) fn clean(folder: &Path, keep: Duration) -> io::Result<()> {
    let oldest = SystemTime::now().checked_sub(keep);
    for entry in list(folder)? {
        let changed = entry.metadata().and_then(|about| about.modified());
        if oldest.is_some_and(|oldest| changed.is_ok_and(|at| at < oldest)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_tried_once_more_and_then_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path).exists();
        let disk = Disk::default();
        let (breaker, _) = Breaker::open(folder.path()).unwrap();
        for id in ["good", "bad"] {
            fs::write(breaker.place(id), id).unwrap();
            breaker.begin(&disk, id).unwrap();
        }
        assert!(at("trying/bad.1.mail") && !at("queue/bad.mail"));
        breaker.end("good").unwrap();
        // The process ends here, and once more.
        let (breaker, unended) = Breaker::open(folder.path()).unwrap();
        assert_eq!(unended.suspects, ["bad"]);
        assert_eq!(breaker.names().unwrap(), ["good"]);
        breaker.begin(&disk, "bad").unwrap();
        let (breaker, unended) = Breaker::open(folder.path()).unwrap();
        assert_eq!(
            (unended.suspects.len(), unended.broken),
            (0, vec!["bad".to_owned()])
        );
        assert!(at("broken/bad.mail") && breaker.broken() == 1);
        let (_, unended) = Breaker::open(folder.path()).unwrap();
        assert!(unended.suspects.is_empty() && unended.broken.is_empty());
        clean(&folder.path().join("broken"), Duration::ZERO).unwrap();
        assert_eq!(breaker.broken(), 0);
    }

    #[test]
    fn an_end_clears_what_was_suspected() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let (breaker, _) = Breaker::open(folder.path()).unwrap();
        fs::write(breaker.place("a"), "a").unwrap();
        for _ in 0..5 {
            breaker.begin(&disk, "a").unwrap();
            drop(breaker.place("a"));
            let (again, _) = Breaker::open(folder.path()).unwrap();
            again.begin(&disk, "a").unwrap();
            again.end("a").unwrap();
            breaker.forget("a");
        }
        assert_eq!(fs::read(breaker.place("a")).unwrap(), b"a");
    }
}
