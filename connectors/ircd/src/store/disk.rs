//! The few things that are done to the disk, in one place, so that tests can have each of them fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub faults: std::cell::Cell<Option<super::faults::Faults>>,
}

impl Disk {
    /// Something is about to be done; a test may not let it.
    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        super::faults::step(&self.faults)
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "tests let it fail"
    )]
    fn step(&self) -> io::Result<()> {
        Ok(())
    }

    /// Makes the folder of the log if it is not there, and keeps other servers out of it.
    pub(super) fn lock(&self, log: &Path, path: &Path) -> io::Result<File> {
        self.step()?;
        // Direct messages are in there: for this user only, whoever may look into the folders above.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(log)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        lock.try_lock()?;
        Ok(lock)
    }

    /// Makes a new file to append to; it is gone again if it could not be made to last.
    pub(super) fn create(&self, path: &Path, folder: &Path) -> io::Result<File> {
        self.step()?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        if let Err(error) = self.sync_folder(folder) {
            let _ = self.remove(path);
            return Err(error);
        }
        Ok(file)
    }

    pub(super) fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step() {
            // A disk that is full takes a part.
            let part = bytes.get(..bytes.len() / 2).unwrap_or_default();
            let _ = file.write_all(part);
            return Err(error);
        }
        file.write_all(bytes)
    }

    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        file.sync_data()
    }

    pub(super) fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        File::open(path)?.sync_all()
    }

    /// Shortens a file, durably.
    pub(super) fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        self.step()?;
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        self.sync(&file)
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        fs::remove_file(path)
    }

    /// Puts a whole file in the place of another, durably. If that fails nothing of the new one is left.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8], folder: &Path) -> io::Result<()> {
        let new = path.with_extension("json.new");
        let written = self
            .step()
            .and_then(|()| File::create(&new))
            .and_then(|mut file| {
                self.write(&mut file, bytes)?;
                self.sync(&file)
            });
        let replaced = written
            .and_then(|()| self.step())
            .and_then(|()| fs::rename(&new, path));
        if let Err(error) = replaced {
            // Not by way of `remove`: what a test forbids is the disk's work, not this.
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        self.sync_folder(folder)
    }
}
