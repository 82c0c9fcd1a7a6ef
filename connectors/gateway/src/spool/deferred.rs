//! Messages of accounts whose archive cannot be written: one folder of segments each, `held/<account>`.
//!
//! The rest of the spool continues without them. Here too, a record is removed only once it is published; after a
//! crash it may be both here and in the spool, which is harmless because events have ids.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use durable::{Disk, Reader, Records, frame};
use protocol::AccountName;
use tokio::sync::watch;

use super::{SpoolConfig, SpoolError};
use mutex::lock;

/// Folder name.
const FOLDER: &str = "held";
/// One account's segments are this fraction (1/n) of [`SpoolConfig::deferred_bytes`], so that space is
/// released in steps.
const SEGMENTS: u64 = 16;

/// Deferred messages by account.
#[derive(Debug)]
pub(crate) struct Deferred {
    disk: Disk,
    dir: PathBuf,
    segment_bytes: u64,
    account_bytes: u64,
    total_bytes: u64,
    accounts: Mutex<HashMap<AccountName, Folder>>,
    /// Bytes by account, separate so that callers of `append` do not wait for the disk.
    sizes: Mutex<HashMap<AccountName, u64>>,
    retry: watch::Sender<()>,
    /// Damaged records, and folders that could not be opened.
    damaged: AtomicU64,
}

#[derive(Debug)]
struct Folder {
    store: Records,
    reader: Reader,
    cursor: u64,
}

impl Deferred {
    /// Opens the existing folders; every unpublished record is passed to `visit`.
    pub(super) fn open(
        disk: &Disk,
        spool: &Path,
        config: &SpoolConfig,
        mut visit: impl FnMut(&[u8]),
    ) -> io::Result<Self> {
        let deferred = Self {
            disk: disk.clone(),
            dir: spool.join(FOLDER),
            segment_bytes: (config.deferred_bytes / SEGMENTS).max(1),
            account_bytes: config.deferred_bytes,
            total_bytes: config.max_bytes,
            accounts: Mutex::default(),
            sizes: Mutex::default(),
            retry: watch::Sender::new(()),
            damaged: AtomicU64::new(0),
        };
        let entries = match fs::read_dir(&deferred.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(deferred),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry?.file_name();
            let Some(account) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let account: AccountName = account;
            let mut records = Vec::new();
            let dir = deferred.dir.join(&name);
            let opened = deferred.records(&dir, |number, record| {
                records.push((number, record.to_vec()));
            });
            let store = match opened {
                Ok(store) => store,
                Err(error) => {
                    // A problem with one account's folder must not affect the others.
                    deferred.damaged.fetch_add(1, Relaxed);
                    let aside = deferred.dir.join(format!("{account}.damaged"));
                    tracing::error!(%account, %error, aside = %aside.display(),
                        "an account's deferred messages cannot be read; they are set aside");
                    if let Err(error) = fs::rename(&dir, &aside) {
                        tracing::error!(%account, %error, "they cannot be set aside either");
                    }
                    continue;
                }
            };
            deferred.damaged.fetch_add(store.damaged() as u64, Relaxed);
            let cursor = store.cursor();
            if cursor >= store.end() {
                drop(store);
                if let Err(error) = fs::remove_dir_all(dir) {
                    tracing::warn!(%account, %error, "an empty folder of the spool cannot be removed");
                }
                continue;
            }
            records.retain(|(number, _)| *number >= cursor);
            records.iter().for_each(|(_, record)| visit(record));
            deferred.insert(account, store, cursor);
        }
        Ok(deferred)
    }

    /// Damaged records, and folders that could not be opened.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged.load(Relaxed)
    }

    fn records(&self, dir: &Path, visit: impl FnMut(u64, &[u8])) -> io::Result<Records> {
        Records::open(self.disk.clone(), dir, self.segment_bytes, visit)
    }

    fn insert(&self, account: AccountName, store: Records, cursor: u64) {
        lock(&self.sizes).insert(account.clone(), store.bytes());
        let folder = Folder {
            store,
            reader: Reader::default(),
            cursor,
        };
        lock(&self.accounts).insert(account, folder);
    }

    /// Refuses if the account has used up its room, or all accounts together theirs.
    pub(super) fn check(&self, account: &AccountName) -> Result<(), SpoolError> {
        let sizes = lock(&self.sizes);
        let Some(&size) = sizes.get(account) else {
            return Ok(());
        };
        if size >= self.account_bytes || sizes.values().sum::<u64>() >= self.total_bytes {
            return Err(SpoolError::Deferred(account.clone(), size));
        }
        Ok(())
    }

    /// Accounts with deferred messages.
    pub(crate) fn accounts(&self) -> HashSet<AccountName> {
        lock(&self.sizes).keys().cloned().collect()
    }

    /// The number of accounts, and the bytes they use on disk.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let sizes = lock(&self.sizes);
        (sizes.len() as u64, sizes.values().sum())
    }

    /// Makes an account's records durable here; returns true if it had none. Blocks for a sync.
    pub(crate) fn defer(&self, account: &AccountName, records: &[&[u8]]) -> io::Result<bool> {
        let mut frames = Vec::new();
        for record in records {
            frame::write(&mut frames, record);
        }
        let mut accounts = lock(&self.accounts);
        let new = !accounts.contains_key(account);
        if new {
            let store = self.records(&self.dir.join(account.as_str()), |_, _| {})?;
            let cursor = store.cursor();
            let folder = Folder {
                store,
                reader: Reader::default(),
                cursor,
            };
            accounts.insert(account.clone(), folder);
        }
        if let Some(folder) = accounts.get_mut(account) {
            let written = folder.store.append(&frames, records.len() as u64);
            if written.is_err() && new {
                // Nothing is deferred for it, so the caller may try again.
                accounts.remove(account);
                return written.map(|()| new);
            }
            lock(&self.sizes).insert(account.clone(), folder.store.bytes());
            written?;
        }
        Ok(new)
    }

    /// Reads an account's oldest records; returns them with the number after the last.
    pub(crate) fn read(
        &self,
        account: &AccountName,
        count: usize,
        bytes: usize,
    ) -> io::Result<(Vec<Vec<u8>>, u64)> {
        let mut accounts = lock(&self.accounts);
        let Some(folder) = accounts.get_mut(account) else {
            return Ok((Vec::new(), 0));
        };
        let (dir, segments) = (self.dir.join(account.as_str()), folder.store.segments());
        let records = folder
            .reader
            .read(&dir, &segments, folder.cursor, count, bytes);
        let set_aside = folder.reader.take_set_aside();
        self.damaged.fetch_add(set_aside, Relaxed);
        let records = match records {
            Ok(records) => records,
            Err(error) => {
                folder.reader = Reader::default();
                return Err(error);
            }
        };
        let next = records
            .last()
            .map_or(folder.cursor, |(number, _)| number + 1);
        // One that was damaged meanwhile is set aside.
        let whole = records.into_iter().filter_map(|(_, record)| record.whole());
        Ok((whole.collect(), next))
    }

    /// Marks the records before number `next` as published; returns true if nothing is deferred any longer.
    pub(crate) fn published(&self, account: &AccountName, next: u64) -> io::Result<bool> {
        let mut accounts = lock(&self.accounts);
        let Some(folder) = accounts.get_mut(account) else {
            return Ok(true);
        };
        folder.cursor = next.clamp(folder.cursor, folder.store.end());
        if folder.cursor == folder.store.end() {
            accounts.remove(account);
            lock(&self.sizes).remove(account);
            fs::remove_dir_all(self.dir.join(account.as_str()))?;
            return Ok(true);
        }
        folder.store.save_cursor(folder.cursor)?;
        folder.store.trim(folder.cursor)?;
        lock(&self.sizes).insert(account.clone(), folder.store.bytes());
        Ok(false)
    }

    /// Something may have changed: whoever is waiting to retry need not wait any longer.
    pub(crate) fn retry(&self) {
        self.retry.send_replace(());
    }

    /// Returns a receiver that changes at every [`Deferred::retry`], including one that happens while nobody waits
    /// for it.
    pub(crate) fn retried(&self) -> watch::Receiver<()> {
        self.retry.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: SpoolConfig = SpoolConfig {
        max_bytes: 1_000,
        segment_bytes: 100,
        deferred_bytes: 160,
    };

    fn open(dir: &Path) -> (Deferred, Vec<Vec<u8>>) {
        let mut found = Vec::new();
        let deferred = Deferred::open(&Disk::default(), dir, &CONFIG, |record| {
            found.push(record.to_vec())
        })
        .unwrap();
        (deferred, found)
    }

    #[test]
    fn what_is_held_outlives_a_restart_until_it_is_published() {
        let dir = tempfile::tempdir().unwrap();
        let (alice, bob): (AccountName, AccountName) =
            ("alice".parse().unwrap(), "bob".parse().unwrap());
        let (deferred, found) = open(dir.path());
        assert!(found.is_empty());
        assert!(deferred.defer(&alice, &[b"1", b"2"]).unwrap());
        assert!(!deferred.defer(&alice, &[b"3"]).unwrap());
        assert!(deferred.defer(&bob, &[b"x"]).unwrap());
        let (records, next) = deferred.read(&alice, 2, 1_000).unwrap();
        assert_eq!(records, [b"1", b"2"]);
        assert!(!deferred.published(&alice, next).unwrap());
        assert_eq!(deferred.read(&alice, 9, 1_000).unwrap().0, [b"3"]);
        drop(deferred);
        let (deferred, mut found) = open(dir.path());
        found.sort();
        assert_eq!(found, [b"3", b"x"]);
        let (_, next) = deferred.read(&alice, 9, 1_000).unwrap();
        assert!(deferred.published(&alice, next).unwrap());
        assert_eq!(deferred.accounts(), HashSet::from([bob]));
        assert!(!dir.path().join("held/alice").exists());
        assert!(deferred.defer(&alice, &[b"4"]).unwrap());
        assert_eq!(deferred.read(&alice, 9, 1_000).unwrap().0, [b"4"]);
    }

    #[test]
    fn a_folder_that_cannot_be_read_stops_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let (alice, bob): (AccountName, AccountName) =
            ("alice".parse().unwrap(), "bob".parse().unwrap());
        let (deferred, _) = open(dir.path());
        deferred.defer(&alice, &[b"1"]).unwrap();
        deferred.defer(&bob, &[b"2"]).unwrap();
        drop(deferred);
        // A folder instead of a segment.
        let segment = dir.path().join("held/alice/0000000000000000.spool");
        fs::remove_file(&segment).unwrap();
        fs::create_dir(&segment).unwrap();
        let (deferred, found) = open(dir.path());
        assert_eq!(found, [b"2"]);
        assert_eq!(deferred.accounts(), HashSet::from([bob]));
        assert!(dir.path().join("held/alice.damaged").exists());
        assert_eq!(deferred.damaged(), 1);
        // New messages are deferred again.
        assert!(deferred.defer(&alice, &[b"3"]).unwrap());
        drop(deferred);
        let (_, mut found) = open(dir.path());
        found.sort();
        assert_eq!(found, [b"2", b"3"]);
    }

    #[test]
    fn a_damaged_record_is_counted_and_the_others_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let alice: AccountName = "alice".parse().unwrap();
        let (deferred, _) = open(dir.path());
        // Records are JSON objects; the next one is found by that.
        let records: [&[u8]; 3] = [br#"{"id":1}"#, br#"{"id":2}"#, br#"{"id":3}"#];
        deferred.defer(&alice, &records).unwrap();
        drop(deferred);
        let segment = dir.path().join("held/alice/0000000000000000.spool");
        let mut bytes = fs::read(&segment).unwrap();
        let at = bytes
            .windows(8)
            .position(|part| part == records[1])
            .unwrap();
        bytes[at] ^= 1;
        fs::write(&segment, bytes).unwrap();
        let (deferred, found) = open(dir.path());
        assert_eq!(found, [records[0], records[2]]);
        assert_eq!(deferred.damaged(), 1);
        let (read, next) = deferred.read(&alice, 9, 1_000).unwrap();
        assert_eq!(read, [records[0], records[2]]);
        assert!(deferred.published(&alice, next).unwrap());
    }

    #[test]
    fn an_account_that_has_used_up_its_room_is_refused_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (alice, bob): (AccountName, AccountName) =
            ("alice".parse().unwrap(), "bob".parse().unwrap());
        let (deferred, _) = open(dir.path());
        deferred.defer(&alice, &[&[b'x'; 100]]).unwrap();
        deferred.check(&alice).unwrap();
        deferred.defer(&alice, &[&[b'x'; 100]]).unwrap();
        assert!(
            matches!(deferred.check(&alice), Err(SpoolError::Deferred(name, 216)) if name == alice)
        );
        deferred.check(&bob).unwrap();
        // Room is released as records are published.
        let (_, next) = deferred.read(&alice, 1, 1_000).unwrap();
        deferred.published(&alice, next).unwrap();
        deferred.check(&alice).unwrap();
    }
}
