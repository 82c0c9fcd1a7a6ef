//! The spool: events that are not published yet, durable on disk.
//!
//! One thread writes: it takes everything that is queued, appends it and syncs once, so that many connections share a
//! sync. Records have consecutive numbers; the cursor is the number of the first unpublished record. Segments behind
//! the cursor are removed.
//!
//! Messages of an account whose archive cannot be written are moved aside ([`deferred`]), so that they neither hold
//! up nor crowd out those of others. The same is done with an account that brings more than its share.

mod deferred;
mod seen;
mod unread;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use durable::Reader;
use durable::{Disk, Record, Records, Refusal, Segment, frame, is_full};
use protocol::{AccountName, Event, Folding, Timestamp};
use tokio::sync::{Notify, oneshot, watch};

use self::deferred::Deferred;
use self::seen::{Entry, LastSeen, Stored, stored_seen};
pub(crate) use self::unread::Read;
use self::unread::Unread;
use crate::platform::Seen;
use mutex::{lock, wait};

/// Delay after the disk refused a write.
const DISK_RETRY: Duration = Duration::from_secs(1);

/// Limits of a [`Spool`].
#[derive(Clone, Copy, Debug)]
pub struct SpoolConfig {
    /// Bytes on disk; when they are used up, nothing is accepted until something is published.
    pub max_bytes: u64,
    /// Size at which a segment is closed, in bytes.
    pub segment_bytes: u64,
    /// Bytes on disk for one account whose archive cannot be written, or is written more slowly than its messages
    /// arrive, and bytes of one account that the publisher has not read yet; when either are used up, nothing of that
    /// account is accepted until there is room. All such accounts together may use another [`SpoolConfig::max_bytes`].
    pub deferred_bytes: u64,
}

/// The spool cannot take an event.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// No room until something is published.
    #[error("the spool is full ({0} bytes): the functions have not accepted events for too long")]
    Full(u64),
    /// The disk refuses.
    #[error(transparent)]
    Disk(#[from] Refusal),
    /// No room for this account until more of it is written to its archive.
    #[error(
        "{1} bytes of the account {0} are already waiting to be written to its archive; no more are kept until some of them are"
    )]
    Deferred(AccountName, u64),
    /// The event is too large.
    #[error("an event of {0} bytes is too large to store; the maximum is 1 MiB")]
    TooLarge(usize),
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
    /// The folder cannot be used.
    #[error("the spool {path} cannot be opened: {error}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// Becomes true when the events are durable.
pub type Durable = oneshot::Receiver<()>;

/// The spool; clones are the same spool.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    config: SpoolConfig,
    disk: Disk,
    state: Mutex<State>,
    work: Condvar,
    room: Notify,
    end: watch::Sender<u64>,
    trouble: watch::Sender<Option<Refusal>>,
    deferred: Deferred,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Damaged records, except those of deferred messages.
    damaged: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    frames: Vec<u8>,
    count: u64,
    waiting: Vec<oneshot::Sender<()>>,
    writing: u64,
    next: u64,
    disk: u64,
    cursor: u64,
    settled: u64,
    unread: Unread,
    segments: Vec<Segment>,
    seen: LastSeen,
    /// What `seen` learns once the queued frames are durable.
    notes: Vec<Entry>,
    /// When the oldest unpublished record was appended, with its number.
    oldest: Option<(u64, Timestamp)>,
    /// The disk's last error, while it refuses.
    failing: Option<Refusal>,
    closed: bool,
}

impl Spool {
    /// Opens a spool, creating its folder if necessary. A record truncated by a crash is removed; every remaining
    /// whole record is passed to `visit` with its number.
    ///
    /// # Errors
    /// [`SpoolError::Open`], also if another process has it open.
    pub fn open(
        dir: &Path,
        config: SpoolConfig,
        visit: impl FnMut(u64, Event),
    ) -> Result<Self, SpoolError> {
        Self::open_on(Disk::default(), dir, config, visit)
    }

    /// Like [`Spool::open`], on a disk that may fail.
    pub(crate) fn open_on(
        disk: Disk,
        dir: &Path,
        config: SpoolConfig,
        mut visit: impl FnMut(u64, Event),
    ) -> Result<Self, SpoolError> {
        let failed = |error| SpoolError::Open {
            path: dir.to_owned(),
            error,
        };
        let mut seen = LastSeen::load(dir);
        let mut damaged = 0;
        let mut found = |number: u64, record: &[u8]| match serde_json::from_slice::<Event>(record) {
            Ok(event) => {
                Entry::of(&event, stored_seen(record))
                    .into_iter()
                    .for_each(|entry| seen.note(entry));
                visit(number, event);
            }
            Err(error) => {
                damaged += 1;
                tracing::error!(number, %error, "a spool record is not an event");
            }
        };
        // Deferred records are older than the others.
        let deferred =
            Deferred::open(&disk, dir, &config, |record| found(0, record)).map_err(failed)?;
        let store = Records::open(disk.clone(), dir, config.segment_bytes, &mut found);
        let mut store = store.map_err(failed)?;
        damaged += store.damaged() as u64;
        let failing = match store.prepare() {
            Ok(()) => None,
            // Everything else continues: channels are read, and new events are refused until there is room.
            Err(error) if is_full(&error) => {
                tracing::error!(%error, "the spool cannot be written; nothing is accepted until it can be");
                Some(Refusal::from(&error))
            }
            Err(error) => return Err(failed(error)),
        };
        let cursor = store.cursor();
        let state = State {
            next: store.end(),
            unread: Unread::new(store.end()),
            disk: store.bytes(),
            cursor,
            segments: store.segments(),
            seen,
            oldest: (cursor < store.end()).then(|| (store.end(), connector_kit::now())),
            failing,
            ..State::default()
        };
        let inner = Arc::new(Inner {
            dir: dir.to_owned(),
            config,
            work: Condvar::new(),
            room: Notify::new(),
            end: watch::Sender::new(store.end()),
            trouble: watch::Sender::new(failing),
            deferred,
            disk,
            state: Mutex::new(state),
            thread: Mutex::new(None),
            damaged: AtomicU64::new(damaged),
        });
        let writer = Arc::clone(&inner);
        let thread = std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || writer.run(store))
            .map_err(failed)?;
        *lock(&inner.thread) = Some(thread);
        Ok(Self(inner))
    }

    /// Queues events; returns the number after the last of them, and a receiver that fires when they are durable.
    /// Events become durable in the order of these calls.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::Deferred`], [`SpoolError::TooLarge`] or [`SpoolError::Closed`]; then none
    /// is queued.
    pub fn append(&self, events: &[Event]) -> Result<(u64, Durable), SpoolError> {
        self.append_seen(events, Seen::ALL)
    }

    /// Like [`Spool::append`]; `seen` says what the events imply for [`Spool::last_seen`].
    ///
    /// # Errors
    /// As for [`Spool::append`].
    pub fn append_seen(&self, events: &[Event], seen: Seen) -> Result<(u64, Durable), SpoolError> {
        let (mut frames, mut sizes) = (Vec::new(), Vec::new());
        for event in events {
            let record = serde_json::to_vec(&Stored::new(event, seen))
                .map_err(|_| SpoolError::TooLarge(0))?;
            if record.len() > frame::MAX_RECORD {
                return Err(SpoolError::TooLarge(record.len()));
            }
            frame::write(&mut frames, &record);
            sizes.push(record.len() as u64);
        }
        for event in events {
            self.0.deferred.check(&event.account)?;
        }
        let (done, durable) = oneshot::channel();
        let mut state = self.0.state();
        if state.closed {
            return Err(SpoolError::Closed);
        }
        if let Some(refusal) = state.failing {
            return Err(refusal.into());
        }
        let used = state.used() + frames.len() as u64;
        if used > self.0.config.max_bytes {
            return Err(SpoolError::Full(state.used()));
        }
        for event in events {
            self.0.check_unread(&state, &event.account)?;
        }
        for (event, (size, next)) in events.iter().zip(sizes.into_iter().zip(state.next + 1..)) {
            state.unread.add(&event.account, size, next);
        }
        state.frames.extend_from_slice(&frames);
        state.count += events.len() as u64;
        state.next += events.len() as u64;
        state.waiting.push(done);
        let notes = events.iter().flat_map(|event| Entry::of(event, seen));
        state.notes.extend(notes);
        let next = state.next;
        if state.oldest.is_none() {
            state.oldest = Some((next, connector_kit::now()));
        }
        self.0.work.notify_one();
        Ok((next, durable))
    }

    /// Checks whether [`Spool::append`] would accept an event of this account now.
    ///
    /// # Errors
    /// The reason why it would not; as for [`Spool::append`].
    pub fn room_for(&self, account: &AccountName) -> Result<(), SpoolError> {
        let state = self.0.state();
        if let Some(refusal) = state.failing {
            return Err(refusal.into());
        }
        if state.used() >= self.0.config.max_bytes {
            return Err(SpoolError::Full(state.used()));
        }
        self.0.check_unread(&state, account)?;
        drop(state);
        self.0.deferred.check(account)
    }

    /// Returns a receiver of the reason why the disk refuses; `None` while it does not.
    pub(crate) fn trouble(&self) -> watch::Receiver<Option<Refusal>> {
        self.0.trouble.subscribe()
    }

    /// The spool's folder, and the disk it is on.
    pub(crate) fn folder(&self) -> (&Path, &Disk) {
        (&self.0.dir, &self.0.disk)
    }

    pub(crate) fn deferred(&self) -> &Deferred {
        &self.0.deferred
    }

    /// Waits until there may be room again.
    pub async fn room(&self) {
        self.0.room.notified().await;
    }

    /// Returns the number of the first unpublished record.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.0.state().cursor
    }

    /// Returns the number after the last durable record.
    #[must_use]
    pub fn end(&self) -> u64 {
        *self.0.end.borrow()
    }

    /// Returns a receiver of the number after the last durable record.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.end.subscribe()
    }

    /// Reads unpublished durable records from a number on, as JSON with their numbers: at most `count` records and
    /// `bytes` bytes, but at least one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(
        &self,
        reader: &mut Reader,
        from: u64,
        count: usize,
        bytes: usize,
    ) -> io::Result<Vec<(u64, Record)>> {
        let (from, segments) = {
            let state = self.0.state();
            (from.max(state.cursor), state.segments.clone())
        };
        let records = reader.read(&self.0.dir, &segments, from, count, bytes);
        self.0.damaged.fetch_add(reader.take_set_aside(), Relaxed);
        records
    }

    /// Notes that everything before number `next` was read and waits elsewhere; `records` were read since the last
    /// call.
    pub(crate) fn taken(&self, next: u64, records: &[Read]) {
        self.0.state().unread.read(next, records);
        self.0.room.notify_waiters();
    }

    /// Notes that all changes to connections before number `next` are published.
    pub(crate) fn settled(&self, next: u64) {
        let mut state = self.0.state();
        state.settled = next.clamp(state.settled, self.end().max(state.settled));
    }

    /// Returns the number before which all changes to connections are published.
    pub(crate) fn settled_until(&self) -> u64 {
        let state = self.0.state();
        state.settled.max(state.cursor)
    }

    /// Marks all records before number `next` as published.
    pub fn published(&self, next: u64) {
        let mut state = self.0.state();
        state.cursor = next.clamp(state.cursor, self.end());
        let (cursor, next) = (state.cursor, state.next);
        match state.oldest {
            _ if cursor == next => state.oldest = None,
            Some((number, _)) if cursor >= number => {
                state.oldest = Some((next, connector_kit::now()))
            }
            _ => {}
        }
        self.0.work.notify_one();
    }

    /// Returns, by target, the time of the newest message of a connection, given how its platform compares names.
    #[must_use]
    pub fn last_seen(
        &self,
        account: &AccountName,
        connection: &str,
        folding: Folding,
    ) -> Vec<(String, Timestamp)> {
        self.0.state().seen.of(account, connection, folding)
    }

    /// Returns the number of unpublished records, the bytes the spool uses, and since when the oldest has been
    /// waiting.
    #[must_use]
    pub fn usage(&self) -> (u64, u64, Option<Timestamp>) {
        let state = self.0.state();
        let waiting = state.next - state.cursor;
        (waiting, state.used(), state.oldest.map(|(_, time)| time))
    }

    /// Returns the number of records that could not be read when it was opened.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.0.damaged.load(Relaxed) + self.0.deferred.damaged()
    }

    /// Returns the maximum number of bytes it may use.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.0.config.max_bytes
    }

    /// Writes what is queued and ends the thread. Blocks for a sync or two.
    pub fn close(&self) {
        self.0.state().closed = true;
        self.0.work.notify_all();
        if let Some(thread) = lock(&self.0.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the spool's thread panicked");
        }
    }
}

impl State {
    fn used(&self) -> u64 {
        self.disk + self.writing + self.frames.len() as u64
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Refuses if too much of the account has not even been read by the publisher.
    fn check_unread(&self, state: &State, account: &AccountName) -> Result<(), SpoolError> {
        let unread = state.unread.of(account);
        if unread >= self.config.deferred_bytes {
            return Err(SpoolError::Deferred(account.clone(), unread));
        }
        Ok(())
    }

    /// The thread: writes, then cleans up.
    fn run(&self, mut store: Records) {
        if !self.begin(&mut store) {
            return;
        }
        let (mut saved, mut failed) = (store.cursor(), false);
        loop {
            let mut state = self.state();
            while state.frames.is_empty() && state.cursor == saved && !state.closed {
                state = wait(&self.work, state);
            }
            let (frames, count) = (
                std::mem::take(&mut state.frames),
                std::mem::take(&mut state.count),
            );
            let waiting = std::mem::take(&mut state.waiting);
            let notes = std::mem::take(&mut state.notes);
            state.writing = frames.len() as u64;
            let (cursor, closed) = (state.cursor, state.closed);
            drop(state);
            if !frames.is_empty() && !self.write(&mut store, &frames, count) {
                return;
            }
            if !notes.is_empty() {
                let mut state = self.state();
                notes.into_iter().for_each(|entry| state.seen.note(entry));
            }
            if cursor != saved {
                saved = cursor;
                match self.publish(&mut store, cursor) {
                    Ok(()) => failed = false,
                    Err(error) if !failed => {
                        failed = true;
                        tracing::warn!(%error, "the spool cannot be trimmed; events may be published again after a restart");
                    }
                    Err(_) => {}
                }
            }
            let mut state = self.state();
            state.writing = 0;
            state.disk = store.bytes();
            state.segments = store.segments();
            let done = closed && state.frames.is_empty() && state.cursor == saved;
            drop(state);
            self.end.send_replace(store.end());
            for waiter in waiting {
                let _ = waiter.send(());
            }
            self.room.notify_waiters();
            if done {
                return;
            }
        }
    }

    /// Waits for room for the first file, if there was none at startup; returns false if the spool was closed
    /// meanwhile.
    fn begin(&self, store: &mut Records) -> bool {
        loop {
            let state = self.state();
            if state.failing.is_none() {
                // Even if it was closed meanwhile: what was requested before is still done.
                return true;
            }
            if state.closed {
                return false;
            }
            drop(self.work.wait_timeout(state, DISK_RETRY));
            if store.prepare().is_ok() {
                self.works();
            }
        }
    }

    /// The disk accepts writes.
    fn works(&self) {
        if self.state().failing.take().is_some() {
            tracing::info!("the spool can be written again");
            self.trouble.send_replace(None);
            self.room.notify_waiters();
        }
    }

    /// Writes, retrying while the disk refuses; returns false if the spool was closed meanwhile.
    fn write(&self, store: &mut Records, frames: &[u8], count: u64) -> bool {
        loop {
            match store.append(frames, count) {
                Ok(()) => {
                    self.works();
                    return true;
                }
                Err(error) => {
                    let refusal = Refusal::from(&error);
                    let mut state = self.state();
                    if state.failing != Some(refusal) {
                        tracing::error!(%error, "the spool cannot be written; nothing is accepted until it can be");
                    }
                    state.failing = Some(refusal);
                    self.trouble.send_replace(Some(refusal));
                    if state.closed {
                        return false;
                    }
                    drop(self.work.wait_timeout(state, DISK_RETRY));
                }
            }
        }
    }

    fn publish(&self, store: &mut Records, cursor: u64) -> io::Result<()> {
        let saved = store.save_cursor(cursor);
        if saved.as_ref().is_err_and(|error| !is_full(error)) {
            return saved;
        }
        if store.can_trim(cursor) {
            // The newest times must outlive the segments they are derived from.
            let seen = self.state().seen.to_json();
            let written = self.disk.replace(&self.dir, seen::FILE, &seen);
            // On a full disk, however, removing segments is what makes room: without those times, servers are asked
            // for more than necessary after a restart. What is removed is published even if the cursor was not
            // written.
            if written.as_ref().is_err_and(|error| !is_full(error)) {
                return written;
            }
            store.trim(cursor)?;
        }
        saved
    }
}

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
