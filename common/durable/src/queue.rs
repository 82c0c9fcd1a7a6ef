//! A queue of files in folders, with a circuit breaker: what killed the process must not kill it again.
//!
//! An item is written to `new/`, made durable, and moved to `queue/`, durably; anything a crash leaves in `new/` was
//! never accepted. Before an item is worked on, it moves from `queue/` to `trying/`, durably; when the work ends, with
//! whatever outcome, it moves back. Items in `trying/` at the start were being worked on when the process died: they
//! are worked on once more, alone, and if that does not end either, they are moved to `broken/` and left there. Moving
//! takes no space, so a full disk can be emptied.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use crate::disk::list;
use crate::{Disk, is_full};
use mutex::lock;

/// How often work on an item may start without ending.
const MAX_TRIES: u8 = 2;
/// The folders of every queue.
const FOLDERS: [&str; 4] = ["new", "queue", "trying", "broken"];

/// The folders of a queue. Items have names that are valid file names; two with the same name must not be kept at once.
#[derive(Debug)]
pub struct FolderQueue {
    disk: Disk,
    folder: PathBuf,
    suffix: &'static str,
    /// For items in `trying/`: how often work on them started.
    tries: Mutex<HashMap<String, u8>>,
}

/// The items found when a queue is opened.
#[derive(Debug, Default)]
pub struct Found {
    /// Items that wait.
    pub waiting: Vec<String>,
    /// Items that were being worked on when the process ended: to be tried once more, alone.
    pub suspects: Vec<String>,
    /// Items that were just moved to `broken/`.
    pub broken: Vec<String>,
}

impl FolderQueue {
    /// Opens a folder, and creates it and the subfolders `more` if they are missing. On a full disk it continues
    /// without: they are created as soon as there is space and something for them, and until then nothing is accepted.
    ///
    /// # Errors
    /// If the folder cannot be used.
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
                    tracing::error!(folder = %folder.display(), %error, "nothing can be stored here; requests are refused until there is space");
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
                    "the process died twice while working on this; it is set aside in broken/"
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
            // There was no space to create it.
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_full(&error) => {}
            synced => synced?,
        }
        Ok((queue, found))
    }

    /// Makes a folder accessible for its owner only, even an existing one.
    fn make_private(&self, folder: &Path) -> io::Result<()> {
        self.disk.make_folder(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
    }

    /// Fails if this many more bytes do not fit besides the reserve for essential writes ([`Disk::check_room`]).
    ///
    /// # Errors
    /// If there is no space.
    pub fn check_room(&self, more: u64) -> io::Result<()> {
        self.disk.check_room(&self.folder, more)
    }

    /// Stores an item, if that leaves the reserve; it is durable when this returns.
    ///
    /// # Errors
    /// If the disk refuses; then nothing of it is left.
    pub fn keep(&self, id: &str, pieces: &[&[u8]]) -> io::Result<()> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.check_room(length as u64)?;
        let place = self.place(id);
        self.disk
            .keep(&self.beside(id), &place, pieces)
            .inspect_err(|_| {
                // It may be in its place without being durable. If it is sent again it counts as new.
                self.disk.discard(&place);
            })
    }

    /// Writes or replaces a file in one of the folders; durable when this returns.
    ///
    /// # Errors
    /// If the disk refuses; then the file has either its former or its new content.
    pub fn note(&self, below: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.folder.join(below).join(name);
        self.disk.keep(&self.beside(name), &place, &[bytes])
    }

    fn beside(&self, id: &str) -> PathBuf {
        let unique = getrandom::u64().unwrap_or(0);
        self.folder.join("new").join(format!("{id}-{unique:016x}"))
    }

    /// Reads an item: its first line, including the line break, up to this many bytes, and the rest.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, id: &str, most_of_line: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
        read(&self.place(id), most_of_line)
    }

    /// Like [`FolderQueue::read`], for an item that was put aside in one of the folders.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_in(
        &self,
        below: &str,
        id: &str,
        most_of_line: u64,
    ) -> io::Result<(Vec<u8>, Vec<u8>)> {
        read(&self.file(below, id), most_of_line)
    }

    /// The length of an item, in bytes.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn length(&self, id: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.place(id))?.len())
    }

    /// Records that work on an item starts; durable when this returns.
    ///
    /// # Errors
    /// If the disk refuses; then the item must not be worked on.
    pub fn begin(&self, id: &str) -> io::Result<()> {
        let from = self.place(id);
        let mut tries = self.tries();
        let next = tries.get(id).map_or(1, |tries| tries.saturating_add(1));
        let to = self.trying(id, next);
        if let Err(error) = self.disk.shift(&from, &to) {
            // It may have moved without that being durable: move it back, since nobody works on it; or it has not
            // moved.
            if to.exists() && self.disk.rename(&to, &from).is_err() {
                tries.insert(id.to_owned(), next);
            }
            return Err(error);
        }
        tries.insert(id.to_owned(), next);
        Ok(())
    }

    /// Records that work on an item has ended.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn end(&self, id: &str) -> io::Result<()> {
        let mut tries = self.tries();
        if let Some(count) = tries.get(id) {
            match self
                .disk
                .rename(&self.trying(id, *count), &self.file("queue", id))
            {
                // It was removed in the meantime.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            tries.remove(id);
        }
        Ok(())
    }

    /// Sets an item aside that must not be worked on any more; durable when this returns.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn set_aside(&self, id: &str) -> io::Result<()> {
        self.disk
            .rename(&self.place(id), &self.file("broken", id))?;
        self.tries().remove(id);
        self.disk.sync_folder(&self.folder.join("broken"))
    }

    /// Moves an item to one of the folders, where it stays.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn move_to(&self, below: &str, id: &str) -> io::Result<()> {
        self.disk.rename(&self.place(id), &self.file(below, id))?;
        self.tries().remove(id);
        Ok(())
    }

    /// Removes an item.
    ///
    /// # Errors
    /// If the disk refuses, or it does not exist.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        self.disk.remove(&self.place(id))?;
        self.tries().remove(id);
        Ok(())
    }

    /// Forgets about work on an item that is gone.
    pub fn forget(&self, id: &str) {
        self.tries().remove(id);
    }

    /// How many items were set aside because work on them did not end, and still exist.
    #[must_use]
    pub fn broken(&self) -> usize {
        fs::read_dir(self.folder.join("broken")).map_or(0, Iterator::count)
    }

    /// The names of files in one of the folders that have this suffix, without it.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn names(&self, below: &str, suffix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in list(&self.folder.join(below))? {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(suffix));
            names.extend(id.map(str::to_owned));
        }
        Ok(names)
    }

    /// Removes files in one of the folders that are older than this.
    ///
    /// # Errors
    /// If the disk refuses.
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

    /// Items in `trying/`, and how often work on them started.
    fn tried(&self) -> io::Result<Vec<(String, u8)>> {
        let names = self.names("trying", self.suffix)?;
        let parse = |name: &String| {
            let (id, tries) = name.rsplit_once('.')?;
            Some((id.to_owned(), tries.parse::<u8>().ok()?))
        };
        Ok(names.iter().filter_map(parse).collect())
    }

    /// The path of an item.
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
        lock(&self.tries)
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
