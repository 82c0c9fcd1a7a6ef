//! Outgoing mails on disk, from the moment the functions may forget them until it is known what became of them.
//!
//! `queue/<id>.mail` is a line of JSON and the bytes; `done/<id>.json` says what became of a mail, so that a task that comes
//! again is recognised and a bounce is understood. All are files of a [`FolderQueue`], durable before anything follows
//! from them.
//!
//! What became of a mail is forgotten after two weeks, or after two days where there are too many, the oldest first. It is
//! never forgotten while the functions may still have the task, else the mail would be sent twice: it was done before
//! their whole queue was looked through, and whatever of it was there was taken off. If nothing can be forgotten, further
//! mails wait at the functions.

mod index;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connector_kit::now;
use durable::{Disk, FolderQueue};
use protocol::{AccountName, EmailAddress, MailOutcome, MailResult, Timestamp};
use serde::{Deserialize, Serialize};

use self::index::{DAY_MS, Index, Looking};
use crate::queue::SUFFIX;

/// Most mails that wait.
const MAX_MAILS: usize = 10_000;
/// Mails that wait take at most this part of the disk, whatever [`crate::Limits::outgoing_bytes`] allows.
const MOST_OF_DISK: u64 = 8;
/// Most mails of which it is known what became of them, those that wait included.
const MAX_NOTES: usize = 100_000;
/// So many are forgotten at once where there are too many, so that not every mail has to look for the oldest.
const FORGOTTEN: usize = 1_000;
/// How long it is remembered what became of a mail, if there are not too many: bounces may take that long.
const REMEMBER_MS: i64 = 14 * DAY_MS;
/// How long it is remembered in any case: a task may be queued once more by functions that died meanwhile.
const LEAST_MS: i64 = 2 * DAY_MS;
/// Longest line of JSON, bytes.
const MAX_HEAD: u64 = 16 * 1024;
const DONE: &str = ".json";

/// What is known about a mail besides its bytes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Envelope {
    /// The task's id.
    pub(crate) id: String,
    pub(crate) account: AccountName,
    pub(crate) to: EmailAddress,
    pub(crate) source: String,
    /// The envelope's sender; bounces come back there.
    pub(crate) return_path: String,
    /// What stands before the `@` of the return path, if that is an address of ours.
    pub(crate) bounce: Option<String>,
    pub(crate) accepted: Timestamp,
    pub(crate) expires: Timestamp,
}

/// What became of a mail.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Done {
    pub(crate) envelope: Envelope,
    pub(crate) result: MailResult,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
    /// Whether the functions know.
    pub(crate) told: bool,
}

impl Done {
    /// A mail on which work had no end.
    fn broken(envelope: Envelope, at: Timestamp) -> Self {
        Self {
            envelope,
            result: MailResult::Failed,
            reason: "it could not be prepared and is kept aside; the operator of the server can look at it".to_owned(),
            at,
            told: false,
        }
    }

    pub(crate) fn outcome(&self) -> MailOutcome {
        MailOutcome {
            id: self.envelope.id.clone(),
            account: self.envelope.account.clone(),
            to: self.envelope.to.clone(),
            source: self.envelope.source.clone(),
            result: self.result,
            reason: self.reason.clone(),
        }
    }
}

/// What became of an offer to keep a mail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kept {
    /// It is durable.
    New,
    /// It was taken before.
    Known,
    /// There is no room.
    Full,
}

/// What is found when the folder is opened.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Mails that wait.
    pub(crate) waiting: Vec<String>,
    /// Mails that somebody worked on when the process ended.
    pub(crate) suspects: Vec<String>,
    /// Mails whose outcome the functions may not know.
    pub(crate) untold: Vec<String>,
}

/// The folder. Calls block; they belong on threads that may.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    /// Bytes that mails may take which wait.
    most: u64,
    /// See [`MAX_NOTES`].
    most_notes: usize,
    disk: Disk,
    files: FolderQueue,
    index: Mutex<Index>,
    /// Held by who changes what became of a mail.
    settling: Mutex<()>,
}

impl Store {
    /// Opens the folder and makes it if it is missing.
    pub(crate) fn open(folder: &Path, most: u64) -> io::Result<(Self, Found)> {
        Self::open_on(Disk::default(), folder, most)
    }

    /// As [`Store::open`], on a disk that may fail.
    fn open_on(disk: Disk, folder: &Path, most: u64) -> io::Result<(Self, Found)> {
        let part = disk.space(folder).map(|space| space.size / MOST_OF_DISK);
        let (files, there) = FolderQueue::open(disk.clone(), folder, SUFFIX, &["done"])?;
        let store = Self {
            folder: folder.to_owned(),
            most: part.map_or(most, |part| most.min(part)),
            most_notes: MAX_NOTES,
            disk,
            files,
            index: Mutex::default(),
            settling: Mutex::default(),
        };
        let mut found = Found::default();
        for id in store.files.names("done", DONE)? {
            match store.done(&id) {
                Ok(done) => {
                    if !done.told {
                        found.untold.push(id.clone());
                    }
                    store.note_bounce(&done.envelope);
                    store
                        .index()
                        .note(&id, done.at, done.told, done.envelope.bounce);
                }
                // What it says is lost, but that the mail is done is not.
                Err(error) => {
                    tracing::error!(id, %error, "what became of a mail cannot be read");
                    store.index().unread.insert(id.clone());
                    store.index().note(&id, now(), true, None);
                }
            }
        }
        let waiting = there.waiting.into_iter().map(|id| (id, false));
        let suspects = there.suspects.into_iter().map(|id| (id, true));
        for (id, suspect) in waiting.chain(suspects) {
            if store.index().noted.contains_key(&id) {
                store.remove(&id)?;
                continue;
            }
            match store.read(&id) {
                Ok((envelope, _)) => store.note_bounce(&envelope),
                Err(error) => tracing::error!(id, %error, "a mail cannot be read"),
            }
            let length = store.files.length(&id)?;
            store.index().add(&id, length);
            let list = if suspect {
                &mut found.suspects
            } else {
                &mut found.waiting
            };
            list.push(id);
        }
        for id in there.broken {
            match parse(store.files.read_in("broken", &id, MAX_HEAD)) {
                Ok((envelope, _)) => match store.finish(&Done::broken(envelope, now())) {
                    Ok(()) => found.untold.push(id),
                    // That one mail's outcome is not worth the start.
                    Err(error) => {
                        tracing::error!(id, %error, "what became of a mail cannot be noted")
                    }
                },
                Err(error) => {
                    store.index().unread.insert(id.clone());
                    tracing::error!(id, %error, "a mail cannot be read");
                }
            }
        }
        found.waiting.sort();
        Ok((store, found))
    }

    /// Keeps a mail; it is durable when this returns. One at a time: it is counted once it is there.
    pub(crate) fn accept(&self, envelope: &Envelope, bytes: &[u8]) -> io::Result<Kept> {
        let mut head = serde_json::to_vec(envelope)?;
        head.push(b'\n');
        let length = (head.len() + bytes.len()) as u64;
        {
            let index = self.index();
            if index.waiting.contains_key(&envelope.id) || index.noted.contains_key(&envelope.id) {
                return Ok(Kept::Known);
            }
            if index.is_full(self.most_notes) {
                drop(index);
                self.forget(LEAST_MS, FORGOTTEN)?;
            }
        }
        {
            let index = self.index();
            if index.is_full(self.most_notes) {
                return Ok(Kept::Full);
            }
            if index.waiting.len() >= MAX_MAILS || index.bytes.saturating_add(length) > self.most {
                return Ok(Kept::Full);
            }
        }
        self.files.keep(&envelope.id, &[&head, bytes])?;
        self.note_bounce(envelope);
        self.index().add(&envelope.id, length);
        Ok(Kept::New)
    }

    /// Whether a task was taken before.
    pub(crate) fn knows(&self, id: &str) -> bool {
        let index = self.index();
        index.waiting.contains_key(id) || index.noted.contains_key(id)
    }

    /// Reads a mail that waits.
    pub(crate) fn read(&self, id: &str) -> io::Result<(Envelope, Vec<u8>)> {
        let read = parse(self.files.read(id, MAX_HEAD));
        match &read {
            Ok(_) => {
                self.index().unread.remove(id);
            }
            // It is done.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => {
                self.index().unread.insert(id.to_owned());
            }
        }
        read
    }

    /// Notes that work on a mail begins; durable when this returns.
    pub(crate) fn begin(&self, id: &str) -> io::Result<()> {
        self.files.begin(id)
    }

    /// Notes that work on a mail has an end.
    pub(crate) fn end(&self, id: &str) -> io::Result<()> {
        self.files.end(id)
    }

    /// Puts a mail aside that cannot be worked on; what became of it is noted.
    pub(crate) fn set_aside(&self, id: &str, at: Timestamp) -> io::Result<()> {
        let (envelope, _) = self.read(id)?;
        self.files.set_aside(id)?;
        self.finish(&Done::broken(envelope, at))
    }

    /// Mails that were put aside because work on them had no end.
    pub(crate) fn broken(&self) -> usize {
        self.files.broken()
    }

    /// Notes what became of a mail that waits, and forgets its bytes. What a bounce said already stands.
    pub(crate) fn finish(&self, done: &Done) -> io::Result<()> {
        let _settling = self.settling();
        match self.done(&done.envelope.id) {
            Ok(known) if known.result == MailResult::Undeliverable => Ok(()),
            _ => self.settle(done),
        }
    }

    fn settle(&self, done: &Done) -> io::Result<()> {
        let id = &done.envelope.id;
        self.note(done)?;
        self.remove(id)?;
        self.index().forget(id);
        Ok(())
    }

    fn remove(&self, id: &str) -> io::Result<()> {
        match self.files.remove(id) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.files.forget(id);
        Ok(())
    }

    fn note(&self, done: &Done) -> io::Result<()> {
        let id = &done.envelope.id;
        let json = serde_json::to_vec(done)?;
        self.files.note("done", &format!("{id}{DONE}"), &json)?;
        let bounce = done.envelope.bounce.clone();
        self.index().note(id, done.at, done.told, bounce);
        Ok(())
    }

    /// Begins to look through the functions' queue; see [`Store::looked_through`].
    pub(crate) fn begin_to_look(&self) -> Looking {
        Looking(self.index().count)
    }

    /// The functions' whole queue was looked through, and whatever was known here was taken off it.
    pub(crate) fn looked_through(&self, looking: Looking) {
        let mut index = self.index();
        index.off_queue = index.off_queue.max(looking.0);
    }

    /// Reads what became of a mail.
    pub(crate) fn done(&self, id: &str) -> io::Result<Done> {
        let bytes = fs::read(self.done_place(id))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// The functions know what became of a mail.
    pub(crate) fn told(&self, id: &str, outcome: &MailOutcome) -> io::Result<()> {
        let _settling = self.settling();
        let mut done = self.done(id)?;
        // A bounce may have come meanwhile.
        if done.outcome() == *outcome && !done.told {
            done.told = true;
            self.note(&done)?;
        }
        Ok(())
    }

    /// Returns the mail that a bounce address belongs to.
    pub(crate) fn bounced(&self, local: &str) -> Option<String> {
        self.index().bounces.get(local).cloned()
    }

    /// Notes that a mail which was sent came back. False if that is known already.
    pub(crate) fn bounce(&self, id: &str, reason: &str, at: Timestamp) -> io::Result<bool> {
        let _settling = self.settling();
        // It may come before the 250 was noted.
        let (envelope, known) = match self.done(id) {
            Ok(done) if done.result == MailResult::Undeliverable => return Ok(false),
            Ok(done) => (done.envelope, true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (self.read(id)?.0, false),
            Err(error) => return Err(error),
        };
        let done = Done {
            envelope,
            result: MailResult::Undeliverable,
            reason: reason.to_owned(),
            at,
            told: false,
        };
        if known {
            self.note(&done)?;
        } else {
            self.settle(&done)?;
        }
        Ok(true)
    }

    /// Forgets what became of mails long enough ago.
    pub(crate) fn clean(&self, keep_broken: Duration) -> io::Result<()> {
        self.files.clean("broken", keep_broken)?;
        self.forget(REMEMBER_MS, usize::MAX)
    }

    /// Forgets what became of mails longer ago than so many milliseconds, the oldest first and so many at most.
    fn forget(&self, keep: i64, most: usize) -> io::Result<()> {
        let ids = self.index().forgettable(now(), keep);
        for id in ids.into_iter().take(most) {
            // Nobody changes it meanwhile.
            let _settling = self.settling();
            self.disk.remove(&self.done_place(&id))?;
            let mut index = self.index();
            let noted = index.noted.remove(&id);
            if let Some(local) = noted.and_then(|noted| noted.bounce) {
                index.bounces.remove(&local);
            }
        }
        Ok(())
    }

    /// Mails that cannot be read, or of which it cannot be read what became of them.
    pub(crate) fn damaged(&self) -> usize {
        self.index().unread.len()
    }

    /// Mails that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.index().waiting.len()
    }

    fn note_bounce(&self, envelope: &Envelope) {
        if let Some(local) = &envelope.bounce {
            self.index()
                .bounces
                .insert(local.clone(), envelope.id.clone());
        }
    }

    fn done_place(&self, id: &str) -> PathBuf {
        self.folder.join("done").join(format!("{id}{DONE}"))
    }

    fn settling(&self) -> MutexGuard<'_, ()> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a mail's file says.
fn parse(read: io::Result<(Vec<u8>, Vec<u8>)>) -> io::Result<(Envelope, Vec<u8>)> {
    let (head, bytes) = read?;
    Ok((serde_json::from_slice(&head)?, bytes))
}

#[cfg(test)]
mod tests;
