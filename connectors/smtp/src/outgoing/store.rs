//! Outgoing mails on disk, from when the functions may forget them until their outcome is known.
//!
//! `queue/<id>.mail` is a line of JSON and the bytes; `done/<id>.json` contains a mail's outcome, so that a task that
//! appears again is recognised and a bounce can be assigned. All are files of a [`FolderQueue`], durable before
//! anything is based on them.
//!
//! Outcomes are forgotten after two weeks, or after two days if there are too many, oldest first. An outcome is never
//! forgotten while the functions may still have the task, otherwise the mail would be sent twice: it must be older
//! than a complete pass over their queue in which all known tasks were removed. If nothing can be forgotten, further
//! mails wait at the functions.

mod index;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use connector_kit::now;
use durable::{Disk, FolderQueue};
use mutex::lock;
use protocol::{AccountName, EmailAddress, MailOutcome, MailResult, Timestamp};
use serde::{Deserialize, Serialize};

use self::index::{DAY_MS, Index, Looking};
use crate::queue::SUFFIX;

/// Maximum number of waiting mails.
const MAX_MAILS: usize = 10_000;
/// Waiting mails use at most this fraction (1/n) of the disk, whatever [`crate::Limits::outgoing_bytes`] allows.
const MOST_OF_DISK: u64 = 8;
/// Maximum number of mails whose outcome is known, plus the waiting ones.
const MAX_NOTES: usize = 100_000;
/// How many are forgotten at once if there are too many, so that not every mail has to search for the oldest.
const FORGOTTEN: usize = 1_000;
/// How long outcomes are remembered if there are not too many: bounces may take that long.
const REMEMBER_MS: i64 = 14 * DAY_MS;
/// How long outcomes are remembered in any case: a task may be queued again by functions that crashed meanwhile.
const LEAST_MS: i64 = 2 * DAY_MS;
/// Maximum length of the line of JSON, in bytes.
const MAX_HEAD: u64 = 16 * 1024;
const DONE: &str = ".json";

/// A mail's metadata.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Envelope {
    /// The task's id.
    pub(crate) id: String,
    pub(crate) account: AccountName,
    pub(crate) to: EmailAddress,
    pub(crate) source: String,
    /// The envelope's sender; bounces are sent there.
    pub(crate) return_path: String,
    /// The local part of the return path, if that is one of our addresses.
    pub(crate) bounce: Option<String>,
    pub(crate) accepted: Timestamp,
    pub(crate) expires: Timestamp,
}

/// A mail's outcome.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Done {
    pub(crate) envelope: Envelope,
    pub(crate) result: MailResult,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
    /// Whether the functions know it.
    pub(crate) told: bool,
}

impl Done {
    /// The outcome of a mail whose processing did not complete.
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

/// The result of storing a mail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kept {
    /// It is durable.
    New,
    /// It was accepted before.
    Known,
    /// There is no room.
    Full,
}

/// The content found when the folder is opened.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Waiting mails.
    pub(crate) waiting: Vec<String>,
    /// Mails that were being processed when the process ended.
    pub(crate) suspects: Vec<String>,
    /// Mails whose outcome the functions may not know.
    pub(crate) untold: Vec<String>,
}

/// The folder. Calls block; they belong on threads that may block.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    /// Maximum bytes of waiting mails.
    most: u64,
    /// See [`MAX_NOTES`].
    most_notes: usize,
    disk: Disk,
    files: FolderQueue,
    index: Mutex<Index>,
    /// Held while the outcome of a mail is changed.
    settling: Mutex<()>,
}

impl Store {
    /// Opens the folder, creating it if it is missing.
    pub(crate) fn open(folder: &Path, most: u64) -> io::Result<(Self, Found)> {
        Self::open_on(Disk::default(), folder, most)
    }

    /// Like [`Store::open`], on a disk that may fail.
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
                // The details are lost, but the fact that the mail is done is not.
                Err(error) => {
                    tracing::error!(id, %error, "the outcome of a mail cannot be read");
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
                    // A single mail's outcome must not prevent the start.
                    Err(error) => {
                        tracing::error!(id, %error, "the outcome of a mail cannot be noted")
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

    /// Stores a mail; it is durable when this returns. One at a time: it is counted once it is stored.
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

    /// Returns whether a task was accepted before.
    pub(crate) fn knows(&self, id: &str) -> bool {
        let index = self.index();
        index.waiting.contains_key(id) || index.noted.contains_key(id)
    }

    /// Reads a waiting mail.
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

    /// Notes that processing a mail starts; durable when this returns.
    pub(crate) fn begin(&self, id: &str) -> io::Result<()> {
        self.files.begin(id)
    }

    /// Notes that processing a mail has ended.
    pub(crate) fn end(&self, id: &str) -> io::Result<()> {
        self.files.end(id)
    }

    /// Sets aside a mail that cannot be processed; its outcome is noted.
    pub(crate) fn set_aside(&self, id: &str, at: Timestamp) -> io::Result<()> {
        let (envelope, _) = self.read(id)?;
        self.files.set_aside(id)?;
        self.finish(&Done::broken(envelope, at))
    }

    /// Mails set aside because processing them did not complete.
    pub(crate) fn broken(&self) -> usize {
        self.files.broken()
    }

    /// Notes the outcome of a waiting mail and deletes its bytes. An earlier bounce takes precedence.
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

    /// Starts a pass over the functions' queue; see [`Store::looked_through`].
    pub(crate) fn begin_to_look(&self) -> Looking {
        Looking(self.index().count)
    }

    /// The functions' whole queue was read, and everything known here was removed from it.
    pub(crate) fn looked_through(&self, looking: Looking) {
        let mut index = self.index();
        index.off_queue = index.off_queue.max(looking.0);
    }

    /// Reads a mail's outcome.
    pub(crate) fn done(&self, id: &str) -> io::Result<Done> {
        let bytes = fs::read(self.done_place(id))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// The functions know a mail's outcome.
    pub(crate) fn told(&self, id: &str, outcome: &MailOutcome) -> io::Result<()> {
        let _settling = self.settling();
        let mut done = self.done(id)?;
        // A bounce may have arrived meanwhile.
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

    /// Notes that a sent mail bounced. Returns false if that is known already.
    pub(crate) fn bounce(&self, id: &str, reason: &str, at: Timestamp) -> io::Result<bool> {
        let _settling = self.settling();
        // It may arrive before the 250 was noted.
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

    /// Forgets old outcomes.
    pub(crate) fn clean(&self, keep_broken: Duration) -> io::Result<()> {
        self.files.clean("broken", keep_broken)?;
        self.forget(REMEMBER_MS, usize::MAX)
    }

    /// Forgets outcomes older than `keep` milliseconds, oldest first and at most `most`.
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

    /// Mails that cannot be read, or whose outcome cannot be read.
    pub(crate) fn damaged(&self) -> usize {
        self.index().unread.len()
    }

    /// Waiting mails.
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
        lock(&self.settling)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }
}

/// The parsed content of a mail's file.
fn parse(read: io::Result<(Vec<u8>, Vec<u8>)>) -> io::Result<(Envelope, Vec<u8>)> {
    let (head, bytes) = read?;
    Ok((serde_json::from_slice(&head)?, bytes))
}

#[cfg(test)]
mod tests;
