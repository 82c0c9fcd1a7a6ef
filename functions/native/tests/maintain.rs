//! The sweep runs automatically and removes only what is due; the test controls the time.
#![allow(clippy::unwrap_used, reason = "tests may fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use functions_core::{Config, Functions, Host};
use functions_native::maintain;
use protocol::{AccountName, Timestamp};
use storage_adapter::memory::MemoryStore;
use storage_adapter::{DocumentPath, FolderPath, Options, Storage, WriteCondition, contract};
use tokio::sync::{mpsc, oneshot};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Time passes only in sleeps; every sleep is announced, and ends when the test permits.
struct TestHost {
    millis: AtomicI64,
    count: AtomicU64,
    sleeps: mpsc::UnboundedSender<(u64, oneshot::Sender<()>)>,
}

impl Host for TestHost {
    async fn fetch(
        &self,
        _: http::Request<bytes::Bytes>,
        _: functions_core::FetchLimits,
    ) -> Result<http::Response<bytes::Bytes>, functions_core::FetchError> {
        Err(functions_core::FetchError::Timeout("nobody".to_owned()))
    }
}

impl storage_adapter::Host for TestHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }

    fn random(&self, bytes: &mut [u8]) {
        let count = self.count.fetch_add(1, Ordering::SeqCst).to_le_bytes();
        bytes
            .iter_mut()
            .zip(count.iter().cycle())
            .for_each(|(byte, count)| *byte = *count);
    }

    async fn sleep(&self, millis: u64) {
        let (go_on, gone_on) = oneshot::channel();
        self.sleeps.send((millis, go_on)).unwrap();
        drop(gone_on.await);
        self.millis
            .fetch_add(i64::try_from(millis).unwrap(), Ordering::SeqCst);
    }
}

fn document(names: &[&str]) -> DocumentPath {
    DocumentPath::from_segments(names.iter().map(|&name| name.to_owned()).collect()).unwrap()
}

#[tokio::test]
async fn only_what_is_due_is_swept() {
    let (sleeps, mut slept) = mpsc::unbounded_channel();
    let host = Arc::new(TestHost {
        millis: AtomicI64::new(1_800_000_000_000),
        count: AtomicU64::new(1),
        sleeps,
    });
    let mut options = Options::default();
    options.keep_millis = 7 * DAY;
    options.slot_millis = 0;
    let store = Arc::new(MemoryStore::new());
    let storage = Storage::with_options(store, Arc::clone(&host), options);
    let config = Config::new("http://127.0.0.1:1", [7; 32]).unwrap();
    let functions = Arc::new(Functions::new(storage, config));
    let alice: AccountName = functions
        .identity()
        .create_account("alice", "correct horse", true)
        .await
        .unwrap();
    let put = async |name: &str| {
        let (path, none) = (document(&["notes", name]), WriteCondition::None);
        let body = contract::body(&[b"text"]);
        let put = functions
            .storage()
            .put(&alice, &path, "text/plain", body, &none, None);
        put.await.unwrap();
    };
    put("old").await;
    put("old").await;
    host.millis.fetch_add(6 * DAY, Ordering::SeqCst);
    put("new").await;
    put("new").await;
    let bytes = async || {
        let store = functions.storage().store();
        let listed =
            storage_adapter::ObjectStore::list(store, "accounts/alice/data/notes/", None).await;
        listed.unwrap().len()
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(maintain(Arc::clone(&functions), async {
        drop(stopped.await);
    }));
    let (millis, go_on) = slept.recv().await.unwrap();
    assert!((30 * 60_000..=90 * 60_000).contains(&millis), "{millis}");
    go_on.send(()).unwrap();
    // The next sleep starts when the round is over.
    let (_, go_on) = slept.recv().await.unwrap();
    assert_eq!(bytes().await, 4, "nothing is due yet");
    host.millis.fetch_add(DAY, Ordering::SeqCst);
    go_on.send(()).unwrap();
    let (_, go_on) = slept.recv().await.unwrap();
    assert_eq!(bytes().await, 3, "the older superseded one is gone");
    let module = FolderPath::from_segments(vec!["notes".to_owned()]).unwrap();
    let kept = functions.storage().list_superseded(&alice, &module).await;
    let kept = kept.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].path, document(&["notes", "new"]));
    stop.send(()).unwrap();
    running.await.unwrap();
    assert!(go_on.is_closed());
}
