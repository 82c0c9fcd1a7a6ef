//! One file of lines that is appended to, and written anew when it has grown.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::Disk;
use crate::disk::remove_unfinished;

/// The file. Whoever has it knows all that it says, and can write that anew.
#[derive(Debug)]
pub struct Notes {
    disk: Disk,
    folder: PathBuf,
    name: &'static str,
    most: u64,
    /// None until it is written anew: after the start, and after whatever failed.
    file: Option<File>,
    bytes: u64,
}

impl Notes {
    /// Opens a file in a folder that nobody else writes to; returns what is in it, of which the last line may be
    /// unfinished. It is written anew at the first append, and when it has `most` bytes.
    ///
    /// # Errors
    /// It is there and cannot be read.
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

    /// Appends lines, or writes anew everything that is known, these included; durable when this returns.
    ///
    /// # Errors
    /// The disk refuses. The lines may be there all the same, or in part; the next append writes everything anew.
    pub fn append(&mut self, lines: &[u8], everything: impl FnOnce() -> Vec<u8>) -> io::Result<()> {
        // Open again only once all went well.
        let Some(mut file) = self.file.take().filter(|_| self.bytes < self.most) else {
            return self.rewrite(&everything());
        };
        self.disk.write(&mut file, lines)?;
        self.disk.sync(&file)?;
        self.bytes += lines.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    /// Writes everything that is known, and nothing else; durable when this returns.
    ///
    /// # Errors
    /// The disk refuses; what was there before is still there, or this is.
    pub fn rewrite(&mut self, everything: &[u8]) -> io::Result<()> {
        self.file = None;
        self.disk.replace(&self.folder, self.name, everything)?;
        let path = self.folder.join(self.name);
        self.file = Some(OpenOptions::new().append(true).open(path)?);
        self.bytes = everything.len() as u64;
        Ok(())
    }
}
