//! Files that are being written.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use durable::{Ballast, Disk};
use rustix::io::Errno;
use storage_adapter::{ETag, StoreError};

use crate::errors::before;
use crate::version::etag;

/// The error when there is no space for documents only.
const RESERVED: &str = "the disk is full: the rest is reserved for essential writes; a deleted document still takes space as an old version for some minutes, or until \"Remove old versions\" in the settings (DELETE /api/store/kept) removes it; or ask the operator to free space";

/// A file being written; it is removed unless it is placed.
#[derive(Debug)]
pub(crate) struct Temporary {
    file: File,
    path: PathBuf,
    length: u64,
    /// It is kept.
    placed: bool,
    /// It already has its name, which nobody reads yet.
    in_place: bool,
    /// Bytes of disk space that it must leave free.
    reserve: u64,
    disk: Disk,
    ballast: Arc<Ballast>,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // If it is left over, a later start removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// How many bytes are free for non-root users on this file's disk.
fn room(file: &File) -> Result<u64, Errno> {
    let stat = rustix::fs::fstatvfs(file)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

impl Temporary {
    /// A file under a temporary name.
    pub(crate) const fn beside(
        file: File,
        path: PathBuf,
        disk: Disk,
        ballast: Arc<Ballast>,
    ) -> Self {
        Self {
            file,
            path,
            length: 0,
            placed: false,
            in_place: false,
            reserve: 0,
            disk,
            ballast,
        }
    }

    /// A file under its final name that leaves this many bytes of the disk free.
    pub(crate) fn in_place(
        file: File,
        path: &Path,
        reserve: u64,
        disk: Disk,
        ballast: Arc<Ballast>,
    ) -> Self {
        let mut temporary = Self::beside(file, path.to_owned(), disk, ballast);
        temporary.in_place = true;
        temporary.reserve = reserve;
        temporary
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of bytes written.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Refuses a document that would use the space reserved for everything else.
    fn check_room(&self, more: u64) -> Result<(), StoreError> {
        if self.reserve == 0 {
            return Ok(());
        }
        // A disk that does not report its free space fails when it is full.
        match room(&self.file) {
            Ok(free) if free < self.reserve.saturating_add(more) => {
                Err(StoreError::Full(RESERVED.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether it already has its name.
    pub(crate) const fn is_in_place(&self) -> bool {
        self.in_place
    }

    /// Makes the content durable, but not the name.
    pub(crate) fn sync(&self) -> Result<ETag, StoreError> {
        self.disk.sync_all(&self.file).map_err(before)?;
        let stat = rustix::fs::fstat(&self.file).map_err(before)?;
        Ok(etag(&stat))
    }

    /// Keeps the file.
    pub(crate) fn keep(mut self) {
        self.placed = true;
    }

    pub(crate) fn write(&mut self, bytes: &Bytes) -> Result<(), StoreError> {
        self.check_room(bytes.len() as u64)?;
        let at = self.length;
        let written = self.file.write_all_at(bytes, at).map_err(before);
        if self.reserve == 0 && matches!(written, Err(StoreError::Full(_))) {
            self.ballast.give_up();
            self.file.write_all_at(bytes, at).map_err(before)?;
        } else {
            written?;
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}
