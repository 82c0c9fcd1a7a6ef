//! The durable side of the server: the log of messages and the snapshot of channels and accounts.
//!
//! In the data folder: `state.json`, the snapshot; `log/<id of the first record>.log`, the log; `lock`.
//! The snapshot and the records after it give the state; the log alone gives the messages.

mod disk;
#[cfg(test)]
mod faults;
mod index;
mod segment;
mod snapshot;
mod writer;

pub(crate) use writer::{Reply, Request, spawn};

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::config::Limits;
use crate::record::{Answer, Body, Query, Record, State, Stored};
use crate::server::{MAX_TASKS, NotStored};
use disk::Disk;
use index::{Index, Slot};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be read or written.
    #[error("the data folder of the IRC server does not work: {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server has it.
    #[error(
        "the data folder {0} is in use by another IRC server; stop that one or choose another folder"
    )]
    InUse(PathBuf),
    /// The snapshot is of a later version of this program, or no snapshot.
    #[error(
        "{path} cannot be read ({reason}); it may be from a newer version: use that, or restore a backup"
    )]
    State {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { path, source }
}

/// One file of the log.
#[derive(Debug)]
struct Segment {
    number: u32,
    path: PathBuf,
    bytes: u64,
    last_id: i64,
}

/// What an append that failed may have left.
#[derive(Debug)]
struct Torn {
    path: PathBuf,
    /// What was in the file before; nothing of one that was begun for that append.
    length: u64,
    /// It is the newest of the segments.
    listed: bool,
}

/// The log and its index. All calls block.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    segments: Vec<Segment>,
    /// The newest segment, unless the next append must begin another.
    active: Option<File>,
    /// What an append that failed may have left at the end of a file: it has to be cut off before the next.
    torn: Option<Torn>,
    disk: Disk,
    index: Index,
    limits: Limits,
    /// Held for as long as this server runs; none if there was no room for it.
    lock: Option<File>,
}

/// What was found in a data folder.
#[derive(Debug, Default)]
pub struct Found {
    /// Channels and accounts.
    pub state: State,
    /// The newest id in the log.
    pub last_id: i64,
    /// Damaged lines that were passed over; a torn last line is one.
    pub damaged: usize,
    /// The newest lines of tasks: keys and ids of messages, the oldest first.
    pub tasks: VecDeque<(String, i64)>,
}

impl History {
    /// Opens a data folder, which is made if it is not there. If the disk is too full for that, it begins all the same, and
    /// appends are refused until there is room.
    ///
    /// # Errors
    /// The folder does not work, is in use, or its snapshot cannot be read.
    pub fn open(folder: &Path, limits: &Limits) -> Result<(Self, Found), StoreError> {
        Self::open_on(Disk::default(), folder, limits)
    }

    fn open_on(disk: Disk, folder: &Path, limits: &Limits) -> Result<(Self, Found), StoreError> {
        let log = folder.join("log");
        let lock_path = folder.join("lock");
        let lock = match disk.lock(&log, &lock_path) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(StoreError::InUse(folder.to_owned()));
            }
            // Without that file no other server is there; what is in the folder can be read.
            Err(error) if writer::reason(&error) == NotStored::Full => {
                tracing::error!(%error, "the log of the IRC server cannot be written; messages are refused until it can");
                None
            }
            Err(error) => return Err(at(&lock_path)(error)),
        };
        let (state, damaged) = snapshot::read(&folder.join("state.json"))?;
        let mut found = Found {
            state,
            damaged,
            ..Found::default()
        };
        let mut history = Self {
            folder: folder.to_owned(),
            segments: Vec::new(),
            active: None,
            torn: None,
            disk,
            index: Index::new(limits.history_per_target),
            limits: limits.clone(),
            lock,
        };
        let paths =
            fs::read_dir(&log).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut paths: Vec<PathBuf> = match paths {
            Err(error) if error.kind() == io::ErrorKind::NotFound && history.lock.is_none() => {
                Vec::new()
            }
            paths => paths.map_err(at(&log))?,
        };
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        paths.sort();
        for path in paths {
            history.load(path, &mut found);
        }
        found.last_id = found.last_id.max(found.state.as_of);
        Ok((history, found))
    }

    /// Reads one file of the log.
    fn load(&mut self, path: PathBuf, found: &mut Found) {
        let bytes = fs::read(&path).unwrap_or_else(|error| {
            // The others can still be read.
            let path = path.display();
            tracing::error!(%path, %error, "a file of the log of the IRC server cannot be read; it is left out");
            found.damaged += 1;
            Vec::new()
        });
        let scan = segment::scan(&bytes);
        found.damaged += scan.damaged;
        let number = self.segments.last().map_or(0, |segment| segment.number + 1);
        let mut last_id = self
            .segments
            .last()
            .map_or(i64::MIN, |segment| segment.last_id);
        for (record, offset, length) in &scan.records {
            if record.id <= last_id {
                // Ids only grow; a copied line must not disturb the order.
                continue;
            }
            last_id = record.id;
            found.last_id = found.last_id.max(record.id);
            found.state.apply(record);
            if let Body::Message(stored) = &record.body {
                self.note(stored, record.id, number, *offset, *length);
                if let Some(task) = stored.task() {
                    if found.tasks.len() >= MAX_TASKS {
                        found.tasks.pop_front();
                    }
                    found.tasks.push_back((task, record.id));
                }
            }
        }
        self.segments.push(Segment {
            number,
            path,
            bytes: bytes.len() as u64,
            last_id,
        });
        // Further appends go to a file of their own: what is damaged stays as it is.
    }

    fn note(&mut self, stored: &Stored, id: i64, segment: u32, offset: usize, length: usize) {
        let (Ok(offset), Ok(length)) = (u32::try_from(offset), u32::try_from(length)) else {
            return;
        };
        let slot = Slot {
            id,
            segment,
            offset,
            length,
            is_text: stored.is_text(),
        };
        self.index.push(&stored.target, slot);
    }

    /// Makes records durable: written and synced when this returns. All or, after an error, none.
    /// Returns whether a new file was begun, after which a snapshot is due.
    ///
    /// # Errors
    /// The disk is full or broken.
    pub fn append(&mut self, records: &[Record]) -> io::Result<bool> {
        let Some(first) = records.first() else {
            return Ok(false);
        };
        if self.lock.is_none() {
            let log = self.folder.join("log");
            self.lock = Some(self.disk.lock(&log, &self.folder.join("lock"))?);
        }
        self.mend()?;
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(records.len());
        for record in records {
            places.push(segment::write_line(record, &mut bytes)?);
        }
        let full = self
            .segments
            .last()
            .is_some_and(|segment| segment.bytes + bytes.len() as u64 > self.limits.segment_bytes);
        let begun = self.active.is_none() || full;
        if begun {
            self.begin(first.id)?;
        }
        let (Some(file), Some(segment)) = (&mut self.active, self.segments.last_mut()) else {
            return Err(io::Error::other("the log has no file"));
        };
        let before = segment.bytes;
        let written = self.disk.write(file, &bytes);
        if let Err(error) = written.and_then(|()| self.disk.sync(file)) {
            // What a failed sync left behind is unknown: it is cut off, now or before the next append, which goes
            // elsewhere.
            self.torn = Some(Torn {
                path: segment.path.clone(),
                length: before,
                listed: true,
            });
            self.active = None;
            let _ = self.mend();
            return Err(error);
        }
        segment.bytes += bytes.len() as u64;
        segment.last_id = records.last().map_or(segment.last_id, |last| last.id);
        let number = segment.number;
        for (record, (start, length)) in records.iter().zip(places) {
            if let Body::Message(stored) = &record.body {
                let offset = usize::try_from(before)
                    .unwrap_or(usize::MAX)
                    .saturating_add(start);
                self.note(stored, record.id, number, offset, length);
            }
        }
        Ok(begun)
    }

    /// Takes away what an append that failed has left.
    fn mend(&mut self) -> io::Result<()> {
        let Some(torn) = &self.torn else {
            return Ok(());
        };
        if torn.length > 0 {
            self.disk.cut(&torn.path, torn.length)?;
        } else {
            self.disk.remove(&torn.path)?;
            if torn.listed {
                self.segments.pop();
            }
        }
        self.torn = None;
        Ok(())
    }

    fn begin(&mut self, first_id: i64) -> io::Result<()> {
        self.active = None;
        let log = self.folder.join("log");
        let path = log.join(format!("{first_id:016x}.log"));
        let file = self.disk.create(&path, &log).inspect_err(|_| {
            // It may be there all the same.
            self.torn = path.exists().then(|| Torn {
                path: path.clone(),
                length: 0,
                listed: false,
            });
        })?;
        let number = self.segments.last().map_or(0, |segment| segment.number + 1);
        let last_id = self
            .segments
            .last()
            .map_or(i64::MIN, |segment| segment.last_id);
        self.segments.push(Segment {
            number,
            path,
            bytes: 0,
            last_id,
        });
        self.active = Some(file);
        Ok(())
    }

    /// Writes the snapshot, durably, and removes the oldest files of the log above the limit.
    ///
    /// # Errors
    /// The disk is full or broken; the old snapshot is still there then.
    pub fn snapshot(&mut self, state: &State) -> io::Result<()> {
        let path = self.folder.join("state.json");
        let bytes = serde_json::to_vec_pretty(state)?;
        self.disk.replace(&path, &bytes, &self.folder)?;
        self.trim(state.as_of)
    }

    fn trim(&mut self, as_of: i64) -> io::Result<()> {
        let mut total: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        while total > self.limits.history_bytes && self.segments.len() > 1 {
            let oldest = &self.segments[0];
            if oldest.last_id > as_of {
                break;
            }
            self.disk.remove(&oldest.path)?;
            total -= oldest.bytes;
            self.index.forget(oldest.last_id);
            self.segments.remove(0);
        }
        Ok(())
    }

    /// Answers a query. What cannot be read is left out.
    #[must_use]
    pub fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Messages {
                target,
                range,
                limit,
                text_only,
            } => {
                let most = self.limits.sendq / 2;
                let slots = self.index.find(target, *range, *limit, *text_only, most);
                match self.read(&slots) {
                    Ok(messages) => Answer::Messages(messages),
                    Err(_) => Answer::Failed,
                }
            }
            Query::Targets {
                channels,
                account,
                before,
                after,
                newest,
                limit,
            } => {
                let account = account.as_ref().map(protocol::AccountName::as_str);
                let mut found = self.index.targets(channels, account, *before, *after);
                let excess = found.len().saturating_sub(*limit);
                if *newest {
                    found.drain(..excess);
                } else {
                    found.truncate(*limit);
                }
                Answer::Targets(found)
            }
        }
    }

    /// Reads messages; what cannot be read is left out.
    fn read(&self, slots: &[Slot]) -> io::Result<Vec<(i64, Stored)>> {
        let mut open: Option<(u32, File)> = None;
        let mut messages = Vec::with_capacity(slots.len());
        let mut line = Vec::new();
        let mut problem = None;
        for slot in slots {
            match self.read_one(*slot, &mut open, &mut line) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => {}
                Err(error) => problem = Some(error),
            }
        }
        match problem {
            Some(error) if messages.is_empty() => Err(error),
            _ => Ok(messages),
        }
    }

    fn read_one(
        &self,
        slot: Slot,
        open: &mut Option<(u32, File)>,
        line: &mut Vec<u8>,
    ) -> io::Result<Option<(i64, Stored)>> {
        let file = match open {
            Some((number, file)) if *number == slot.segment => file,
            _ => {
                let first = self.segments.first().map_or(0, |segment| segment.number);
                let place = slot.segment.saturating_sub(first) as usize;
                let segment = self.segments.get(place).ok_or(io::ErrorKind::NotFound)?;
                &mut open.insert((slot.segment, File::open(&segment.path)?)).1
            }
        };
        line.resize(slot.length as usize, 0);
        file.read_exact_at(line, u64::from(slot.offset))?;
        line.pop();
        Ok(match segment::read_line(line) {
            Some(Record {
                id,
                body: Body::Message(stored),
            }) => Some((id, stored)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
