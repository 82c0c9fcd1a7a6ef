//! A store whose kind is chosen at run time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::maybe_send::{MaybeSend, MaybeSync};
use crate::store::{
    ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError, Versions,
};

#[cfg(not(target_family = "wasm"))]
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;
#[cfg(target_family = "wasm")]
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + 'a>>;

/// A store behind a pointer: one allocation per request more expensive than the store itself. Clones share it.
#[derive(Clone)]
pub struct AnyStore(Arc<dyn Erased>);

impl AnyStore {
    /// Erases the kind of store.
    pub fn new<S: ObjectStore>(store: Arc<S>) -> Self {
        Self(Arc::new(Shared(store)))
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore").finish_non_exhaustive()
    }
}

/// [`ObjectStore`] with boxed futures.
trait Erased: MaybeSend + MaybeSync {
    fn get<'a>(&'a self, key: &'a str, options: GetOptions) -> Answer<'a, Object>;
    fn put<'a>(&'a self, key: &'a str, body: ByteStream, mode: PutMode) -> Answer<'a, ETag>;
    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()>;
    fn delete_many<'a>(&'a self, keys: &'a [String]) -> Answer<'a, ()>;
    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> Answer<'a, Vec<Entry>>;
    fn tidy(&self, older_than_millis: i64) -> Answer<'_, usize>;
    fn room(&self) -> Option<u64>;
    fn versions(&self) -> Versions;
}

struct Shared<S>(Arc<S>);

impl<S: ObjectStore> Erased for Shared<S> {
    fn get<'a>(&'a self, key: &'a str, options: GetOptions) -> Answer<'a, Object> {
        Box::pin(self.0.get(key, options))
    }

    fn put<'a>(&'a self, key: &'a str, body: ByteStream, mode: PutMode) -> Answer<'a, ETag> {
        Box::pin(self.0.put(key, body, mode))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        Box::pin(self.0.delete(key))
    }

    fn delete_many<'a>(&'a self, keys: &'a [String]) -> Answer<'a, ()> {
        Box::pin(self.0.delete_many(keys))
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> Answer<'a, Vec<Entry>> {
        Box::pin(self.0.list(prefix, after))
    }

    fn tidy(&self, older_than_millis: i64) -> Answer<'_, usize> {
        Box::pin(self.0.tidy(older_than_millis))
    }

    fn room(&self) -> Option<u64> {
        self.0.room()
    }

    fn versions(&self) -> Versions {
        self.0.versions()
    }
}

impl ObjectStore for AnyStore {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        self.0.get(key, options).await
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        self.0.put(key, body, mode).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(key).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.0.delete_many(keys).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0.list(prefix, start_after).await
    }

    async fn tidy(&self, older_than_millis: i64) -> Result<usize, StoreError> {
        self.0.tidy(older_than_millis).await
    }

    fn room(&self) -> Option<u64> {
        self.0.room()
    }

    fn versions(&self) -> Versions {
        self.0.versions()
    }
}
