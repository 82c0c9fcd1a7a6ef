//! Mails on disk, from the 250 until the functions have them.
//!
//! One file a mail: a line of JSON and the bytes. It is written beside, made durable (fsync), renamed into place, and
//! the folder made durable; only then is the mail answered. What a crash leaves half written was never answered.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use model::{MailChecks, Timestamp};
use serde::{Deserialize, Serialize};

/// Most mails that wait.
const MAX_MAILS: usize = 20_000;
/// What the end of a file's name says.
const SUFFIX: &str = ".mail";

/// What is known about a mail besides its bytes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Envelope {
    /// Names the mail.
    pub(crate) id: String,
    /// When it was taken.
    pub(crate) received: Timestamp,
    /// The envelope's sender.
    pub(crate) from: String,
    /// The addresses it is for.
    pub(crate) to: Vec<String>,
    /// What is known about its sender.
    pub(crate) checks: MailChecks,
}

/// A mail could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    #[error("the queue is full: {0} bytes wait to be handed over")]
    Full(u64),
    #[error("the queue cannot be used: {0}")]
    Io(#[from] io::Error),
}

/// The folder. Calls block; they belong on threads that may.
#[derive(Debug)]
pub(crate) struct Queue {
    folder: PathBuf,
    most: u64,
    state: Mutex<Waiting>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    bytes: u64,
    mails: usize,
}

impl Queue {
    /// Opens the folder, makes it if it is missing, and returns the names of mails that wait.
    pub(crate) fn open(folder: &Path, most: u64) -> io::Result<(Self, Vec<String>)> {
        for below in ["new", "queue", "refused"] {
            let path = folder.join(below);
            fs::create_dir_all(&path)?;
            private(&path)?;
        }
        // Half-written mails were never answered.
        for entry in fs::read_dir(folder.join("new"))? {
            fs::remove_file(entry?.path())?;
        }
        let (mut ids, mut waiting) = (Vec::new(), Waiting::default());
        for entry in fs::read_dir(folder.join("queue"))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)) else {
                continue;
            };
            waiting.bytes += entry.metadata()?.len();
            waiting.mails += 1;
            ids.push(id.to_owned());
        }
        sync(folder)?;
        let queue = Self {
            folder: folder.to_owned(),
            most,
            state: Mutex::new(waiting),
        };
        Ok((queue, ids))
    }

    /// Keeps a mail; it is durable when this returns. False if it waits already.
    pub(crate) fn push(&self, envelope: &Envelope, bytes: &[u8]) -> Result<bool, QueueError> {
        let mut head = serde_json::to_vec(envelope).map_err(io::Error::from)?;
        head.push(b'\n');
        let length = (head.len() + bytes.len()) as u64;
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.bytes + length > self.most || state.mails >= MAX_MAILS {
                return Err(QueueError::Full(state.bytes));
            }
            state.bytes += length;
            state.mails += 1;
        }
        let kept = self.write(&envelope.id, &head, bytes);
        if !matches!(kept, Ok(true)) {
            self.forget(length);
        }
        Ok(kept?)
    }

    fn write(&self, id: &str, head: &[u8], bytes: &[u8]) -> io::Result<bool> {
        let place = self.place("queue", id);
        if place.exists() {
            return Ok(false);
        }
        // Two connections may bring the same mail at the same time.
        let beside = self.place(
            "new",
            &format!("{id}-{:016x}", getrandom::u64().unwrap_or(0)),
        );
        let mut file = File::create_new(&beside)?;
        file.write_all(head)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &place)?;
        sync(&self.folder.join("queue"))?;
        Ok(true)
    }

    /// Reads a mail.
    pub(crate) fn read(&self, id: &str) -> io::Result<(Envelope, Vec<u8>)> {
        let mut reader = BufReader::new(File::open(self.place("queue", id))?);
        let mut head = Vec::new();
        reader.read_until(b'\n', &mut head)?;
        let envelope = serde_json::from_slice(&head)?;
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        Ok((envelope, bytes))
    }

    /// Forgets a mail that the functions have.
    pub(crate) fn remove(&self, id: &str) -> io::Result<()> {
        let place = self.place("queue", id);
        let length = fs::metadata(&place)?.len();
        fs::remove_file(&place)?;
        self.forget(length);
        Ok(())
    }

    /// Puts a mail aside that the functions refused for good.
    pub(crate) fn set_aside(&self, id: &str) -> io::Result<()> {
        let place = self.place("queue", id);
        let length = fs::metadata(&place)?.len();
        fs::rename(&place, self.place("refused", id))?;
        self.forget(length);
        Ok(())
    }

    /// Removes mails that were put aside long ago.
    pub(crate) fn clean(&self, keep: Duration) -> io::Result<()> {
        let oldest = SystemTime::now().checked_sub(keep);
        for entry in fs::read_dir(self.folder.join("refused"))? {
            let entry = entry?;
            if oldest.is_some_and(|oldest| {
                entry
                    .metadata()
                    .and_then(|m| m.modified())
                    .is_ok_and(|at| at < oldest)
            }) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Mails that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .mails
    }

    fn forget(&self, length: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes = state.bytes.saturating_sub(length);
        state.mails = state.mails.saturating_sub(1);
    }

    fn place(&self, below: &str, id: &str) -> PathBuf {
        self.folder.join(below).join(format!("{id}{SUFFIX}"))
    }
}

pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Mails are for their reader only.
pub(crate) fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(id: &str) -> Envelope {
        Envelope {
            id: id.to_owned(),
            received: Timestamp::from_millis(5),
            from: "a@b.example".to_owned(),
            to: vec!["x@y.example".to_owned()],
            checks: MailChecks::default(),
        }
    }

    #[test]
    fn what_was_pushed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (queue, ids) = Queue::open(folder.path(), 10_000).unwrap();
        assert!(ids.is_empty());
        assert!(
            queue
                .push(&envelope("one"), b"Subject: 1\r\n\r\n\n{}\n")
                .unwrap()
        );
        assert!(
            !queue.push(&envelope("one"), b"x").unwrap(),
            "it waits already"
        );
        assert!(queue.push(&envelope("two"), b"2").unwrap());
        fs::write(folder.path().join("new/half.mail"), b"{").unwrap();
        drop(queue);

        let (queue, mut ids) = Queue::open(folder.path(), 10_000).unwrap();
        ids.sort();
        assert_eq!(ids, ["one", "two"]);
        assert!(!folder.path().join("new/half.mail").exists());
        let (read, bytes) = queue.read("one").unwrap();
        assert_eq!(
            (read, bytes.as_slice()),
            (envelope("one"), &b"Subject: 1\r\n\r\n\n{}\n"[..])
        );
        queue.remove("one").unwrap();
        queue.set_aside("two").unwrap();
        assert_eq!(queue.waiting(), 0);
        queue.clean(Duration::from_secs(60)).unwrap();
        assert!(folder.path().join("refused/two.mail").exists());
        queue.clean(Duration::ZERO).unwrap();
        assert!(!folder.path().join("refused/two.mail").exists());
    }

    #[test]
    fn a_full_queue_takes_nothing_and_has_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let (queue, _) = Queue::open(folder.path(), 500).unwrap();
        queue.push(&envelope("one"), &[b'x'; 200]).unwrap();
        let error = queue.push(&envelope("two"), &[b'x'; 200]).unwrap_err();
        assert!(matches!(error, QueueError::Full(_)), "{error}");
        queue.remove("one").unwrap();
        queue.push(&envelope("two"), &[b'x'; 200]).unwrap();
    }
}
