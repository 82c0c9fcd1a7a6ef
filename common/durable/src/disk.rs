//! The few operations on a disk, in one place, so that tests can make each of them fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::Space;

/// The operation about to be done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Step {
    /// Creating a folder, or the lock in it.
    MakeFolder,
    /// Creating a file.
    Create,
    /// Writing bytes.
    Write,
    /// Making a file durable.
    Sync,
    /// Renaming a file to its place.
    Rename,
    /// Making a folder durable.
    SyncFolder,
    /// Truncating a file.
    Cut,
    /// Removing a file.
    Remove,
    /// Removing what a failure left. On a disk that refuses writes this works; in a process that ends it does not
    /// happen.
    Discard,
}

/// Decides which steps fail.
pub trait Faults: Debug + Send + Sync {
    /// Called before each step.
    ///
    /// # Errors
    /// If the step must fail: the disk's error. If bytes were to be written, half of them are.
    fn before(&self, step: Step) -> io::Result<()>;

    /// The simulated free space; `None` for the real one.
    fn space(&self) -> Option<Space> {
        None
    }
}

/// The disk as it is, or with faults. Clones share it.
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

    /// Creates a folder, and its ancestors, for this user only, since it contains what people write, whoever may read
    /// the folders above. An existing one is left unchanged.
    ///
    /// # Errors
    /// The disk's error.
    pub fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Step::MakeFolder)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
    }

    /// Creates a new file to append to. Its name is not durable.
    ///
    /// # Errors
    /// The disk's error; then the file was not created.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        self.step(Step::Create)?;
        OpenOptions::new().append(true).create_new(true).open(path)
    }

    /// Writes bytes; not durable.
    ///
    /// # Errors
    /// The disk's error; some of the bytes may have been written.
    pub(crate) fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step(Step::Write) {
            // Like a full disk: some of it fits.
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

    /// Makes a file durable: its bytes, its length and its times.
    ///
    /// # Errors
    /// The disk's error; then nobody knows what of it is durable.
    pub fn sync_all(&self, file: &File) -> io::Result<()> {
        self.step(Step::Sync)?;
        file.sync_all()
    }

    /// Makes durable which files are in a folder.
    ///
    /// # Errors
    /// The disk's error.
    pub fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Step::SyncFolder)?;
        File::open(folder)?.sync_all()
    }

    /// Truncates a file, durably.
    pub(crate) fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        self.step(Step::Cut)?;
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        self.sync(&file)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The disk's error.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Remove)?;
        fs::remove_file(path)
    }

    /// Removes what a failed operation may have left: a partial file is useless and takes space. Returns whether it is
    /// gone.
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

    /// Moves a file to a folder for which there may not have been space before; durable when this returns.
    ///
    /// # Errors
    /// The disk's error; the file may have been moved nevertheless, but not necessarily durably.
    pub fn shift(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to)?;
        to.parent()
            .map_or(Ok(()), |parent| self.sync_folder(parent))
    }

    /// Like [`Disk::shift`], but not necessarily durable: for operations that may be repeated after a crash.
    ///
    /// # Errors
    /// The disk's error.
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

    /// Writes a file under a temporary name, makes it durable, and moves it into place, durably. If that fails no
    /// temporary file is left; the file may be in its place already, but not necessarily durably.
    ///
    /// # Errors
    /// The disk's error.
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
            // There was no space for the folder before.
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

    /// Replaces a file in a folder, so that a crash leaves either the old or the new one; durable when this returns.
    ///
    /// # Errors
    /// The disk's error; no temporary file is left.
    pub fn replace(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = folder.join(format!("{name}{UNFINISHED}"));
        // It may be left by a process that ended in the middle.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.keep(&beside, &folder.join(name), &[bytes])
    }
}

/// The suffix of a file that is to replace another.
const UNFINISHED: &str = ".new";

/// Removes from a folder what processes that ended in [`Disk::replace`] left. Best effort: it only takes space.
pub fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.ends_with(UNFINISHED)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Lists a folder; empty if there was no space to create it.
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
