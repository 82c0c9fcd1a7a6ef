//! Numbered records in files that are read while they are being written, and how far they were consumed.
//!
//! In the folder: `<number of the first record>.spool`, frames ([`crate::frame`]); `cursor`, the number of the first
//! record that is still needed; `lock`; and `*.damaged`, bytes that were not a record.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::disk::remove_unfinished;
use crate::{Disk, FolderLock, Log, Segment, frame, is_full};

/// The extension of the files' names.
const EXTENSION: &str = "spool";

/// All remaining records. Owned by one thread.
#[derive(Debug)]
pub struct Records {
    dir: PathBuf,
    log: Log,
    segment_bytes: u64,
    disk: Disk,
    lock: FolderLock,
    /// Damaged records that were set aside when the folder was opened.
    damaged: usize,
}

impl Records {
    /// Opens the folder, cuts off a torn tail, and passes every complete record to `visit`, with its number. On a full
    /// disk it may not be possible to append yet ([`Records::prepare`]).
    ///
    /// # Errors
    /// If the folder cannot be used, or another process has it.
    pub fn open(
        disk: Disk,
        dir: &Path,
        segment_bytes: u64,
        mut visit: impl FnMut(u64, &[u8]),
    ) -> io::Result<Self> {
        let lock = FolderLock::open(&disk, dir, &dir.join("lock"))?;
        remove_unfinished(dir);
        let mut log = Log::new(disk.clone(), dir.to_owned(), EXTENSION);
        // The number of the first record after a damaged one: the numbers after it have shifted.
        let (mut moved, mut damaged) = (None, 0);
        for first in log.found()? {
            let (segment, gaps) = recover(&disk, dir, &log, first, &mut moved, &mut visit)?;
            damaged += gaps;
            log.add(segment);
        }
        log.resume()?;
        let cursor = read_cursor(dir);
        if log.segments().is_empty() {
            log.begins_at(cursor.unwrap_or(0));
        }
        let records = Self {
            dir: dir.to_owned(),
            log,
            segment_bytes,
            disk,
            lock,
            damaged,
        };
        if let Some(moved) = moved
            && cursor.is_some_and(|cursor| cursor > moved)
        {
            // Some are read twice, which is harmless because of their ids; none is left out.
            records.save_cursor(moved)?;
        }
        if read_cursor(dir).is_some_and(|cursor| cursor > records.end()) {
            // Records that had been consumed are lost; new ones that get their numbers have not been.
            records.save_cursor(records.end())?;
        }
        Ok(records)
    }

    /// How many damaged records, or sequences of them, were set aside when the folder was opened.
    #[must_use]
    pub const fn damaged(&self) -> usize {
        self.damaged
    }

    /// The number of the first remaining record.
    #[must_use]
    pub fn start(&self) -> u64 {
        let first = self.log.segments().front();
        first.map_or_else(|| self.log.end(), |segment| segment.first)
    }

    /// The number of the next record.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.log.end()
    }

    /// The total length of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// All files, the oldest first; for a [`Reader`].
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        self.log.segments().iter().copied().collect()
    }

    /// The path of a file in a folder.
    #[must_use]
    pub fn path(dir: &Path, first: u64) -> PathBuf {
        Segment::path(dir, EXTENSION, first)
    }

    /// The number of the first record that is still needed.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        read_cursor(&self.dir)
            .unwrap_or(0)
            .clamp(self.start(), self.end())
    }

    /// Creates what is needed to append, if there was no space for it before.
    ///
    /// # Errors
    /// If the disk refuses, or only the reserve is left.
    pub fn prepare(&mut self) -> io::Result<()> {
        self.lock.take()?;
        self.log.mend()?;
        self.disk.check_room(&self.dir, 0)?;
        match self.log.active() {
            Some(_) => Ok(()),
            None => self.log.begin(self.end()),
        }
    }

    /// Appends `count` frames and makes them durable.
    ///
    /// # Errors
    /// If the disk refuses; then nothing was appended.
    pub fn append(&mut self, frames: &[u8], count: u64) -> io::Result<()> {
        self.prepare()?;
        let full = |segment: &Segment| segment.bytes >= self.segment_bytes;
        if self.log.active().is_some_and(full) {
            self.log.begin(self.end())?;
        }
        self.log.append(frames, self.end() + count)
    }

    /// Records that nothing before `cursor` is needed.
    ///
    /// # Errors
    /// If the disk refuses; then the former number still holds.
    pub fn save_cursor(&self, cursor: u64) -> io::Result<()> {
        let text = format!("{cursor:016x}");
        self.disk.replace(&self.dir, "cursor", text.as_bytes())
    }

    /// Returns whether [`Records::trim`] would remove something.
    #[must_use]
    pub fn can_trim(&self, cursor: u64) -> bool {
        let segments = self.log.segments();
        segments.front().is_some_and(|first| {
            let enough = (self.segment_bytes / 8).max(1);
            first.end <= cursor && (segments.len() > 1 || first.bytes >= enough)
        })
    }

    /// Removes files without needed records.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn trim(&mut self, cursor: u64) -> io::Result<()> {
        while self.can_trim(cursor) {
            // On a full disk this frees the space for the next one.
            if self.log.segments().len() == 1
                && let Err(error) = self.log.begin(self.end())
                && !is_full(&error)
            {
                return Err(error);
            }
            self.log.remove_oldest()?;
        }
        Ok(())
    }
}

/// Reads a file. A damaged record affects only itself: it is set aside, and processing continues with those after it.
/// Anything after the last complete record was cut by a crash, and is cut off.
fn recover(
    disk: &Disk,
    dir: &Path,
    log: &Log,
    first: u64,
    moved: &mut Option<u64>,
    visit: &mut impl FnMut(u64, &[u8]),
) -> io::Result<(Segment, usize)> {
    let start = log
        .segments()
        .back()
        .map_or(first, |before| before.end)
        .max(first);
    let path = log.path(first);
    let mut bytes = Vec::new();
    File::open(&path)?.read_to_end(&mut bytes)?;
    let (mut at, mut next, mut damaged) = (0, start, 0);
    loop {
        while let Some(record) = frame::read(&bytes[at..]) {
            visit(next, record);
            at += frame::HEADER + record.len();
            next += 1;
        }
        let Some(gap) = frame::next(&bytes[at..]) else {
            break;
        };
        damaged += 1;
        let bad = bytes.drain(at..at + gap).collect::<Vec<u8>>();
        let aside = format!("{first:016x}-{at}.damaged");
        tracing::error!(segment = %path.display(), bytes = gap, aside,
            "set a damaged record aside; continuing with those after it");
        disk.replace(dir, &aside, &bad)?;
        moved.get_or_insert(next);
    }
    if damaged > 0 {
        let name = format!("{first:016x}.{EXTENSION}");
        disk.replace(dir, &name, &bytes[..at])?;
        bytes.truncate(at);
    }
    if at < bytes.len() {
        tracing::warn!(segment = %path.display(), cut = bytes.len() - at, "cut an unfinished record off");
        let file = OpenOptions::new().write(true).open(&path)?;
        file.set_len(at as u64)?;
        file.sync_all()?;
    }
    let segment = Segment {
        first,
        // As always: a file's records are counted from its own name.
        end: first + (next - start),
        bytes: at as u64,
    };
    Ok((segment, damaged))
}

fn read_cursor(dir: &Path) -> Option<u64> {
    let text = fs::read_to_string(dir.join("cursor")).ok()?;
    u64::from_str_radix(text.trim(), 16).ok()
}

/// What a [`Reader`] finds where a record was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// The record.
    Whole(Vec<u8>),
    /// It was damaged since the folder was opened, and is set aside. It keeps its number: whoever read as far as here has
    /// read it, too.
    Damaged,
}

impl Record {
    /// Returns the record; none if it was damaged.
    #[must_use]
    pub fn whole(self) -> Option<Vec<u8>> {
        match self {
            Self::Whole(record) => Some(record),
            Self::Damaged => None,
        }
    }
}

/// Reads records in order, from files that another thread appends to.
#[derive(Debug, Default)]
pub struct Reader {
    open: Option<(u64, File)>,
    /// Number of the record at the current position in the file.
    next: u64,
    /// Damaged parts that were set aside, and not asked for yet.
    set_aside: u64,
}

impl Reader {
    /// Reads records from number `from` on, with their numbers: at most `count` whole ones, at most `bytes` bytes but at
    /// least one.
    ///
    /// Those that were damaged since the folder was opened are set aside ([`Record::Damaged`]) and keep their numbers;
    /// reading continues after them.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn read(
        &mut self,
        dir: &Path,
        segments: &[Segment],
        from: u64,
        count: usize,
        bytes: usize,
    ) -> io::Result<Vec<(u64, Record)>> {
        let (mut records, mut size): (Vec<(u64, Record)>, usize) = (Vec::new(), 0);
        let mut at = from;
        for segment in segments.iter().filter(|segment| segment.end > from) {
            at = at.max(segment.first);
            self.seek(dir, segment, at)?;
            let Some((_, file)) = &mut self.open else {
                break;
            };
            while at < self.next.min(segment.end) {
                records.push((at, Record::Damaged));
                at += 1;
            }
            while at < segment.end && records.len() < count {
                let position = file.stream_position()?;
                match read_frame(file, segment, at)? {
                    Frame::Whole(record) => {
                        if !records.is_empty() && size + record.len() > bytes {
                            file.seek(SeekFrom::Start(position))?;
                            return Ok(records);
                        }
                        size += record.len();
                        records.push((at, Record::Whole(record)));
                        at += 1;
                    }
                    Frame::Damaged {
                        bytes,
                        records: lost,
                    } => {
                        if set_aside(dir, segment.first, position, &bytes)? {
                            self.set_aside += 1;
                        }
                        records.extend((at..at + lost).map(|number| (number, Record::Damaged)));
                        at += lost;
                    }
                }
                self.next = at;
            }
        }
        Ok(records)
    }

    /// Returns how many damaged records, or sequences of them, were set aside since the last call.
    pub fn take_set_aside(&mut self) -> u64 {
        std::mem::take(&mut self.set_aside)
    }

    /// Goes to a record, or, if it is one of several damaged ones, after those.
    fn seek(&mut self, dir: &Path, segment: &Segment, to: u64) -> io::Result<()> {
        let there = |(first, _): &(u64, File)| *first == segment.first;
        if !self.open.as_ref().is_some_and(there) || self.next > to {
            let file = File::open(Records::path(dir, segment.first))?;
            self.open = Some((segment.first, file));
            self.next = segment.first;
        }
        while self.next < to {
            let Some((_, file)) = &mut self.open else {
                break;
            };
            self.next += match read_frame(file, segment, self.next)? {
                Frame::Whole(_) => 1,
                Frame::Damaged { records, .. } => records,
            };
        }
        Ok(())
    }
}

/// The content of a file at the position of a record.
enum Frame {
    Whole(Vec<u8>),
    /// Bytes up to the next record, or to the end of the file.
    Damaged {
        bytes: Vec<u8>,
        /// How many records they were, at least one.
        records: u64,
    },
}

/// Reads the frame of record `number` at the current position, and continues after it, whether it is whole or damaged.
fn read_frame(file: &mut File, segment: &Segment, number: u64) -> io::Result<Frame> {
    let start = file.stream_position()?;
    if let Some(record) = whole_frame(file)? {
        return Ok(Frame::Whole(record));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut rest = Vec::new();
    // Others may be appending after the records that the segment has now.
    let length = segment.bytes.saturating_sub(start);
    file.by_ref().take(length).read_to_end(&mut rest)?;
    let end = frame::next(&rest).unwrap_or(rest.len());
    // A damaged length does not reveal how many records were here, but those after it can be counted.
    let behind = count(&rest[end..]);
    let records = (segment.end - number).saturating_sub(behind).max(1);
    file.seek(SeekFrom::Start(start + end as u64))?;
    rest.truncate(end);
    Ok(Frame::Damaged {
        bytes: rest,
        records,
    })
}

fn whole_frame(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; frame::HEADER];
    let mut fill = |bytes: &mut [u8]| match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    };
    if !fill(&mut bytes)? {
        return Ok(None);
    }
    let size = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    if size > frame::MAX_RECORD {
        return Ok(None);
    }
    bytes.resize(frame::HEADER + size, 0);
    if !fill(&mut bytes[frame::HEADER..])? {
        return Ok(None);
    }
    Ok(frame::read(&bytes).map(<[u8]>::to_vec))
}

/// Counts the records in the rest of a file. A further damaged part counts as one record.
fn count(rest: &[u8]) -> u64 {
    let (mut at, mut records) = (0, 0);
    while at < rest.len() {
        records += 1;
        at += match frame::read(&rest[at..]) {
            Some(record) => frame::HEADER + record.len(),
            None => frame::next(&rest[at..]).unwrap_or(rest.len() - at),
        };
    }
    records
}

/// Stores the bytes of a damaged record of the segment that starts with number `first`; returns false if they were
/// stored before.
fn set_aside(dir: &Path, first: u64, position: u64, bytes: &[u8]) -> io::Result<bool> {
    let aside = format!("{first:016x}-{position}.damaged");
    if dir.join(&aside).exists() {
        return Ok(false);
    }
    tracing::error!(folder = %dir.display(), bytes = bytes.len(), aside,
        "a record was damaged while the program was running, and is set aside; continuing with those after it");
    Disk::default().replace(dir, &aside, bytes)?;
    Ok(true)
}

#[cfg(test)]
mod tests;
