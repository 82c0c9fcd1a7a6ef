//! A folder reserved for one process.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::{Disk, is_full};

/// The lock on a folder; it ends with the process, however that ends.
#[derive(Debug)]
pub struct FolderLock {
    disk: Disk,
    folder: PathBuf,
    path: PathBuf,
    /// `None` if there was no space for it.
    file: Option<File>,
}

impl FolderLock {
    /// Creates a folder if needed and locks it with a file, which is in it or above it. If the disk is too full for
    /// that, the lock is not held yet: without that file there is no other process, and the folder can be read.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] if another process holds it; or the disk's error.
    pub fn open(disk: &Disk, folder: &Path, path: &Path) -> io::Result<Self> {
        let mut lock = Self {
            disk: disk.clone(),
            folder: folder.to_owned(),
            path: path.to_owned(),
            file: None,
        };
        match lock.take() {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(lock),
        }
    }

    /// Returns whether it is held.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.file.is_some()
    }

    /// Acquires it if it is not held; to be called before anything is written.
    ///
    /// # Errors
    /// Like [`FolderLock::open`], or if there is no space.
    pub fn take(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        self.disk.make_folder(&self.folder)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.path)?;
        file.try_lock().map_err(|_| {
            let text = "another process uses this folder; stop it or choose another folder";
            io::Error::new(io::ErrorKind::ResourceBusy, text)
        })?;
        self.file = Some(file);
        Ok(())
    }
}
