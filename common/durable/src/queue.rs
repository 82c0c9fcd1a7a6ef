//! A queue of files in folders, with a breaker: what ends the process must not end it again.
//!
//! An item is written to `new/`, made durable, and moved to `queue/`, durably; what a crash leaves in `new/` was never
//! accepted. Before somebody works on an item, it moves from `queue/` to `trying/`, durably; when the work has an
//! end, whatever end, it moves back. What lies in `trying/` at the start is what somebody worked on when the process
//! died: it is worked on once more, alone, and if that has no end either it is moved to `broken/` and left there.
//! Moving takes no room, so that a full disk can be emptied.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::disk::list;
use crate::{Disk, is_full};

/// How often work on an item may begin without an end.
const MAX_TRIES: u8 = 2;
/// The folders that every queue has.
const FOLDERS: [&str; 4] = ["new", "queue", "trying", "broken"];

/// The folders of a queue. Items have names that are names of files; nobody keeps two with the same name at once.
#[derive(Debug)]
pub struct FolderQueue {
    disk: Disk,
    folder: PathBuf,
    suffix: &'static str,
    /// Of items in `trying/`: how often work on them began.
    tries: Mutex<HashMap<String, u8>>,
}

/// What is found when a queue is opened.
#[derive(Debug, Default)]
pub struct Found {
    /// Items that wait.
    pub waiting: Vec<String>,
    /// Items that somebody worked on when the process ended: to be tried once more, alone.
    pub suspects: Vec<String>,
    /// Items that were moved to `broken/` just now.
    pub broken: Vec<String>,
}

impl FolderQueue {
    /// Opens a folder, and makes it and the folders `more` in it if they are missing. On a full disk it goes on without:
    /// they are made as soon as there is room and something for them, and until then nothing is accepted.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(
        disk: Disk,
        folder: &Path,
        suffix: &'static str,
        more: &[&str],
    ) -> io::Result<(Self, Found)> {
        let queue = Self {
            disk,
            folder: folder.to_owned(),
            suffix,
            tries: Mutex::default(),
        };
        for name in FOLDERS.iter().chain(more) {
            match queue.make_private(&folder.join(name)) {
                Err(error) if is_full(&error) => {
                    tracing::error!(folder = %folder.display(), %error, "nothing can be kept here; it is refused until there is room");
                }
                made => made?,
            }
        }
        let mut found = Found::default();
        for (id, tries) in queue.tried()? {
            queue.tries().insert(id.clone(), tries);
            if tries < MAX_TRIES {
                found.suspects.push(id);
            } else {
                tracing::error!(
                    id,
                    folder = %folder.display(),
                    "the process ended twice while it worked on this; it is kept aside in broken/"
                );
                queue.set_aside(&id)?;
                found.broken.push(id);
            }
        }
        found.suspects.sort();
        for entry in list(&folder.join("new"))? {
            fs::remove_file(entry.path())?;
        }
        found.waiting = queue.names("queue", suffix)?;
        match queue.disk.sync_folder(folder) {
            // There was no room to make it.
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_full(&error) => {}
            synced => synced?,
        }
        Ok((queue, found))
    }

    /// Makes a folder for its owner only, also if it is there already.
    fn make_private(&self, folder: &Path) -> io::Result<()> {
        self.disk.make_folder(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
    }

    /// Refuses if so many bytes more do not fit beside what is left to what must go on ([`Disk::check_room`]).
    ///
    /// # Errors
    /// There is no room.
    pub fn check_room(&self, more: u64) -> io::Result<()> {
        self.disk.check_room(&self.folder, more)
    }

    /// Keeps an item, if that leaves the reserve; it is durable when this returns.
    ///
    /// # Errors
    /// The disk refuses; nothing of it is left.
    pub fn keep(&self, id: &str, pieces: &[&[u8]]) -> io::Result<()> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.check_room(length as u64)?;
        let place = self.place(id);
        self.disk
            .keep(&self.beside(id), &place, pieces)
            .inspect_err(|_| {
                // It may be in its place without being durable. When it comes again it is new.
                self.disk.discard(&place);
            })
    }

    /// Writes or replaces a file in one of the folders; durable when this returns.
    ///
    /// # Errors
    /// The disk refuses; the file is what it was, or what it was to become.
    pub fn note(&self, below: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.folder.join(below).join(name);
        self.disk.keep(&self.beside(name), &place, &[bytes])
    }

    fn beside(&self, id: &str) -> PathBuf {
        let unique = getrandom::u64().unwrap_or(0);
        self.folder.join("new").join(format!("{id}-{unique:016x}"))
    }

    /// Reads an item: its first line, with the line break, of at most so many bytes, and the rest.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, id: &str, most_of_line: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
        read(&self.place(id), most_of_line)
    }

    /// As [`FolderQueue::read`], of an item that was put aside in one of the folders.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_in(
        &self,
        below: &str,
        id: &str,
        most_of_line: u64,
    ) -> io::Result<(Vec<u8>, Vec<u8>)> {
        read(&self.file(below, id), most_of_line)
    }

    /// How long an item is, bytes.
    ///
    /// # Errors
    /// It is not there.
    pub fn length(&self, id: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.place(id))?.len())
    }

    /// Notes that work on an item begins; durable when this returns.
    ///
    /// # Errors
    /// The disk refuses; nobody may work on it then.
    pub fn begin(&self, id: &str) -> io::Result<()> {
        let from = self.place(id);
        let mut tries = self.tries();
        let next = tries.get(id).map_or(1, |tries| tries.saturating_add(1));
        let to = self.trying(id, next);
        if let Err(error) = self.disk.shift(&from, &to) {
            // It may have moved without that being durable: back, since nobody works on it; or it is where it is.
            if to.exists() && self.disk.rename(&to, &from).is_err() {
                tries.insert(id.to_owned(), next);
            }
            return Err(error);
        }
        tries.insert(id.to_owned(), next);
        Ok(())
    }

    /// Notes that work on an item has an end.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn end(&self, id: &str) -> io::Result<()> {
        let mut tries = self.tries();
        if let Some(count) = tries.get(id) {
            match self
                .disk
                .rename(&self.trying(id, *count), &self.file("queue", id))
            {
                // It was removed meanwhile.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            tries.remove(id);
        }
        Ok(())
    }

    /// Puts an item aside on which nobody may work any more; durable when this returns.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_aside(&self, id: &str) -> io::Result<()> {
        self.disk
            .rename(&self.place(id), &self.file("broken", id))?;
        self.tries().remove(id);
        self.disk.sync_folder(&self.folder.join("broken"))
    }

    /// Moves an item to one of the folders, where it is left.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn move_to(&self, below: &str, id: &str) -> io::Result<()> {
        self.disk.rename(&self.place(id), &self.file(below, id))?;
        self.tries().remove(id);
        Ok(())
    }

    /// Removes an item.
    ///
    /// # Errors
    /// The disk refuses, or it is not there.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        self.disk.remove(&self.place(id))?;
        self.tries().remove(id);
        Ok(())
    }

    /// Forgets that somebody works on an item that is gone.
    pub fn forget(&self, id: &str) {
        self.tries().remove(id);
    }

    /// How many items were put aside because work on them had no end, and are still there.
    #[must_use]
    pub fn broken(&self) -> usize {
        fs::read_dir(self.folder.join("broken")).map_or(0, Iterator::count)
    }

    /// The names of files in one of the folders that end so, without that end.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn names(&self, below: &str, suffix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in list(&self.folder.join(below))? {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(suffix));
            names.extend(id.map(str::to_owned));
        }
        Ok(names)
    }

    /// Removes files of one of the folders that are older than that.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn clean(&self, below: &str, keep: Duration) -> io::Result<()> {
        let oldest = SystemTime::now().checked_sub(keep);
        for entry in list(&self.folder.join(below))? {
            let changed = entry.metadata().and_then(|about| about.modified());
            if oldest.is_some_and(|oldest| changed.is_ok_and(|at| at < oldest)) {
                self.disk.remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Items in `trying/`, and how often work on them began.
    fn tried(&self) -> io::Result<Vec<(String, u8)>> {
        let names = self.names("trying", self.suffix)?;
        let parse = |name: &String| {
            let (id, tries) = name.rsplit_once('.')?;
            Some((id.to_owned(), tries.parse::<u8>().ok()?))
        };
        Ok(names.iter().filter_map(parse).collect())
    }

    /// Where an item lies.
    fn place(&self, id: &str) -> PathBuf {
        match self.tries().get(id) {
            Some(tries) => self.trying(id, *tries),
            None => self.file("queue", id),
        }
    }

    fn trying(&self, id: &str, tries: u8) -> PathBuf {
        self.file("trying", &format!("{id}.{tries}"))
    }

    fn file(&self, below: &str, id: &str) -> PathBuf {
        let name = format!("{id}{}", self.suffix);
        self.folder.join(below).join(name)
    }

    fn tries(&self) -> MutexGuard<'_, HashMap<String, u8>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path, most_of_line: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut line, mut rest) = (Vec::new(), Vec::new());
    (&mut reader)
        .take(most_of_line)
        .read_until(b'\n', &mut line)?;
    reader.read_to_end(&mut rest)?;
    Ok((line, rest))
}

#[cfg(test)]
mod tests;
