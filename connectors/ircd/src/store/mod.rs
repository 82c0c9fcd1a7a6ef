//! The durable part of the server: the log of messages and the snapshot of channels and accounts.
//!
//! In the data folder: `state.json`, the snapshot; `log/<id of the first record>.log`, the log; `lock`. The snapshot
//! and the records after it yield the state; the log alone yields the messages.

mod deleted;
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

use durable::{Disk, FolderLock, Log, Segment, remove_unfinished};
use program::Seldom;

use crate::config::Limits;
use crate::query::{Answer, Query};
use crate::record::{Body, Record, State, Stored};
use crate::server::MAX_TASKS;
use index::{Index, Slot};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be read or written.
    #[error("the data folder of the IRC server cannot be used: {path}: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another server is using it.
    #[error(
        "the data folder {0} is in use by another IRC server; stop that one or choose another folder"
    )]
    InUse(PathBuf),
    /// The snapshot is from a later version of this program, or is not a snapshot.
    #[error(
        "{path} cannot be read ({reason}); it may be from a newer version: use that, or restore a backup"
    )]
    State {
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
}

/// A record's number in the log: its id, which is a time and increasing.
fn number_of(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}

/// The newest id in a log file.
fn last_id(segment: &Segment) -> i64 {
    i64::try_from(segment.end).map_or(i64::MAX, |end| end - 1)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { path, source }
}

static NOT_EMPTIED: Seldom = Seldom::new();

/// The file of the snapshot.
const SNAPSHOT: &str = "state.json";

/// The log and its index. All calls block.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    log: Log,
    /// How many log files were removed: the index numbers files in order of creation.
    removed: u32,
    disk: Disk,
    index: Index,
    /// Messages that were deleted, and whose text is still in the log.
    deleted: Vec<Slot>,
    limits: Limits,
    /// Held while this server runs.
    lock: FolderLock,
}

/// The content of a data folder.
#[derive(Debug, Default)]
pub struct Found {
    /// Channels and accounts.
    pub state: State,
    /// The newest id in the log.
    pub last_id: i64,
    /// Damaged lines that were skipped, including a truncated last line.
    pub damaged: usize,
    /// The newest lines of tasks: keys and message ids, oldest first.
    pub tasks: VecDeque<(String, i64)>,
}

impl History {
    /// Opens a data folder, creating it if it does not exist. If the disk is too full for that, the server starts
    /// anyway, and appends are refused until there is room.
    ///
    /// # Errors
    /// The folder cannot be used, is in use, or its snapshot cannot be read.
    pub fn open(folder: &Path, limits: &Limits) -> Result<(Self, Found), StoreError> {
        Self::open_on(Disk::default(), folder, limits)
    }

    fn open_on(disk: Disk, folder: &Path, limits: &Limits) -> Result<(Self, Found), StoreError> {
        let log_folder = folder.join("log");
        let lock_path = folder.join("lock");
        let lock = match FolderLock::open(&disk, &log_folder, &lock_path) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                return Err(StoreError::InUse(folder.to_owned()));
            }
            lock => lock.map_err(at(&lock_path))?,
        };
        if !lock.is_held() {
            tracing::error!(
                "the disk is full: the log of the IRC server cannot be written; messages are refused until it can be"
            );
        }
        remove_unfinished(folder);
        let (state, damaged) = snapshot::read(&disk, folder, SNAPSHOT)?;
        let mut found = Found {
            state,
            damaged,
            ..Found::default()
        };
        let log = Log::new(disk.clone(), log_folder.clone(), "log");
        let files = log.found().map_err(at(&log_folder))?;
        let mut history = Self {
            folder: folder.to_owned(),
            log,
            removed: 0,
            disk,
            index: Index::new(limits.history_per_target),
            deleted: Vec::new(),
            limits: limits.clone(),
            lock,
        };
        for first in files {
            history.load(first, &mut found);
        }
        history.empty_deleted();
        found.last_id = found.last_id.max(found.state.as_of);
        Ok((history, found))
    }

    /// Reads a log file.
    fn load(&mut self, first: u64, found: &mut Found) {
        let path = self.log.path(first);
        let bytes = fs::read(&path).unwrap_or_else(|error| {
            // The others can still be read.
            let path = path.display();
            tracing::error!(%path, %error, "a log file of the IRC server cannot be read; it is skipped");
            found.damaged += 1;
            Vec::new()
        });
        let scan = segment::scan(&bytes);
        found.damaged += scan.damaged;
        let number = self.next_number();
        let mut end = self.log.end();
        for (record, offset, length) in &scan.records {
            if number_of(record.id) < end {
                // Ids are increasing; a copied line must not disturb the order.
                continue;
            }
            end = number_of(record.id) + 1;
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
        // Further appends go to a new file: the damaged one stays as it is.
        self.log.add(Segment {
            first,
            end,
            bytes: bytes.len() as u64,
        });
    }

    /// The index's number for the next file.
    fn next_number(&self) -> u32 {
        let files = u32::try_from(self.log.segments().len()).unwrap_or(u32::MAX);
        self.removed.saturating_add(files)
    }

    fn note(&mut self, stored: &Stored, id: i64, segment: u32, offset: usize, length: usize) {
        if let Some(about) = stored.about {
            let slot = self.index.withdraw(&stored.target, about);
            self.deleted.extend(slot);
        }
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

    /// Makes records durable: written and synced when this returns. Either all or, after an error, none. Returns
    /// whether a new file was started, after which a snapshot is due.
    ///
    /// # Errors
    /// The disk is full or broken.
    pub fn append(&mut self, records: &[Record]) -> io::Result<bool> {
        let Some(first) = records.first() else {
            return Ok(false);
        };
        self.lock.take()?;
        self.log.mend()?;
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(records.len());
        for record in records {
            places.push(segment::write_line(record, &mut bytes)?);
        }
        let begun = self
            .log
            .active()
            .is_none_or(|segment| segment.bytes + bytes.len() as u64 > self.limits.segment_bytes);
        if begun {
            self.log.begin(number_of(first.id))?;
        }
        let number = self.next_number().saturating_sub(1);
        let before = self.log.active().map_or(0, |segment| segment.bytes);
        let last = records.last().map_or(first.id, |last| last.id);
        self.log.append(&bytes, number_of(last) + 1)?;
        for (record, (start, length)) in records.iter().zip(places) {
            if let Body::Message(stored) = &record.body {
                let offset = usize::try_from(before)
                    .unwrap_or(usize::MAX)
                    .saturating_add(start);
                self.note(stored, record.id, number, offset, length);
            }
        }
        self.empty_deleted();
        Ok(begun)
    }

    /// Takes the text of messages that were deleted out of the log. Where that fails they are not answered all the same, and it
    /// is tried again at the next start.
    fn empty_deleted(&mut self) {
        for slot in std::mem::take(&mut self.deleted) {
            let emptied = self
                .path_of(slot)
                .and_then(|path| deleted::empty(&path, slot));
            if let Err(error) = emptied
                && let Some(left_out) = NOT_EMPTIED.say()
            {
                tracing::error!(%error, left_out, "the text of a deleted message is still in the log of the IRC server");
            }
        }
    }

    /// The file in which a message is.
    fn path_of(&self, slot: Slot) -> io::Result<PathBuf> {
        let place = slot.segment.saturating_sub(self.removed) as usize;
        let segment = self.log.segments().get(place);
        Ok(self.log.path(segment.ok_or(io::ErrorKind::NotFound)?.first))
    }

    /// Writes the snapshot, durably, and removes the oldest files of the log above the limit.
    ///
    /// # Errors
    /// The disk is full or broken; the old snapshot is then still there.
    pub fn snapshot(&mut self, state: &State) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(state)?;
        self.disk.replace(&self.folder, SNAPSHOT, &bytes)?;
        self.trim(state.as_of)
    }

    fn trim(&mut self, as_of: i64) -> io::Result<()> {
        let mut total = self.log.bytes();
        while total > self.limits.history_bytes && self.log.segments().len() > 1 {
            let Some(oldest) = self.log.segments().front().copied() else {
                break;
            };
            if oldest.end > number_of(as_of) + 1 {
                break;
            }
            self.log.remove_oldest()?;
            self.removed = self.removed.saturating_add(1);
            total -= oldest.bytes;
            self.index.forget(last_id(&oldest));
        }
        Ok(())
    }

    /// Answers a query. Unreadable messages are left out.
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

    /// Reads messages; unreadable ones are left out.
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
                &mut open
                    .insert((slot.segment, File::open(self.path_of(slot)?)?))
                    .1
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
