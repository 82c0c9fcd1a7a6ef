//! The spool's files: segments, the cursor, and their recovery. Blocking; owned by one thread.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{frame, is_full};

/// A segment file: records `first..first + count`.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl Segment {
    pub(crate) fn path(dir: &Path, first: u64) -> PathBuf {
        dir.join(format!("{first:016x}.spool"))
    }

    pub(crate) fn end(&self) -> u64 {
        self.first + self.count
    }
}

/// All segments, oldest first; the last one is open for appending.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    segments: VecDeque<Segment>,
    /// The newest segment; none until there is one.
    file: Option<File>,
    /// The number that the first record gets while there is no segment.
    first: u64,
    segment_bytes: u64,
    /// A write failed: what is behind the last record is to be cut off before anything is appended.
    broken: bool,
    disk: Box<dyn Disk>,
    /// None if there was no room for it.
    lock: Option<File>,
}

impl Store {
    /// Opens the folder, cuts a torn tail off, and shows every whole record to `visit`. On a full disk it may be that nothing
    /// can be appended yet ([`Store::prepare`]).
    pub(crate) fn open(
        dir: &Path,
        segment_bytes: u64,
        visit: impl FnMut(u64, &[u8]),
    ) -> io::Result<Self> {
        Self::open_on(Box::new(Real), dir, segment_bytes, visit)
    }

    /// As [`Store::open`], on a disk that may fail.
    pub(super) fn open_on(
        mut disk: Box<dyn Disk>,
        dir: &Path,
        segment_bytes: u64,
        mut visit: impl FnMut(u64, &[u8]),
    ) -> io::Result<Self> {
        let lock = match disk.may_create().and_then(|()| lock(dir)) {
            Ok(lock) => Some(lock),
            // Without that file no other process is there; what is in the folder can be read.
            Err(error) if is_full(&error) => None,
            Err(error) => return Err(error),
        };
        let mut firsts: Vec<u64> = Vec::new();
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && lock.is_none() => None,
            entries => Some(entries?),
        };
        for entry in entries.into_iter().flatten() {
            let name = entry?.file_name();
            let first = name.to_str().and_then(|name| name.strip_suffix(".spool"));
            firsts.extend(first.and_then(|hex| u64::from_str_radix(hex, 16).ok()));
        }
        firsts.sort_unstable();
        let mut segments = VecDeque::new();
        // The number of the first record behind a damaged one: numbers behind it are other ones than they were.
        let mut moved = None;
        for &first in &firsts {
            let mut next = segments.back().map_or(first, Segment::end).max(first);
            let path = Segment::path(dir, first);
            let mut bytes = Vec::new();
            File::open(&path)?.read_to_end(&mut bytes)?;
            let (mut at, mut count, mut damaged) = (0, 0, false);
            loop {
                while let Some(record) = frame::read(&bytes[at..]) {
                    visit(next, record);
                    at += frame::HEADER + record.len();
                    count += 1;
                    next += 1;
                }
                // A bad record stops only itself: those behind it go on.
                let Some(gap) = frame::next(&bytes[at..]) else {
                    break;
                };
                damaged = true;
                let bad = bytes.drain(at..at + gap).collect::<Vec<u8>>();
                let aside = format!("{first:016x}-{at}.damaged");
                tracing::error!(segment = %path.display(), bytes = gap, aside,
                    "a damaged record of the spool is set aside; those behind it go on");
                write_atomically(dir, &aside, &bad)?;
                moved.get_or_insert(next);
            }
            if damaged {
                let name = format!("{first:016x}.spool");
                write_atomically(dir, &name, &bytes[..at])?;
                bytes.truncate(at);
            }
            if at < bytes.len() {
                tracing::warn!(segment = %path.display(), cut = bytes.len() - at, "cut an unfinished record off the spool");
                let file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(at as u64)?;
                file.sync_all()?;
            }
            segments.push_back(Segment {
                first,
                count,
                bytes: at as u64,
            });
        }
        let file = match segments.back() {
            Some(last) => {
                let path = Segment::path(dir, last.first);
                Some(OpenOptions::new().append(true).open(path)?)
            }
            None => None,
        };
        let store = Self {
            dir: dir.to_owned(),
            segments,
            file,
            first: read_cursor(dir).unwrap_or(0),
            segment_bytes,
            broken: false,
            disk,
            lock,
        };
        if let Some(moved) = moved
            && read_cursor(dir).is_some_and(|cursor| cursor > moved)
        {
            // Some are published twice, which their ids make harmless; none is left out.
            store.save_cursor(moved)?;
        }
        if read_cursor(dir).is_some_and(|cursor| cursor > store.end()) {
            // Records that were published are lost; the new ones that get their numbers are not published.
            store.save_cursor(store.end())?;
        }
        Ok(store)
    }

    /// The number of the first record that is still there.
    pub(crate) fn start(&self) -> u64 {
        let first = self.segments.front();
        first.map_or(self.first, |segment| segment.first)
    }

    /// The number that the next record gets.
    pub(crate) fn end(&self) -> u64 {
        self.segments.back().map_or(self.first, Segment::end)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.segments.iter().cloned().collect()
    }

    /// Where publishing had come to.
    pub(crate) fn cursor(&self) -> u64 {
        read_cursor(&self.dir)
            .unwrap_or(0)
            .clamp(self.start(), self.end())
    }

    /// Makes what is missing to append, if there was no room for it before.
    pub(crate) fn prepare(&mut self) -> io::Result<()> {
        if self.lock.is_none() {
            self.disk.may_create()?;
            self.lock = Some(lock(&self.dir)?);
        }
        if self.file.is_none() {
            self.roll()?;
        }
        Ok(())
    }

    /// Appends `count` frames and makes them durable. After an error nothing was appended.
    pub(crate) fn append(&mut self, frames: &[u8], count: u64) -> io::Result<()> {
        self.prepare()?;
        if self.broken {
            self.mend()?;
        }
        let full = |segment: &Segment| segment.bytes >= self.segment_bytes;
        if self.segments.back().is_some_and(full) {
            self.roll()?;
        }
        let (Some(segment), Some(file)) = (self.segments.back_mut(), &mut self.file) else {
            return Err(io::Error::other("the spool has no segment"));
        };
        let written = self.disk.write(file, frames);
        if let Err(error) = written.and_then(|()| self.disk.sync(file)) {
            self.broken = true;
            // At once if it can be: what was written in part takes room that somebody else may need.
            let _ = self.disk.cut(file, segment.bytes);
            return Err(error);
        }
        segment.bytes += frames.len() as u64;
        segment.count += count;
        Ok(())
    }

    /// After a write that failed: what was written in part must not stand between the records before and after it, and
    /// a file of which the system once could not write everything is not appended to any more.
    fn mend(&mut self) -> io::Result<()> {
        if let (Some(segment), Some(file)) = (self.segments.back(), &self.file) {
            self.disk.cut(file, segment.bytes)?;
            self.disk.sync(file)?;
        }
        if self.segments.back().is_some_and(|last| last.count > 0) {
            self.roll()?;
        }
        self.broken = false;
        Ok(())
    }

    fn roll(&mut self) -> io::Result<()> {
        let first = self.end();
        self.disk.may_create()?;
        self.file = Some(create(&self.dir, first)?);
        self.segments.push_back(Segment {
            first,
            count: 0,
            bytes: 0,
        });
        Ok(())
    }

    /// Remembers that everything before `cursor` is published.
    pub(crate) fn save_cursor(&self, cursor: u64) -> io::Result<()> {
        write_atomically(&self.dir, "cursor", format!("{cursor:016x}").as_bytes())
    }

    /// Whether [`Store::trim`] would remove something.
    pub(crate) fn can_trim(&self, cursor: u64) -> bool {
        self.segments.front().is_some_and(|first| {
            first.end() <= cursor
                && (self.segments.len() > 1 || first.bytes >= self.segment_bytes / 8)
        })
    }

    /// Removes segments of which everything is published.
    pub(crate) fn trim(&mut self, cursor: u64) -> io::Result<()> {
        while self.can_trim(cursor) {
            if self.segments.len() == 1
                && let Err(error) = self.roll()
            {
                if !is_full(&error) {
                    return Err(error);
                }
                // This one makes the room that the next needs.
                (self.first, self.file) = (self.end(), None);
            }
            if let Some(first) = self.segments.front() {
                fs::remove_file(Segment::path(&self.dir, first.first))?;
                self.segments.pop_front();
            }
        }
        Ok(())
    }
}

/// What a store asks of the disk, so that tests can let it fail.
pub(super) trait Disk: std::fmt::Debug + Send {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }
    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
    fn cut(&mut self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }
    fn may_create(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The disk as it is.
#[derive(Debug)]
struct Real;

impl Disk for Real {}

/// Makes the folder if needed, and keeps others out of it.
fn lock(dir: &Path) -> io::Result<File> {
    // What people write is for this user only, whoever may look into the folders above.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("lock"))?;
    lock.try_lock().map_err(|_| {
        let text = "another process uses this folder; stop it or choose another folder";
        io::Error::new(io::ErrorKind::ResourceBusy, text)
    })?;
    Ok(lock)
}

fn create(dir: &Path, first: u64) -> io::Result<File> {
    let path = Segment::path(dir, first);
    let create = || {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.set_len(0)?;
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(file)
    };
    // It has nothing in it: on a full disk it must not stay.
    create().inspect_err(|_| drop(fs::remove_file(&path)))
}

fn read_cursor(dir: &Path) -> Option<u64> {
    let text = fs::read_to_string(dir.join("cursor")).ok()?;
    u64::from_str_radix(text.trim(), 16).ok()
}

/// Replaces a small file so that a crash leaves either the old or the new one.
pub(crate) fn write_atomically(dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_data()))
        .and_then(|()| fs::rename(&temporary, dir.join(name)));
    if written.is_err() {
        // Half of it helps nobody, and on a full disk takes room; if it cannot be removed the next one replaces it.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(dir)?.sync_all()
}

/// Reads records in order, from files that another thread appends to.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    open: Option<(u64, File)>,
    /// Number of the record at the file's position.
    next: u64,
}

impl Reader {
    /// Reads records from number `from` on, with their numbers: at most `count`, at most `bytes` bytes but at least one.
    pub(crate) fn read(
        &mut self,
        dir: &Path,
        segments: &[Segment],
        from: u64,
        count: usize,
        bytes: usize,
    ) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let (mut records, mut size): (Vec<(u64, Vec<u8>)>, usize) = (Vec::new(), 0);
        let mut at = from;
        for segment in segments.iter().filter(|segment| segment.end() > from) {
            at = at.max(segment.first);
            self.seek(dir, segment, at)?;
            let Some((_, file)) = &mut self.open else {
                break;
            };
            while at < segment.end() && records.len() < count {
                let position = file.stream_position()?;
                let record = read_frame(file)?;
                if !records.is_empty() && size + record.len() > bytes {
                    file.seek(SeekFrom::Start(position))?;
                    return Ok(records);
                }
                size += record.len();
                records.push((at, record));
                at += 1;
                self.next = at;
            }
        }
        Ok(records)
    }

    fn seek(&mut self, dir: &Path, segment: &Segment, to: u64) -> io::Result<()> {
        let there = |(first, _): &(u64, File)| *first == segment.first;
        if !self.open.as_ref().is_some_and(there) || self.next > to {
            let file = File::open(Segment::path(dir, segment.first))?;
            self.open = Some((segment.first, file));
            self.next = segment.first;
        }
        while self.next < to {
            if let Some((_, file)) = &mut self.open {
                read_frame(file)?;
            }
            self.next += 1;
        }
        Ok(())
    }
}

fn read_frame(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; frame::HEADER];
    file.read_exact(&mut bytes)?;
    let size = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    let damaged = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "a record of the spool is damaged",
        )
    };
    if size > frame::MAX_RECORD {
        return Err(damaged());
    }
    bytes.resize(frame::HEADER + size, 0);
    file.read_exact(&mut bytes[frame::HEADER..])?;
    frame::read(&bytes).map(<[u8]>::to_vec).ok_or_else(damaged)
}

#[cfg(test)]
mod tests;
