//! A log in files: appended to at the end of the newest, removed from the beginning.
//!
//! A file is named by the number of its first record, in sixteen hexadecimal digits. After a failed append the file is
//! truncated to its former content, durably, and not appended to any more: what a failed fsync left behind is unknown.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::Disk;
use crate::disk::list;

/// A file of a log: records from number `first` up to but excluding `end`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment {
    /// The number that names it.
    pub first: u64,
    /// The number after its last record.
    pub end: u64,
    /// Its length.
    pub bytes: u64,
}

impl Segment {
    /// Its path.
    #[must_use]
    pub fn path(folder: &Path, extension: &str, first: u64) -> PathBuf {
        folder.join(format!("{first:016x}.{extension}"))
    }
}

/// What a failed append may have left.
#[derive(Debug)]
struct Torn {
    path: PathBuf,
    /// The former length of the file; `None` if it was created for that append.
    length: u64,
    /// Whether it is the newest of the segments.
    listed: bool,
}

/// All files of a log, oldest first.
#[derive(Debug)]
pub struct Log {
    disk: Disk,
    folder: PathBuf,
    extension: &'static str,
    segments: VecDeque<Segment>,
    /// The newest segment, unless the next append must start another.
    active: Option<File>,
    /// To be removed before the next append.
    torn: Option<Torn>,
    /// The number after the last record that was ever in it.
    end: u64,
}

impl Log {
    /// A log without files; those in the folder ([`Log::found`]) are to be added as they are read.
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

    /// Returns the numbers of the files in the folder, in ascending order; none if there is no folder.
    ///
    /// # Errors
    /// If the folder cannot be read.
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

    /// The path of a file.
    #[must_use]
    pub fn path(&self, first: u64) -> PathBuf {
        Segment::path(&self.folder, self.extension, first)
    }

    /// Adds an existing file, as the newest. Appends go to another one unless [`Log::resume`] is called.
    pub fn add(&mut self, segment: Segment) {
        self.end = segment.end;
        self.segments.push_back(segment);
    }

    /// Sets the next number, as long as there is no file.
    pub(crate) const fn begins_at(&mut self, end: u64) {
        self.end = end;
    }

    /// Makes appends go to the newest existing file, if there is one.
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

    /// The number after the last record that was ever in it.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The total length of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Returns the file that the next append goes to; `None` if [`Log::begin`] has to be called first.
    #[must_use]
    pub fn active(&self) -> Option<&Segment> {
        self.active.as_ref().and_then(|_| self.segments.back())
    }

    /// Starts a file, durably.
    ///
    /// # Errors
    /// If the disk refuses; then nothing has changed.
    pub fn begin(&mut self, first: u64) -> io::Result<()> {
        self.mend()?;
        // A process that ended here may have left one of that name with nothing in it that counts.
        let taken = self.segments.back().map(|last| last.first);
        let first = taken.map_or(first, |taken| first.max(taken + 1));
        let path = self.path(first);
        let file = self.disk.create(&path)?;
        if let Err(error) = self.disk.sync_folder(&self.folder) {
            // It is empty, so on a full disk it must not stay.
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
    /// If the disk refuses, or there is no file to append to ([`Log::active`]). Nothing was appended, and the next
    /// append may need another file.
    pub fn append(&mut self, bytes: &[u8], end: u64) -> io::Result<()> {
        let (Some(file), Some(segment)) = (&mut self.active, self.segments.back_mut()) else {
            return Err(io::Error::other("the log has no file"));
        };
        let room = self.disk.check_room(&self.folder, bytes.len() as u64);
        // A non-empty file stays unchanged; one created for this append is removed.
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
            // Immediately if possible: the partial write takes space that others may need.
            let _ = self.mend();
            return Err(error);
        }
        segment.bytes += bytes.len() as u64;
        segment.end = end;
        self.end = end;
        Ok(())
    }

    /// Removes what a failed append has left.
    ///
    /// # Errors
    /// If the disk refuses; until this succeeds nothing can be appended.
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

    /// Removes the oldest file; not necessarily durable, as readers of the log know from elsewhere what is no longer
    /// needed.
    ///
    /// # Errors
    /// If the disk refuses.
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
        // Whatever had to be cut off it is gone as well.
        self.torn.take_if(|torn| torn.path == path);
        Ok(())
    }
}
