//! Small JSON records in the object store.

use crate::Host;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage_adapter::{ETag, GetOptions, MaybeSend, ObjectStore, PutMode, StoreError};

use crate::Functions;
use crate::body::collect;

/// The largest record in bytes.
const MAX_RECORD: u64 = 1024 * 1024;
/// Entries of a listing page of the store.
const PAGE: usize = 1000;
/// The most records that one listing reads.
const MAX_LISTED: usize = 100_000;
/// How often a record is read, changed and written again when others write it at the same time.
const MAX_ATTEMPTS: u32 = 12;

/// What a change of a record comes to.
pub(crate) enum Edit<R> {
    /// Write it.
    Write(R),
    /// Leave it as it is.
    Keep(R),
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
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
        let record = serde_json::from_slice(&bytes)
            .map_err(|error| StoreError::Denied(format!("the record {key} is damaged: {error}")))?;
        Ok(Some((record, object.etag)))
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

    /// Reads all records below a prefix; those that vanish meanwhile are left out.
    pub(crate) async fn load_all<T: DeserializeOwned + MaybeSend>(
        &self,
        prefix: &str,
    ) -> Result<Vec<T>, StoreError> {
        let mut records = Vec::new();
        for key in self.list_keys(prefix).await? {
            if let Some((record, _)) = self.load(&key).await? {
                records.push(record);
            }
        }
        Ok(records)
    }

    /// Waits a little longer after every attempt, with jitter.
    pub(crate) async fn back_off(&self, attempt: u32) {
        let [jitter] = self.random::<1>();
        let ceiling = 5_u64 << attempt.min(7);
        self.storage
            .host()
            .sleep(ceiling / 2 + ceiling * u64::from(jitter) / 512)
            .await;
    }
}
