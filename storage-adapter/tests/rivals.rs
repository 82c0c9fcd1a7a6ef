//! A writer that lost a race and slept, while another instance made more commits than a head remembers.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests may fail")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::Timestamp;
use storage_adapter::memory::MemoryStore;
use storage_adapter::{Host, Storage, TreeError, WriteCondition, Written};
use support::requests::now;
use support::{TestHost, alice, body, document};

/// More commits than the head of a module remembers.
const MANY: usize = 100;

/// How often the other instance writes in between while this one prepares its own write.
const RACES: usize = 4;

/// A host of an instance that is always outrun by another one, until it has slept once.
struct Outrun {
    host: TestHost,
    rival: Storage<MemoryStore, TestHost>,
    races: AtomicUsize,
    sleeps: AtomicUsize,
}

impl Outrun {
    fn rival_writes(&self, count: usize) {
        for number in 0..count {
            now(write(&self.rival, &format!("/m/rival{number}"))).unwrap();
        }
    }
}

impl Host for Outrun {
    fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// A writer draws its commit's version between reading the head and swapping it.
    fn random(&self, bytes: &mut [u8]) {
        let left = |races: usize| races.checked_sub(1);
        let order = Ordering::Relaxed;
        if self.races.fetch_update(order, order, left).is_ok() {
            self.rival_writes(1);
        }
        self.host.random(bytes);
    }

    async fn sleep(&self, _: u64) {
        if self.sleeps.fetch_add(1, Ordering::Relaxed) == 0 {
            self.races.store(0, Ordering::Relaxed);
            self.rival_writes(MANY);
        }
    }
}

async fn write<H: Host>(
    storage: &Storage<MemoryStore, H>,
    path: &str,
) -> Result<Written, TreeError> {
    let none = WriteCondition::None;
    storage
        .put(&alice(), &document(path), "t", body(b"x"), &none, None)
        .await
}

#[test]
fn who_is_refused_by_the_store_knows_that_nothing_happened() {
    let store = Arc::new(MemoryStore::new());
    let rival = Storage::new(Arc::clone(&store), Arc::new(TestHost::new(1)));
    let host = Arc::new(Outrun {
        host: TestHost::new(2),
        rival,
        races: AtomicUsize::new(RACES),
        sleeps: AtomicUsize::new(0),
    });
    let own = Storage::new(store, Arc::clone(&host));
    now(write(&own, "/m/own")).unwrap();
    assert!(host.sleeps.load(Ordering::Relaxed) > 0, "no race was lost");
}
