//! The few things that are done to a disk, in one place, so that tests can have each of them fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::Space;

/// What is about to be done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Step {
    /// A folder, or the lock in it, is made.
    MakeFolder,
    /// A file is made.
    Create,
    /// Bytes are written.
    Write,
    /// A file is made durable.
    Sync,
    /// A file gets its place.
    Rename,
    /// A folder is made durable.
    SyncFolder,
    /// A file is shortened.
    Cut,
    /// A file is removed.
    Remove,
    /// What a failure left is removed. On a disk that refuses this works; in a process that ends it does not happen.
    Discard,
}

/// Decides which steps fail.
pub trait Faults: Debug + Send + Sync {
    /// Something is about to be done.
    ///
    /// # Errors
    /// It is not done: what the disk says. Of bytes that are to be written, half are.
    fn before(&self, step: Step) -> io::Result<()>;

    /// How much room there is said to be; none if that is what there is.
    fn space(&self) -> Option<Space> {
        None
    }
}

/// The disk as it is, or with faults. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    faults: Option<Arc<dyn Faults>>,
}

impl Disk {
    /// A disk on which steps fail.
    #[must_use]
    pub fn failing(faults: Arc<dyn Faults>) -> Self {
        Self {
            faults: Some(faults),
        }
    }

    pub(crate) fn feigned_space(&self) -> Option<Space> {
        self.faults.as_ref().and_then(|faults| faults.space())
    }

    fn step(&self, step: Step) -> io::Result<()> {
        self.faults
            .as_ref()
            .map_or(Ok(()), |faults| faults.before(step))
    }

    /// Makes a folder, and those above it, for this user only: what people write is in it, whoever may look into the
    /// folders above. One that is there stays as it is.
    ///
    /// # Errors
    /// What the disk says.
    pub fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Step::MakeFolder)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
    }

    /// Makes a file to append to, which is not there yet. Its name is not durable.
    ///
    /// # Errors
    /// What the disk says; then it was not made.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        self.step(Step::Create)?;
        OpenOptions::new().append(true).create_new(true).open(path)
    }

    /// Writes bytes; not durable.
    ///
    /// # Errors
    /// What the disk says; some of the bytes may be written then.
    pub(crate) fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step(Step::Write) {
            // As a full disk does it: some of it fits.
            let _ = file.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default());
            return Err(error);
        }
        file.write_all(bytes)
    }

    /// Makes a file's bytes durable.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        self.step(Step::Sync)?;
        file.sync_data()
    }

    /// Makes durable which files are in a folder.
    ///
    /// # Errors
    /// What the disk says.
    pub fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Step::SyncFolder)?;
        File::open(folder)?.sync_all()
    }

    /// Shortens a file, durably.
    pub(crate) fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        self.step(Step::Cut)?;
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        self.sync(&file)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Remove)?;
        fs::remove_file(path)
    }

    /// Removes what something that failed may have left: half of it helps nobody, and takes room that is missing.
    /// Returns whether it is gone.
    pub(crate) fn discard(&self, path: &Path) -> bool {
        let removed = self
            .step(Step::Discard)
            .and_then(|()| fs::remove_file(path));
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(path = %path.display(), %error, "a file that could not be written cannot be removed");
                false
            }
            _ => true,
        }
    }

    /// Moves a file, to a folder for which there may not have been room before; durable when this returns.
    ///
    /// # Errors
    /// What the disk says; it may be moved all the same, not surely durably.
    pub fn shift(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to)?;
        to.parent()
            .map_or(Ok(()), |parent| self.sync_folder(parent))
    }

    /// As [`Disk::shift`], not surely durable: for what would only be done once more after a crash.
    ///
    /// # Errors
    /// What the disk says.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Rename)?;
        match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && from.exists() => {
                to.parent()
                    .map_or(Ok(()), |parent| self.make_missing(parent))?;
                fs::rename(from, to)
            }
            renamed => renamed,
        }
    }

    fn make_missing(&self, folder: &Path) -> io::Result<()> {
        self.make_folder(folder)?;
        folder
            .parent()
            .map_or(Ok(()), |parent| self.sync_folder(parent))
    }

    /// Writes a file beside, makes it durable, and moves it into its place, durably. If that fails nothing is left beside;
    /// it may be in its place already, not surely durable.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep(&self, beside: &Path, place: &Path, pieces: &[&[u8]]) -> io::Result<()> {
        let written = self
            .write_new(beside, pieces)
            .and_then(|()| self.rename(beside, place));
        if let Err(error) = written {
            self.discard(beside);
            return Err(error);
        }
        place
            .parent()
            .map_or(Ok(()), |parent| self.sync_folder(parent))
    }

    fn write_new(&self, path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
        let mut file = match self.create(path) {
            // There was no room for the folder before.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                path.parent()
                    .map_or(Ok(()), |parent| self.make_missing(parent))?;
                self.create(path)?
            }
            file => file?,
        };
        for piece in pieces {
            self.write(&mut file, piece)?;
        }
        self.step(Step::Sync)?;
        file.sync_all()
    }

    /// Replaces a file of a folder, so that a crash leaves either the old or the new one; durable when this returns.
    ///
    /// # Errors
    /// What the disk says; nothing of the new one is left beside then.
    pub fn replace(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = folder.join(format!("{name}{UNFINISHED}"));
        // A process that ended in the middle may have left it.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.keep(&beside, &folder.join(name), &[bytes])
    }
}

/// The end of the name of a file that is to replace another.
const UNFINISHED: &str = ".new";

/// Removes what processes that ended in [`Disk::replace`] left in a folder. Best effort: it takes room and nothing else.
pub fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.ends_with(UNFINISHED)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns what is in a folder; nothing if there was no room to make it.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Fault, Plan, ways_to_fail};

    #[test]
    fn nothing_is_left_beside() {
        let folder = tempfile::tempdir().unwrap();
        let (beside, place) = (folder.path().join("beside"), folder.path().join("place"));
        for fault in ways_to_fail() {
            let plan = Plan::default();
            let disk = plan.disk();
            let named = format!("{fault:?}");
            plan.set(fault);
            disk.keep(&beside, &place, &[b"head", b"body"]).unwrap_err();
            assert!(!beside.exists(), "{named}");
            disk.keep(&beside, &place, &[b"head", b"body"]).unwrap();
            assert_eq!(fs::read(&place).unwrap(), b"headbody", "{named}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_leaves_no_half_behind() {
        let dir = tempfile::tempdir().unwrap();
        // A folder in its place cannot be replaced by a file.
        fs::create_dir(dir.path().join("cursor")).unwrap();
        let disk = Disk::default();
        assert!(disk.replace(dir.path(), "cursor", b"1").is_err());
        assert!(!dir.path().join("cursor.new").exists());
    }

    #[test]
    fn what_an_ended_process_left_is_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        plan.set(Fault::kill(2));
        plan.disk()
            .replace(dir.path(), "cursor", b"12")
            .unwrap_err();
        assert!(dir.path().join("cursor.new").exists());
        let disk = Disk::default();
        disk.replace(dir.path(), "cursor", b"12").unwrap();
        assert_eq!(fs::read(dir.path().join("cursor")).unwrap(), b"12");
        assert!(!dir.path().join("cursor.new").exists());
        fs::write(dir.path().join("other.new"), "x").unwrap();
        remove_unfinished(dir.path());
        assert_eq!(list(dir.path()).unwrap().len(), 1);
    }
}
