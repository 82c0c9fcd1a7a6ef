//! Outgoing mails on disk, from the moment the functions may forget them until it is known what became of them.
//!
//! `queue/<id>.mail` is a line of JSON and the bytes; `done/<id>.json` says what became of a mail and is kept
//! for two weeks, so that a task that comes again is recognised and a bounce is understood. Every file is
//! written beside, made durable (fsync), renamed into place, and the folder made durable.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{AccountName, EmailAddress, MailOutcome, MailResult, Timestamp};
use serde::{Deserialize, Serialize};

use crate::queue::{private, sync};

/// Most mails that wait.
const MAX_MAILS: usize = 10_000;
/// Longest line of JSON, bytes.
const MAX_HEAD: u64 = 16 * 1024;
const SUFFIX: &str = ".mail";
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

#[derive(Debug, Default)]
struct Index {
    waiting: HashSet<String>,
    done: HashSet<String>,
    /// Whose bounce address it is.
    bounces: HashMap<String, String>,
}

/// What is found when the folder is opened.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Mails that wait.
    pub(crate) waiting: Vec<String>,
    /// Mails whose outcome the functions may not know.
    pub(crate) untold: Vec<String>,
}

/// The folder. Calls block; they belong on threads that may.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    index: Mutex<Index>,
    /// Held by who changes what became of a mail.
    settling: Mutex<()>,
}

impl Store {
    /// Opens the folder and makes it if it is missing.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Found)> {
        for below in ["new", "queue", "done"] {
            let path = folder.join(below);
            fs::create_dir_all(&path)?;
            private(&path)?;
        }
        for entry in fs::read_dir(folder.join("new"))? {
            fs::remove_file(entry?.path())?;
        }
        let store = Self {
            folder: folder.to_owned(),
            index: Mutex::default(),
            settling: Mutex::default(),
        };
        let mut found = Found::default();
        for id in store.names("done", DONE)? {
            match store.done(&id) {
                Ok(done) => {
                    if !done.told {
                        found.untold.push(id.clone());
                    }
                    store.note_bounce(&done.envelope);
                }
                // What it says is lost, but that the mail is done is not.
                Err(error) => tracing::error!(id, %error, "what became of a mail cannot be read"),
            }
            store.index().done.insert(id);
        }
        for id in store.names("queue", SUFFIX)? {
            if store.index().done.contains(&id) {
                fs::remove_file(store.place("queue", &id, SUFFIX))?;
                continue;
            }
            match store.read(&id) {
                Ok((envelope, _)) => store.note_bounce(&envelope),
                Err(error) => tracing::error!(id, %error, "a mail cannot be read"),
            }
            store.index().waiting.insert(id.clone());
            found.waiting.push(id);
        }
        sync(folder)?;
        found.waiting.sort();
        Ok((store, found))
    }

    /// Keeps a mail; it is durable when this returns.
    pub(crate) fn accept(&self, envelope: &Envelope, bytes: &[u8]) -> io::Result<Kept> {
        {
            let index = self.index();
            if index.waiting.contains(&envelope.id) || index.done.contains(&envelope.id) {
                return Ok(Kept::Known);
            }
            if index.waiting.len() >= MAX_MAILS {
                return Ok(Kept::Full);
            }
        }
        let mut whole = serde_json::to_vec(envelope)?;
        whole.push(b'\n');
        whole.extend_from_slice(bytes);
        self.write("queue", &envelope.id, SUFFIX, &whole)?;
        self.note_bounce(envelope);
        self.index().waiting.insert(envelope.id.clone());
        Ok(Kept::New)
    }

    /// Whether a task was taken before.
    pub(crate) fn knows(&self, id: &str) -> bool {
        let index = self.index();
        index.waiting.contains(id) || index.done.contains(id)
    }

    /// Reads a mail that waits.
    pub(crate) fn read(&self, id: &str) -> io::Result<(Envelope, Vec<u8>)> {
        let mut reader = BufReader::new(File::open(self.place("queue", id, SUFFIX))?);
        let mut head = Vec::new();
        (&mut reader).take(MAX_HEAD).read_until(b'\n', &mut head)?;
        let envelope = serde_json::from_slice(&head)?;
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        Ok((envelope, bytes))
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
        self.write("done", id, DONE, &serde_json::to_vec(done)?)?;
        self.index().done.insert(id.clone());
        match fs::remove_file(self.place("queue", id, SUFFIX)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.index().waiting.remove(id);
        Ok(())
    }

    /// Reads what became of a mail.
    pub(crate) fn done(&self, id: &str) -> io::Result<Done> {
        let bytes = fs::read(self.place("done", id, DONE))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// The functions know what became of a mail.
    pub(crate) fn told(&self, id: &str, outcome: &MailOutcome) -> io::Result<()> {
        let _settling = self.settling();
        let mut done = self.done(id)?;
        // A bounce may have come meanwhile.
        if done.outcome() == *outcome && !done.told {
            done.told = true;
            self.write("done", id, DONE, &serde_json::to_vec(&done)?)?;
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
            self.write("done", id, DONE, &serde_json::to_vec(&done)?)?;
        } else {
            self.settle(&done)?;
        }
        Ok(true)
    }

    /// Forgets what became of mails before a time, if the functions know.
    pub(crate) fn clean(&self, before: Timestamp) -> io::Result<()> {
        let ids: Vec<String> = self.index().done.iter().cloned().collect();
        for id in ids {
            let Ok(done) = self.done(&id) else { continue };
            if done.told && done.at < before {
                fs::remove_file(self.place("done", &id, DONE))?;
                let mut index = self.index();
                index.done.remove(&id);
                if let Some(local) = &done.envelope.bounce {
                    index.bounces.remove(local);
                }
            }
        }
        Ok(())
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

    fn names(&self, below: &str, suffix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.folder.join(below))? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(suffix));
            names.extend(id.map(str::to_owned));
        }
        Ok(names)
    }

    fn write(&self, below: &str, id: &str, suffix: &str, bytes: &[u8]) -> io::Result<()> {
        let name = format!("{id}-{:016x}", getrandom::u64().unwrap_or(0));
        let beside = self.place("new", &name, suffix);
        let mut file = File::create_new(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, self.place(below, id, suffix))?;
        sync(&self.folder.join(below))
    }

    fn place(&self, below: &str, id: &str, suffix: &str) -> PathBuf {
        self.folder.join(below).join(format!("{id}{suffix}"))
    }

    fn settling(&self) -> MutexGuard<'_, ()> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(id: &str) -> Envelope {
        Envelope {
            id: id.to_owned(),
            account: "alice".parse().unwrap(),
            to: "bob@b.example".parse().unwrap(),
            source: "notifications".to_owned(),
            return_path: format!("{id}@chat.example"),
            bounce: Some(id.to_owned()),
            accepted: Timestamp::from_millis(1),
            expires: Timestamp::from_millis(2),
        }
    }

    fn done(id: &str, result: MailResult) -> Done {
        Done {
            envelope: envelope(id),
            result,
            reason: String::new(),
            at: Timestamp::from_millis(5),
            told: false,
        }
    }

    #[test]
    fn a_task_is_taken_once_whatever_happened_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path()).unwrap();
        assert_eq!(store.accept(&envelope("a"), b"1").unwrap(), Kept::New);
        assert_eq!(store.accept(&envelope("a"), b"2").unwrap(), Kept::Known);
        assert_eq!(store.accept(&envelope("b"), b"3").unwrap(), Kept::New);
        store.finish(&done("a", MailResult::Sent)).unwrap();
        fs::write(folder.path().join("new/half.mail"), b"{").unwrap();
        // As a crash between the two steps of `finish` leaves it.
        store
            .write(
                "done",
                "b",
                DONE,
                &serde_json::to_vec(&done("b", MailResult::Sent)).unwrap(),
            )
            .unwrap();
        drop(store);

        let (store, found) = Store::open(folder.path()).unwrap();
        assert!(found.waiting.is_empty(), "{found:?}");
        assert_eq!(found.untold.len(), 2);
        for id in ["a", "b"] {
            assert_eq!(store.accept(&envelope(id), b"4").unwrap(), Kept::Known);
        }
        store
            .accept(&envelope("c"), b"Subject: c\r\n\r\n\n")
            .unwrap();
        let (store, found) = Store::open(folder.path()).unwrap();
        assert_eq!(found.waiting, ["c"]);
        assert_eq!(
            store.read("c").unwrap(),
            (envelope("c"), b"Subject: c\r\n\r\n\n".to_vec())
        );
    }

    #[test]
    fn a_bounce_changes_what_became_of_a_mail() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path()).unwrap();
        store.accept(&envelope("a"), b"1").unwrap();
        store.accept(&envelope("b"), b"1").unwrap();
        store.finish(&done("a", MailResult::Sent)).unwrap();
        let sent = store.done("a").unwrap().outcome();
        store.told("a", &sent).unwrap();
        let now = Timestamp::from_millis(9);
        assert_eq!(store.bounced("a").as_deref(), Some("a"));
        assert!(store.bounce("a", "no such user", now).unwrap());
        assert!(!store.bounce("a", "again", now).unwrap());
        store.told("a", &sent).unwrap();
        let bounced = store.done("a").unwrap();
        assert!(!bounced.told && bounced.result == MailResult::Undeliverable);
        assert_eq!(bounced.reason, "no such user");
        // Faster than the 250.
        assert!(store.bounce("b", "no", now).unwrap());
        assert_eq!(store.waiting(), 0);
        store.finish(&done("b", MailResult::Sent)).unwrap();
        assert_eq!(store.done("b").unwrap().result, MailResult::Undeliverable);
        store.clean(Timestamp::from_millis(100)).unwrap();
        assert!(store.knows("a"), "the functions do not know yet");
        store.told("a", &bounced.outcome()).unwrap();
        store.clean(Timestamp::from_millis(100)).unwrap();
        assert!(!store.knows("a") && store.bounced("a").is_none());
    }
}
