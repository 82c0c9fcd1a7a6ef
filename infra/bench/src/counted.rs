//! A store that counts its traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError, Versions,
};

/// Requests and the bytes of their bodies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Reads, writes, deletions and listings.
    pub(crate) requests: u64,
    /// Bytes read and written.
    pub(crate) bytes: u64,
}

/// Another store, counted.
#[derive(Debug)]
pub(crate) struct Counted<S> {
    store: S,
    requests: AtomicU64,
    bytes: Arc<AtomicU64>,
}

impl<S> Counted<S> {
    /// Counts from zero.
    pub(crate) fn new(store: S) -> Self {
        Self {
            store,
            requests: AtomicU64::new(0),
            bytes: Arc::default(),
        }
    }

    /// Returns the counts since the last call.
    pub(crate) fn take(&self) -> Counts {
        Counts {
            requests: self.requests.swap(0, Ordering::Relaxed),
            bytes: self.bytes.swap(0, Ordering::Relaxed),
        }
    }

    fn count(&self, body: ByteStream) -> ByteStream {
        let bytes = Arc::clone(&self.bytes);
        Box::pin(body.inspect(move |chunk| {
            let length = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            bytes.fetch_add(length, Ordering::Relaxed);
        }))
    }

    fn request(&self) -> &S {
        self.requests.fetch_add(1, Ordering::Relaxed);
        &self.store
    }
}

impl<S: ObjectStore> ObjectStore for Counted<S> {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        let object = self.request().get(key, options).await?;
        let body = self.count(object.body);
        Ok(Object { body, ..object })
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        let body = self.count(body);
        self.request().put(key, body, mode).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.request().delete(key).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.request().delete_many(keys).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Entry>, StoreError> {
        self.request().list(prefix, after).await
    }

    fn versions(&self) -> Versions {
        self.store.versions()
    }
}
