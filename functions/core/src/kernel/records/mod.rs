//! Small JSON records in the object store.

mod account;
mod connection;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::kernel::host::Host;
use bytes::Bytes;
use protocol::{Backoff, Jitter, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage_adapter::{ETag, GetOptions, MaybeSend, ObjectStore, PutMode, StoreError};

use crate::kernel::Kernel;
use crate::kernel::body::collect;

pub(crate) use account::{AccountRecord, ArchivePlace, Grant, Invite};

/// The largest record in bytes.
const MAX_RECORD: u64 = 1024 * 1024;
/// Entries of a listing page of the store.
const PAGE: usize = 1000;
/// The most records that one listing reads.
const MAX_LISTED: usize = 100_000;
/// How often a record is read, changed and written again when others write it at the same time.
const MAX_ATTEMPTS: u32 = 12;

/// For how long a damaged record is not spoken of again, in milliseconds: an hour.
const SAID_MS: i64 = 60 * 60 * 1000;
/// Waits after others changed a record at the same time.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(640));
/// Damaged records that are remembered.
const MAX_DAMAGED: usize = 1_000;

/// Says that a record is damaged.
pub(crate) fn damaged(key: &str, error: &serde_json::Error) -> String {
    format!("the record {key} is damaged and waits for the operator to repair it: {error}")
}

/// Records that could not be read, and when that was said.
#[derive(Debug, Default)]
pub(crate) struct Damage(Mutex<BTreeMap<String, Timestamp>>);

impl Damage {
    /// Notes one; true if it is to be said.
    fn note(&self, key: &str, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |said: &Timestamp| (0..SAID_MS).contains(&(now.millis() - said.millis()));
        if known.get(key).is_some_and(recent) {
            return false;
        }
        if known.len() < MAX_DAMAGED || known.contains_key(key) {
            known.insert(key.to_owned(), now);
        }
        true
    }

    /// One can be read (again).
    fn mended(&self, key: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.is_empty() {
            known.remove(key);
        }
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What a change of a record comes to.
pub(crate) enum Edit<R> {
    /// Write it.
    Write(R),
    /// Leave it as it is.
    Keep(R),
}

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Reads a record; `None` if there is none.
    pub(crate) async fn load<T: DeserializeOwned + MaybeSend>(
        &self,
        key: &str,
    ) -> Result<Option<(T, ETag)>, StoreError> {
        let object = match self.storage.store().get(key, GetOptions::default()).await {
            Ok(object) => object,
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = collect(object.body, MAX_RECORD).await?;
        match serde_json::from_slice(&bytes) {
            Ok(record) => {
                self.damage.mended(key);
                Ok(Some((record, object.etag)))
            }
            Err(error) => {
                self.note_damage(key, &error);
                Err(StoreError::Damaged(damaged(key, &error)))
            }
        }
    }

    /// Notes that a record cannot be read: the host says so, and metrics count it.
    pub(crate) fn note_damage(&self, key: &str, error: &serde_json::Error) {
        if self.damage.note(key, self.now()) {
            self.storage.host().tell_damaged(&damaged(key, error));
        }
    }

    /// Notes that a record can be read (again).
    pub(crate) fn note_mended(&self, key: &str) {
        self.damage.mended(key);
    }

    /// Returns how many records could not be read when they were looked at last.
    pub(crate) fn damaged_records(&self) -> usize {
        self.damage.count()
    }

    /// Reads what is only a note to ourselves, such as a counter: one that is damaged starts over. Returns how it is to be
    /// written.
    pub(crate) async fn load_note<T: DeserializeOwned + MaybeSend>(
        &self,
        key: &str,
    ) -> Result<(Option<T>, PutMode), StoreError> {
        match self.load::<T>(key).await {
            Ok(Some((note, etag))) => Ok((Some(note), PutMode::IfMatch(etag))),
            Ok(None) => Ok((None, PutMode::IfAbsent)),
            Err(StoreError::Damaged(_)) => Ok((None, PutMode::Overwrite)),
            Err(error) => Err(error),
        }
    }

    /// Writes a record.
    pub(crate) async fn store<T: Serialize + Sync>(
        &self,
        key: &str,
        record: &T,
        mode: PutMode,
    ) -> Result<ETag, StoreError> {
        let bytes = serde_json::to_vec(record)
            .map_err(|error| StoreError::Denied(format!("the record {key}: {error}")))?;
        let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from(bytes))]));
        self.storage.store().put(key, body, mode).await
    }

    /// Changes a record by compare and swap; `None` if there is none.
    pub(crate) async fn edit<T, R>(
        &self,
        key: &str,
        mut change: impl FnMut(&mut T) -> Edit<R> + MaybeSend,
    ) -> Result<Option<R>, StoreError>
    where
        T: Serialize + DeserializeOwned + MaybeSend + Sync,
        R: MaybeSend,
    {
        for attempt in 0..MAX_ATTEMPTS {
            let Some((mut record, etag)) = self.load::<T>(key).await? else {
                return Ok(None);
            };
            let result = match change(&mut record) {
                Edit::Keep(result) => return Ok(Some(result)),
                Edit::Write(result) => result,
            };
            match self.store(key, &record, PutMode::IfMatch(etag)).await {
                Ok(_) => return Ok(Some(result)),
                Err(StoreError::Precondition) => self.back_off(attempt).await,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Precondition)
    }

    /// Changes a record by compare and swap; it begins with the default.
    pub(crate) async fn upsert<T, R>(
        &self,
        key: &str,
        mut change: impl FnMut(&mut T) -> Edit<R> + MaybeSend,
    ) -> Result<R, StoreError>
    where
        T: Default + Serialize + DeserializeOwned + MaybeSend + Sync,
        R: MaybeSend,
    {
        for attempt in 0..MAX_ATTEMPTS {
            // These are notes to ourselves; one that is damaged must not stop what it is a note of.
            let (record, mode) = self.load_note::<T>(key).await?;
            let mut record = record.unwrap_or_default();
            let result = match change(&mut record) {
                Edit::Keep(result) => return Ok(result),
                Edit::Write(result) => result,
            };
            match self.store(key, &record, mode).await {
                Ok(_) => return Ok(result),
                Err(StoreError::Precondition) => self.back_off(attempt).await,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Precondition)
    }

    /// Adds a record to those below a prefix, of which there may be so many; false if there are as many already. It is
    /// counted again once it is there: of several at once each sees those that were written before it, so that never
    /// more stay than may be, though none may stay of the last that came at once.
    pub(crate) async fn add_within<T: Serialize + Sync>(
        &self,
        prefix: &str,
        key: &str,
        record: &T,
        most: usize,
    ) -> Result<bool, StoreError> {
        if self.list_keys(prefix).await?.len() >= most {
            return Ok(false);
        }
        self.store(key, record, PutMode::IfAbsent).await?;
        if self.list_keys(prefix).await?.len() > most {
            self.storage.store().delete(key).await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Lists the keys below a prefix.
    pub(crate) async fn list_keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys.last().cloned();
            let page = self.storage.store().list(prefix, after.as_deref()).await?;
            let last = page.len() < PAGE;
            keys.extend(page.into_iter().map(|entry| entry.key));
            if last || keys.len() >= MAX_LISTED {
                return Ok(keys);
            }
        }
    }

    /// Reads all records below a prefix; those that vanish meanwhile are left out, and so are those that are damaged, so
    /// that one does not hide all others.
    pub(crate) async fn load_all<T: DeserializeOwned + MaybeSend>(
        &self,
        prefix: &str,
    ) -> Result<Vec<T>, StoreError> {
        let mut records = Vec::new();
        for key in self.list_keys(prefix).await? {
            match self.load(&key).await {
                Ok(Some((record, _))) => records.push(record),
                Ok(None) | Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }

    /// Waits a little longer after every attempt, with jitter.
    pub(crate) async fn back_off(&self, attempt: u32) {
        let [random] = self.random::<1>();
        // Repeated, a byte is as even as a number of 64 bits.
        let random = u64::from_ne_bytes([random; 8]);
        let pause = Jitter::Equal.of(BACKOFF.after(attempt), random);
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.storage.host().sleep(millis).await;
    }
}
