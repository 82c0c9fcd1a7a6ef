//! Bytes that nobody can get any more: who waits until they are deleted.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests may fail")]

mod support;

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use storage_adapter::memory::MemoryStore;
use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, Storage, StoreError,
    WriteCondition,
};
use support::requests::now;
use support::{TestHost, alice, body, document};

/// A store whose deletions may have no end.
#[derive(Default)]
struct SlowToDelete {
    store: MemoryStore,
    hangs: AtomicBool,
}

impl ObjectStore for SlowToDelete {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        self.store.get(key, options).await
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        self.store.put(key, body, mode).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.delete_many(&[key.to_owned()]).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        if self.hangs.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        self.store.delete_many(keys).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Entry>, StoreError> {
        self.store.list(prefix, after).await
    }
}

#[test]
fn nobody_else_waits_until_what_was_overwritten_is_deleted() {
    let store = Arc::new(SlowToDelete::default());
    let tree = Storage::new(Arc::clone(&store), Arc::new(TestHost::new(1)));
    // What is small is deleted together with more.
    let large = vec![b'x'; 1 << 20];
    let write = async |path: &str| {
        let (path, none) = (document(path), WriteCondition::None);
        let account = alice();
        let written = tree.put(&account, &path, "t", body(&large), &none, None);
        written.await.map(drop)
    };
    now(write("/m/a")).unwrap();
    let data = || {
        let keys = store.store.keys().into_iter();
        keys.filter(|key| key.contains("/data/")).count()
    };
    assert_eq!(data(), 1);
    store.hangs.store(true, Ordering::Relaxed);
    {
        // Nobody can get any more what was there before.
        let mut again = pin!(write("/m/a"));
        let mut context = Context::from_waker(Waker::noop());
        assert!(again.as_mut().poll(&mut context).is_pending());
        assert_eq!(data(), 2);
        now(write("/m/b")).unwrap();
    }
}
