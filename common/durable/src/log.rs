//! A log in files: appended to at the end of the newest, removed at the beginning.
//!
//! A file is named by the number of its first record, sixteen hexadecimal digits. A file in which an append failed is
//! cut to what was in it before, durably, and not appended to any more: what a failed fsync left behind is unknown.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::Disk;
use crate::disk::list;

/// A file of a log: records from number `first` on, up to but without `end`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment {
    /// The number that names it.
    pub first: u64,
    /// The number after its last record.
    pub end: u64,
    /// How long it is.
    pub bytes: u64,
}

impl Segment {
    /// Where it lies.
    #[must_use]
    pub fn path(folder: &Path, extension: &str, first: u64) -> PathBuf {
        folder.join(format!("{first:016x}.{extension}"))
    }
}

/// What an append that failed may have left.
#[derive(Debug)]
struct Torn {
    path: PathBuf,
    /// What was in the file before; nothing of one that was made for that append.
    length: u64,
    /// It is the newest of the segments.
    listed: bool,
}

/// All files of a log, oldest first.
#[derive(Debug)]
pub struct Log {
    disk: Disk,
    folder: PathBuf,
    extension: &'static str,
    segments: VecDeque<Segment>,
    /// The newest segment, unless the next append must begin another.
    active: Option<File>,
    /// To be taken away before the next append.
    torn: Option<Torn>,
    /// The number after the last record that ever was in it.
    end: u64,
}

impl Log {
    /// A log without files; those that are in the folder ([`Log::found`]) are to be added as they are read.
    #[must_use]
    pub const fn new(disk: Disk, folder: PathBuf, extension: &'static str) -> Self {
        Self {
            disk,
            folder,
            extension,
            segments: VecDeque::new(),
            active: None,
            torn: None,
            end: 0,
        }
    }

    /// Returns the numbers of the files that are in the folder, in their order; none if there is no folder.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn found(&self) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        for entry in list(&self.folder)? {
            let name = entry.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_suffix(self.extension)?.strip_suffix('.'))
                .and_then(|hex| u64::from_str_radix(hex, 16).ok());
            found.extend(number.filter(|first| self.path(*first) == entry.path()));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Where a file lies.
    #[must_use]
    pub fn path(&self, first: u64) -> PathBuf {
        Segment::path(&self.folder, self.extension, first)
    }

    /// Adds a file that was found, as the newest. Appends go to another unless [`Log::resume`] is called.
    pub fn add(&mut self, segment: Segment) {
        self.end = segment.end;
        self.segments.push_back(segment);
    }

    /// Says which number comes next while there is no file.
    pub(crate) const fn begins_at(&mut self, end: u64) {
        self.end = end;
    }

    /// Appends go to the newest file that was found, if there is one.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        if let Some(last) = self.segments.back() {
            let path = self.path(last.first);
            self.active = Some(OpenOptions::new().append(true).open(path)?);
        }
        Ok(())
    }

    /// All files, the oldest first.
    #[must_use]
    pub const fn segments(&self) -> &VecDeque<Segment> {
        &self.segments
    }

    /// The number after the last record that ever was in it.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// How many bytes all files have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Returns the file that the next append goes to; none if [`Log::begin`] has to be called before.
    #[must_use]
    pub fn active(&self) -> Option<&Segment> {
        self.active.as_ref().and_then(|_| self.segments.back())
    }

    /// Begins a file, durably.
    ///
    /// # Errors
    /// The disk refuses; then everything is as it was.
    pub fn begin(&mut self, first: u64) -> io::Result<()> {
        self.mend()?;
        // A process that ended here may have left one of that name with nothing in it that counts.
        let taken = self.segments.back().map(|last| last.first);
        let first = taken.map_or(first, |taken| first.max(taken + 1));
        let path = self.path(first);
        let file = self.disk.create(&path)?;
        if let Err(error) = self.disk.sync_folder(&self.folder) {
            // It has nothing in it: on a full disk it must not stay.
            if !self.disk.discard(&path) {
                self.torn = Some(Torn {
                    path,
                    length: 0,
                    listed: false,
                });
            }
            return Err(error);
        }
        self.segments.push_back(Segment {
            first,
            end: self.end.max(first),
            bytes: 0,
        });
        self.active = Some(file);
        Ok(())
    }

    /// Appends bytes to the newest file, after which `end` is the next number, if that leaves the reserve
    /// ([`Disk::check_room`]); durable when this returns.
    ///
    /// # Errors
    /// The disk refuses, or there is no file to append to ([`Log::active`]). Nothing was appended, and the next append
    /// may need another file.
    pub fn append(&mut self, bytes: &[u8], end: u64) -> io::Result<()> {
        let (Some(file), Some(segment)) = (&mut self.active, self.segments.back_mut()) else {
            return Err(io::Error::other("the log has no file"));
        };
        let room = self.disk.check_room(&self.folder, bytes.len() as u64);
        // A file that has something in it stays as it is; of one that was made for this nothing stays.
        if room.is_err() && segment.bytes > 0 {
            return room;
        }
        let written = room.and_then(|()| self.disk.write(file, bytes));
        if let Err(error) = written.and_then(|()| self.disk.sync(file)) {
            self.torn = Some(Torn {
                path: Segment::path(&self.folder, self.extension, segment.first),
                length: segment.bytes,
                listed: true,
            });
            self.active = None;
            // At once if it can be: what was written in part takes room that somebody else may need.
            let _ = self.mend();
            return Err(error);
        }
        segment.bytes += bytes.len() as u64;
        segment.end = end;
        self.end = end;
        Ok(())
    }

    /// Takes away what an append that failed has left.
    ///
    /// # Errors
    /// The disk refuses; nothing can be appended until it does not.
    pub fn mend(&mut self) -> io::Result<()> {
        let Some(torn) = &self.torn else {
            return Ok(());
        };
        if torn.length > 0 {
            self.disk.cut(&torn.path, torn.length)?;
        } else {
            match self.disk.remove(&torn.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.disk.sync_folder(&self.folder)?;
            if torn.listed {
                self.segments.pop_back();
            }
        }
        self.torn = None;
        Ok(())
    }

    /// Removes the oldest file; not surely durable, whoever reads the log knows from elsewhere what is not needed any more.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.segments.front() else {
            return Ok(());
        };
        let path = self.path(oldest.first);
        self.disk.remove(&path)?;
        self.segments.pop_front();
        if self.segments.is_empty() {
            self.active = None;
        }
        // What was to be cut off it is gone with it.
        self.torn.take_if(|torn| torn.path == path);
        Ok(())
    }
}
