//! Small JSON records in the object store.

mod account;
mod connection;
mod unread;

use std::time::Duration;

use crate::kernel::host::Host;
use bytes::Bytes;
use protocol::{Backoff, Jitter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage_adapter::{ETag, GetOptions, MaybeSend, ObjectStore, PutMode, StoreError};

use crate::kernel::Kernel;
use crate::kernel::body::collect;

pub(crate) use account::{AccountRecord, ArchivePlace, Grant, Invite};
pub(crate) use unread::{Unread, damaged, too_large};

/// The largest record in bytes.
const MAX_RECORD: u64 = 1024 * 1024;
/// Entries of a listing page of the store.
const PAGE: usize = 1000;
/// The most records that one listing reads.
const MAX_LISTED: usize = 100_000;
/// How often a change of a record is retried when there are concurrent writes.
const MAX_ATTEMPTS: u32 = 12;

/// The wait after concurrent changes of a record.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(640));

/// The outcome of a change to a record.
pub(crate) enum Edit<R> {
    /// Write it.
    Write(R),
    /// Leave it as it is.
    Keep(R),
}

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Reads a record; `None` if there is none.
    ///
    /// # Errors
    /// If the store can read other records but not this one, only its account is affected ([`StoreError::is_own`]).
    pub(crate) async fn load<T: DeserializeOwned + MaybeSend>(
        &self,
        key: &str,
    ) -> Result<Option<(T, ETag)>, StoreError> {
        let object = match self.storage.store().get(key, GetOptions::default()).await {
            Ok(object) => object,
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(self.whose(key, error).await),
        };
        let bytes = match collect(object.body, MAX_RECORD).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(self.note_damage(key, &too_large(MAX_RECORD))),
            Err(error) => return Err(self.whose(key, error).await),
        };
        match serde_json::from_slice(&bytes) {
            Ok(record) => {
                self.note_mended(key);
                Ok(Some((record, object.etag)))
            }
            Err(error) => Err(self.note_damage(key, &error)),
        }
    }

    /// Reads a record of only internal use, such as a counter: a damaged one starts over. Returns how to write it.
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
        let bytes = serde_json::to_vec(record).map_err(|error| {
            StoreError::refused(format_args!("the record {key} cannot be written: {error}"))
        })?;
        let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from(bytes))]));
        self.storage.store().put(key, body, mode).await
    }

    /// Changes a record by compare-and-swap; `None` if there is none.
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

    /// Changes a record by compare-and-swap, starting from the default.
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
            // Records of only internal use; a damaged one must not block what it is about.
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

    /// Adds a record below a prefix with a limited number of records; false if the limit is reached. They are counted
    /// again once it exists: of several added at once, each sees those written before it, so the limit is never
    /// exceeded, though of the last concurrent ones possibly none stays.
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
    ///
    /// # Errors
    /// If the store can list other folders but not this account's, nobody else is affected ([`StoreError::is_own`]).
    pub(crate) async fn list_keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys.last().cloned();
            let listed = self.storage.store().list(prefix, after.as_deref()).await;
            let page = match listed {
                Ok(page) => page,
                Err(error) => return Err(self.whose_listing(prefix, error).await),
            };
            let last = page.len() < PAGE;
            keys.extend(page.into_iter().map(|entry| entry.key));
            if last || keys.len() >= MAX_LISTED {
                self.note_mended(prefix);
                return Ok(keys);
            }
        }
    }

    /// Reads all records below a prefix, except those that vanish in the meantime and damaged ones, so that one does
    /// not hide all the others. One that cannot be read at the moment is an error, because it may matter.
    pub(crate) async fn load_all<T: DeserializeOwned + MaybeSend>(
        &self,
        prefix: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.load_but(prefix, |error| matches!(error, StoreError::Damaged(_)))
            .await
    }

    /// Like [`Self::load_all`], for records of different accounts: those that cannot be read at the moment are left out
    /// as well.
    pub(crate) async fn load_readable<T: DeserializeOwned + MaybeSend>(
        &self,
        prefix: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.load_but(prefix, StoreError::is_own).await
    }

    async fn load_but<T: DeserializeOwned + MaybeSend>(
        &self,
        prefix: &str,
        is_left_out: fn(&StoreError) -> bool,
    ) -> Result<Vec<T>, StoreError> {
        let mut records = Vec::new();
        for key in self.list_keys(prefix).await? {
            match self.load(&key).await {
                Ok(Some((record, _))) => records.push(record),
                Ok(None) => {}
                Err(error) if is_left_out(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }

    /// Waits a little longer after every attempt, with jitter.
    pub(crate) async fn back_off(&self, attempt: u32) {
        let [random] = self.random::<1>();
        // A repeated byte is as uniform as a 64-bit number.
        let random = u64::from_ne_bytes([random; 8]);
        let pause = Jitter::Equal.of(BACKOFF.after(attempt), random);
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.storage.host().sleep(millis).await;
    }
}
