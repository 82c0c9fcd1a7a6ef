//! Files that are being written.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use durable::Ballast;
use rustix::io::Errno;
use storage_adapter::{ETag, StoreError};

use crate::errors::before;
use crate::version::etag;

/// Said when only documents do not.
const RESERVED: &str = "the disk is full: what is left is kept for what must go on; a document that is deleted now takes room as an old version for some minutes, or until \"Remove old versions\" in the settings (DELETE /api/store/kept) removes it; or ask the operator to make room";

/// A file that is being written; it goes away unless it is placed.
#[derive(Debug)]
pub(crate) struct Temporary {
    file: File,
    path: PathBuf,
    length: u64,
    /// It stays.
    placed: bool,
    /// It has its name already, which nobody asks for yet.
    in_place: bool,
    /// Bytes that it leaves on the disk.
    reserve: u64,
    ballast: Arc<Ballast>,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // Left over, it is removed at a later start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// How many bytes are free on the disk of this file, for whoever is not root.
fn room(file: &File) -> Result<u64, Errno> {
    let stat = rustix::fs::fstatvfs(file)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

impl Temporary {
    /// A file under another name than it is to have.
    pub(crate) const fn beside(file: File, path: PathBuf, ballast: Arc<Ballast>) -> Self {
        Self {
            file,
            path,
            length: 0,
            placed: false,
            in_place: false,
            reserve: 0,
            ballast,
        }
    }

    /// A file that has its name, and leaves so many bytes on the disk.
    pub(crate) fn in_place(file: File, path: &Path, reserve: u64, ballast: Arc<Ballast>) -> Self {
        let mut temporary = Self::beside(file, path.to_owned(), ballast);
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

    /// Bytes that were written.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Refuses a document before it takes what is kept for everything else.
    fn check_room(&self, more: u64) -> Result<(), StoreError> {
        if self.reserve == 0 {
            return Ok(());
        }
        // A disk that does not say how much is free says it when it is full.
        match room(&self.file) {
            Ok(free) if free < self.reserve.saturating_add(more) => {
                Err(StoreError::Full(RESERVED.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether it has its name already.
    pub(crate) const fn is_in_place(&self) -> bool {
        self.in_place
    }

    /// Makes what was written durable, but not its name.
    pub(crate) fn sync(&self) -> Result<ETag, StoreError> {
        self.file.sync_all().map_err(before)?;
        let stat = rustix::fs::fstat(&self.file).map_err(before)?;
        Ok(etag(&stat))
    }

    /// It stays.
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
