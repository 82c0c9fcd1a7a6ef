//! One file of lines that is appended to, and rewritten when it has grown.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::Disk;
use crate::disk::remove_unfinished;

/// The file. Its owner knows its whole content, and can rewrite it.
#[derive(Debug)]
pub struct Notes {
    disk: Disk,
    folder: PathBuf,
    name: &'static str,
    most: u64,
    /// `None` until it is rewritten: after the start, and after any failure.
    file: Option<File>,
    bytes: u64,
}

impl Notes {
    /// Opens a file in a folder without other writers; returns its content, whose last line may be unfinished. It is
    /// rewritten at the first append, and when it reaches `most` bytes.
    ///
    /// # Errors
    /// If it exists and cannot be read.
    pub fn open(
        disk: Disk,
        folder: &Path,
        name: &'static str,
        most: u64,
    ) -> io::Result<(Self, Vec<u8>)> {
        remove_unfinished(folder);
        let found = match fs::read(folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            found => found?,
        };
        let notes = Self {
            disk,
            folder: folder.to_owned(),
            name,
            most,
            file: None,
            bytes: 0,
        };
        Ok((notes, found))
    }

    /// Appends lines, or rewrites everything known, including these; durable when this returns.
    ///
    /// # Errors
    /// If the disk refuses. The lines may be there nevertheless, or in part; the next append rewrites everything.
    pub fn append(&mut self, lines: &[u8], everything: impl FnOnce() -> Vec<u8>) -> io::Result<()> {
        // Open again only after complete success.
        let Some(mut file) = self.file.take().filter(|_| self.bytes < self.most) else {
            return self.rewrite(&everything());
        };
        self.disk.write(&mut file, lines)?;
        self.disk.sync(&file)?;
        self.bytes += lines.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    /// Writes everything known, and nothing else; durable when this returns.
    ///
    /// # Errors
    /// If the disk refuses; then the file has either its former content or this.
    pub fn rewrite(&mut self, everything: &[u8]) -> io::Result<()> {
        self.file = None;
        self.disk.replace(&self.folder, self.name, everything)?;
        let path = self.folder.join(self.name);
        self.file = Some(OpenOptions::new().append(true).open(path)?);
        self.bytes = everything.len() as u64;
        Ok(())
    }
}
