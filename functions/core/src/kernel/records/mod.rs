//! Small JSON records in the object store.

mod account;
mod connection;
mod swap;
mod unread;

use crate::kernel::host::Host;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage_adapter::{ETag, GetOptions, MaybeSend, ObjectStore, PutMode, StoreError};

use crate::kernel::Kernel;
use crate::kernel::body::collect;

pub(crate) use account::{AccountRecord, ArchivePlace, Grant, Invite};
pub(crate) use swap::{Attempts, Change, Edit};
pub(crate) use unread::{Unread, damaged, too_large};

/// The largest record in bytes.
const MAX_RECORD: u64 = 1024 * 1024;
/// Entries of a listing page of the store.
const PAGE: usize = 1000;
/// The most records that one listing reads.
const MAX_LISTED: usize = 100_000;

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Reads a record; `None` if there is none.
    ///
    /// # Errors
    /// If the store can read other records but not this one, only its account is affected ([`StoreError::is_own`]).
    pub(crate) async fn load<T: DeserializeOwned + MaybeSend>(
        &self,
        key: &str,
    ) -> Result<Option<(T, ETag)>, StoreError> {
        let Some((bytes, etag)) = self.load_bytes(key).await? else {
            return Ok(None);
        };
        match serde_json::from_slice(&bytes) {
            Ok(record) => {
                self.note_mended(key);
                Ok(Some((record, etag)))
            }
            Err(error) => Err(self.note_damage(key, &error)),
        }
    }

    /// What [`Self::load`] does for records of every type: compiled once, not once for each.
    async fn load_bytes(&self, key: &str) -> Result<Option<(Bytes, ETag)>, StoreError> {
        let object = match self.storage.store().get(key, GetOptions::default()).await {
            Ok(object) => object,
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(self.whose(key, error).await),
        };
        match collect(object.body, MAX_RECORD).await {
            Ok(Some(bytes)) => Ok(Some((bytes, object.etag))),
            Ok(None) => Err(self.note_damage(key, &too_large(MAX_RECORD))),
            Err(error) => Err(self.whose(key, error).await),
        }
    }

    /// Like [`Self::load`], where a damaged record has a meaning of its own: one that the store does not give at all, or
    /// whose folder cannot be entered, is not taken for one, but is [`StoreError::AccountUnavailable`].
    pub(crate) async fn load_certain<T: DeserializeOwned + MaybeSend>(
        &self,
        key: &str,
    ) -> Result<Option<(T, ETag)>, StoreError> {
        match self.load::<T>(key).await {
            Err(StoreError::Damaged(sentence)) if !self.is_given(key).await => {
                Err(StoreError::AccountUnavailable(sentence))
            }
            loaded => loaded,
        }
    }

    /// Returns whether the store gives an object, whatever its content is.
    async fn is_given(&self, key: &str) -> bool {
        match self.storage.store().get(key, GetOptions::default()).await {
            Ok(object) => collect(object.body, MAX_RECORD).await.is_ok(),
            Err(error) => matches!(error, StoreError::NotFound),
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
        self.store_bytes(key, bytes.into(), mode).await
    }

    /// What [`Self::store`] does for records of every type.
    async fn store_bytes(
        &self,
        key: &str,
        bytes: Bytes,
        mode: PutMode,
    ) -> Result<ETag, StoreError> {
        let body = Box::pin(futures_util::stream::iter([Ok(bytes)]));
        self.storage.store().put(key, body, mode).await
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
}
