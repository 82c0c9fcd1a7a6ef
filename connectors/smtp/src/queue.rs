//! Mails on disk, from the 250 until the functions have them.
//!
//! One file per mail, a line of JSON and the bytes, in a [`FolderQueue`]. It is durable before the 250 is sent; a
//! file that a crash left incomplete was never acknowledged.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use durable::{Disk, FolderQueue, is_full};
use mutex::lock;
use protocol::{MailChecks, Timestamp};
use serde::{Deserialize, Serialize};

/// The suffix of a mail's file name.
pub(crate) const SUFFIX: &str = ".mail";
/// Maximum number of waiting mails.
const MAX_MAILS: usize = 20_000;
/// Waiting mails use at most this fraction (1/n) of the disk, whatever [`crate::Limits::queue_bytes`] allows.
const MOST_OF_DISK: u64 = 4;

/// A mail's metadata.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Envelope {
    /// The mail's id.
    pub(crate) id: String,
    /// When it was received.
    pub(crate) received: Timestamp,
    /// The envelope's sender.
    pub(crate) from: String,
    /// Its recipients.
    pub(crate) to: Vec<String>,
    /// The result of the sender checks.
    pub(crate) checks: MailChecks,
}

/// A mail could not be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    #[error("the queue is full: {0} bytes wait to be handed over")]
    Full(u64),
    #[error("the disk is full: {0}")]
    NoRoom(io::Error),
    #[error("the same mail is being written at the moment")]
    Busy,
    #[error("the queue cannot be used: {0}")]
    Io(io::Error),
}

impl From<io::Error> for QueueError {
    fn from(error: io::Error) -> Self {
        if is_full(&error) {
            Self::NoRoom(error)
        } else {
            Self::Io(error)
        }
    }
}

/// The folder. Calls block; they belong on threads that may block.
#[derive(Debug)]
pub(crate) struct Queue {
    most: u64,
    files: FolderQueue,
    state: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Includes mails being written.
    bytes: u64,
    /// The size of each mail.
    mails: HashMap<String, u64>,
    writing: HashSet<String>,
    /// Mails that could not be read at the last attempt.
    unread: HashSet<String>,
}

/// The content found when the folder is opened.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Waiting mails.
    pub(crate) waiting: Vec<String>,
    /// Mails that were being processed when the process ended.
    pub(crate) suspects: Vec<String>,
}

impl Queue {
    /// Opens the folder, creating it if it is missing, and returns the names of waiting mails.
    pub(crate) fn open(folder: &Path, most: u64) -> io::Result<(Self, Found)> {
        Self::open_on(Disk::default(), folder, most)
    }

    /// Like [`Queue::open`], on a disk that may fail.
    fn open_on(disk: Disk, folder: &Path, most: u64) -> io::Result<(Self, Found)> {
        let part = disk.space(folder).map(|space| space.size / MOST_OF_DISK);
        let most = part.map_or(most, |part| most.min(part));
        let (files, found) = FolderQueue::open(disk, folder, SUFFIX, &["refused"])?;
        let found = Found {
            waiting: found.waiting,
            suspects: found.suspects,
        };
        let mut waiting = Waiting::default();
        for id in found.waiting.iter().chain(&found.suspects) {
            let length = files.length(id)?;
            waiting.bytes += length;
            waiting.mails.insert(id.clone(), length);
        }
        let queue = Self {
            most,
            files,
            state: Mutex::new(waiting),
        };
        Ok((queue, found))
    }

    /// Refuses a mail of this size if it would not fit, both here and later among the documents, beside the reserve.
    /// Waiting mails become documents before it does.
    pub(crate) fn check_room(&self, length: u64) -> Result<(), QueueError> {
        let waiting = self.state().bytes;
        self.check_beside(waiting, length)
    }

    fn check_beside(&self, waiting: u64, length: u64) -> Result<(), QueueError> {
        if waiting.saturating_add(length) > self.most {
            return Err(QueueError::Full(waiting));
        }
        let needed = waiting.saturating_add(length.saturating_mul(2));
        Ok(self.files.check_room(needed)?)
    }

    /// Stores a mail; it is durable when this returns. Returns false if it is waiting already.
    pub(crate) fn push(&self, envelope: &Envelope, bytes: &[u8]) -> Result<bool, QueueError> {
        let id = &envelope.id;
        let mut head = serde_json::to_vec(envelope).map_err(io::Error::from)?;
        head.push(b'\n');
        let length = (head.len() + bytes.len()) as u64;
        {
            let mut state = self.state();
            if state.mails.contains_key(id) {
                return Ok(false);
            }
            if state.mails.len() + state.writing.len() >= MAX_MAILS {
                return Err(QueueError::Full(state.bytes));
            }
            self.check_beside(state.bytes, length)?;
            // Two connections may deliver the same mail at the same time.
            if !state.writing.insert(id.clone()) {
                return Err(QueueError::Busy);
            }
            state.bytes += length;
        }
        let kept = self.files.keep(id, &[&head, bytes]);
        let mut state = self.state();
        state.writing.remove(id);
        match kept {
            Ok(()) => {
                state.mails.insert(id.clone(), length);
                Ok(true)
            }
            Err(error) => {
                state.bytes = state.bytes.saturating_sub(length);
                Err(error.into())
            }
        }
    }

    /// Reads a mail.
    pub(crate) fn read(&self, id: &str) -> io::Result<(Envelope, Vec<u8>)> {
        let read = self.files.read(id, u64::MAX);
        let read = read.and_then(|(head, bytes)| Ok((serde_json::from_slice(&head)?, bytes)));
        match &read {
            Ok(_) => {
                self.state().unread.remove(id);
            }
            // It is done.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => {
                self.state().unread.insert(id.to_owned());
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

    /// Sets aside a mail that cannot be processed.
    pub(crate) fn set_aside(&self, id: &str) -> io::Result<()> {
        self.files.set_aside(id)?;
        self.forget(id);
        Ok(())
    }

    /// Keeps aside a mail that was never accepted, for the operator to inspect.
    pub(crate) fn keep_aside(&self, envelope: &Envelope, bytes: &[u8]) -> Result<(), QueueError> {
        self.check_room(bytes.len() as u64)?;
        let mut mail = serde_json::to_vec(envelope).map_err(io::Error::from)?;
        mail.push(b'\n');
        mail.extend_from_slice(bytes);
        let name = format!("{}{SUFFIX}", envelope.id);
        Ok(self.files.note("broken", &name, &mail)?)
    }

    /// Removes a mail that the functions have.
    pub(crate) fn remove(&self, id: &str) -> io::Result<()> {
        self.files.remove(id)?;
        self.forget(id);
        Ok(())
    }

    /// Sets aside a mail that the functions refused permanently.
    pub(crate) fn refuse(&self, id: &str) -> io::Result<()> {
        self.files.move_to("refused", id)?;
        self.forget(id);
        Ok(())
    }

    /// Removes mails that were set aside long ago.
    pub(crate) fn clean(&self, keep: Duration) -> io::Result<()> {
        self.files.clean("refused", keep)?;
        self.files.clean("broken", keep)
    }

    /// Waiting mails.
    pub(crate) fn waiting(&self) -> usize {
        self.state().mails.len()
    }

    /// Mails set aside because processing them did not complete.
    pub(crate) fn broken(&self) -> usize {
        self.files.broken()
    }

    /// Mails that cannot be read.
    pub(crate) fn damaged(&self) -> usize {
        self.state().unread.len()
    }

    fn forget(&self, id: &str) {
        let mut state = self.state();
        state.unread.remove(id);
        if let Some(length) = state.mails.remove(id) {
            state.bytes = state.bytes.saturating_sub(length);
        }
    }

    fn state(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use durable::Refusal;
    use durable::contract::{self, Keeper, Newest};
    use durable::faults::{Fault, Plan, ways_to_fail};

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
        let (queue, found) = Queue::open(folder.path(), 10_000).unwrap();
        assert!(found.waiting.is_empty());
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

        let (queue, mut found) = Queue::open(folder.path(), 10_000).unwrap();
        found.waiting.sort();
        assert_eq!(found.waiting, ["one", "two"]);
        assert!(!folder.path().join("new/half.mail").exists());
        let (read, bytes) = queue.read("one").unwrap();
        assert_eq!(
            (read, bytes.as_slice()),
            (envelope("one"), &b"Subject: 1\r\n\r\n\n{}\n"[..])
        );
        queue.remove("one").unwrap();
        queue.refuse("two").unwrap();
        assert_eq!(queue.waiting(), 0);
        queue.clean(Duration::from_secs(60)).unwrap();
        assert!(folder.path().join("refused/two.mail").exists());
        queue.clean(Duration::ZERO).unwrap();
        assert!(!folder.path().join("refused/two.mail").exists());
    }

    #[test]
    fn a_mail_that_cannot_be_read_is_counted_until_it_can_or_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (queue, _) = Queue::open(folder.path(), 10_000).unwrap();
        for id in ["one", "two"] {
            queue.push(&envelope(id), b"1").unwrap();
        }
        let place = folder.path().join("queue/one.mail");
        let whole = fs::read(&place).unwrap();
        fs::write(&place, b"nonsense\n1").unwrap();
        for _ in 0..2 {
            assert!(queue.read("one").is_err());
            assert_eq!(queue.damaged(), 1, "once for each mail");
        }
        queue.read("two").unwrap();
        fs::write(&place, whole).unwrap();
        queue.read("one").unwrap();
        assert_eq!(queue.damaged(), 0);
        fs::write(&place, b"nonsense\n1").unwrap();
        assert!(queue.read("one").is_err());
        queue.remove("one").unwrap();
        assert!(queue.read("one").is_err());
        assert_eq!(queue.damaged(), 0);
    }

    #[test]
    fn a_mail_that_is_worked_on_is_there_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (queue, _) = Queue::open(folder.path(), 10_000).unwrap();
        queue.push(&envelope("one"), b"1").unwrap();
        queue.begin("one").unwrap();
        assert!(!queue.push(&envelope("one"), b"1").unwrap());
        assert_eq!(queue.read("one").unwrap().1, b"1");
        drop(queue);
        let (queue, found) = Queue::open(folder.path(), 10_000).unwrap();
        assert_eq!(
            (found.waiting.len(), found.suspects.as_slice()),
            (0, &["one".to_owned()][..])
        );
        assert_eq!(
            (queue.waiting(), queue.read("one").unwrap().1),
            (1, b"1".to_vec())
        );
        queue.begin("one").unwrap();
        drop(queue);
        let (queue, found) = Queue::open(folder.path(), 10_000).unwrap();
        assert!(found.waiting.is_empty() && found.suspects.is_empty());
        assert_eq!((queue.waiting(), queue.broken()), (0, 1));
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

    fn left(size: u64, more: u64) -> durable::Space {
        durable::Space {
            size,
            free: durable::reserve_of(size) + more,
        }
    }

    #[test]
    fn a_mail_that_would_take_of_the_reserve_is_refused_and_work_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        let (queue, _) = Queue::open_on(plan.disk(), folder.path(), 100_000).unwrap();
        queue.push(&envelope("one"), &[b'x'; 200]).unwrap();
        // The waiting one becomes a document, and so does the next.
        let waiting = queue.state().bytes;
        plan.leave(Some(left(1 << 30, waiting + 2_000)));
        queue.check_room(1_000).unwrap();
        for refused in [
            queue.check_room(1_001),
            queue.push(&envelope("two"), &[b'x'; 1_000]).map(drop),
        ] {
            assert!(matches!(refused, Err(QueueError::NoRoom(_))), "{refused:?}");
        }
        plan.leave(Some(left(1 << 30, 0)));
        queue.begin("one").unwrap();
        queue.end("one").unwrap();
        queue.remove("one").unwrap();
        assert_eq!((queue.waiting(), queue.state().bytes), (0, 0));
    }

    #[test]
    fn mails_take_a_part_of_a_small_disk_only() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        plan.leave(Some(left(4_000, 3_000)));
        let (queue, _) = Queue::open_on(plan.disk(), folder.path(), u64::MAX).unwrap();
        queue.push(&envelope("one"), &[b'x'; 500]).unwrap();
        let error = queue.push(&envelope("two"), &[b'x'; 500]).unwrap_err();
        assert!(matches!(error, QueueError::Full(_)), "{error}");
    }

    #[test]
    fn folders_for_which_there_was_no_room_are_made_once_there_is() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("incoming");
        let (queue, _) = Queue::open(&folder, 10_000).unwrap();
        // As after a start on a full disk.
        fs::remove_dir_all(&folder).unwrap();
        for id in ["one", "two", "three"] {
            queue.push(&envelope(id), b"1").unwrap();
        }
        queue.begin("one").unwrap();
        queue.end("one").unwrap();
        queue.set_aside("two").unwrap();
        queue.refuse("three").unwrap();
        assert_eq!((queue.waiting(), queue.broken()), (1, 1));
        drop(queue);
        let (queue, found) = Queue::open(&folder, 10_000).unwrap();
        assert_eq!(found.waiting, ["one"]);
        assert_eq!(queue.read("one").unwrap().1, b"1");
        // A start also succeeds without any of them, when none could be created.
        fs::remove_dir_all(&folder).unwrap();
        let plan = Plan::default();
        plan.set(Fault::after(0, usize::MAX, io::ErrorKind::StorageFull));
        let (queue, found) = Queue::open_on(plan.disk(), &folder, 10_000).unwrap();
        assert!(found.waiting.is_empty() && found.suspects.is_empty());
        assert!(!folder.exists() && queue.waiting() == 0);
    }

    #[test]
    fn whatever_the_disk_refuses_leaves_nothing_and_is_new_when_it_comes_again() {
        for fault in ways_to_fail() {
            let folder = tempfile::tempdir().unwrap();
            let plan = Plan::default();
            let (queue, _) = Queue::open_on(plan.disk(), folder.path(), 500).unwrap();
            let (named, full) = (
                format!("{fault:?}"),
                fault.kind == io::ErrorKind::StorageFull,
            );
            plan.set(fault);
            let error = queue.push(&envelope("one"), &[b'x'; 200]).unwrap_err();
            assert_eq!(
                matches!(error, QueueError::NoRoom(_)),
                full,
                "{named}: {error}"
            );
            for below in ["new", "queue"] {
                let left = fs::read_dir(folder.path().join(below)).unwrap().count();
                assert_eq!(left, 0, "{named}: {below}");
            }
            assert_eq!((queue.waiting(), queue.state().bytes), (0, 0), "{named}");
            assert!(
                queue.push(&envelope("one"), &[b'x'; 200]).unwrap(),
                "{named}"
            );
            assert_eq!(queue.read("one").unwrap().1.len(), 200, "{named}");
        }
    }

    fn refusal(error: QueueError) -> Refusal {
        match error {
            QueueError::NoRoom(_) => Refusal::Full,
            QueueError::Io(error) => Refusal::from(&error),
            QueueError::Full(_) | QueueError::Busy => panic!("{error}"),
        }
    }

    impl Keeper for Queue {
        fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
            let (queue, found) = Self::open_on(disk, folder, u64::MAX)?;
            assert_eq!(queue.broken(), 0);
            assert!(found.suspects.len() <= 1);
            Ok(queue)
        }

        fn keep(&mut self, item: u32) -> Result<(), Refusal> {
            let kept = self.push(&envelope(&item.to_string()), b"Subject: x\r\n\r\n");
            assert!(*kept.as_ref().unwrap_or(&true), "it was refused before");
            kept.map(drop).map_err(refusal)
        }

        fn tidy(&mut self) -> Result<(), Refusal> {
            // The two steps of processing a mail.
            let worked = self.begin("0").and_then(|()| self.end("0"));
            worked.map_err(|error| Refusal::from(&error))
        }

        fn kept(&self) -> Vec<u32> {
            let names: Vec<String> = self.state().mails.keys().cloned().collect();
            names
                .iter()
                .map(|name| {
                    let (read, bytes) = self.read(name).unwrap();
                    assert_eq!((&read.id, bytes.len()), (name, 14));
                    name.parse().unwrap()
                })
                .collect()
        }

        fn newest(folder: &Path) -> Newest {
            Newest::of_queue(folder)
        }
    }

    #[test]
    fn mail_is_kept() {
        contract::run_all::<Queue>();
    }

    #[test]
    fn a_killed_process_loses_nothing() {
        contract::a_killed_process_loses_nothing::<Queue>(
            "queue::tests::a_killed_process_loses_nothing",
        );
    }
}
