//! Shared by the tests of the tree.
#![allow(dead_code, unreachable_pub, reason = "not every test uses everything")]

pub mod asking;
pub mod linear;
pub mod requests;
pub mod scheduled;
pub mod sequential;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::StreamExt;
use protocol::{AccountName, Timestamp};
use storage_adapter::{ByteStream, DocumentPath, FolderPath, Host, ItemPath};

/// A repeatable source of numbers: SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A host whose clock the test sets.
#[derive(Debug)]
pub struct TestHost {
    pub millis: AtomicI64,
    random: Mutex<Random>,
}

impl TestHost {
    pub fn new(seed: u64) -> Self {
        let millis = AtomicI64::new(1_700_000_000_000);
        Self {
            millis,
            random: Mutex::new(Random(seed)),
        }
    }

    pub fn advance(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Host for TestHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn random(&self, bytes: &mut [u8]) {
        let mut random = self.random.lock().unwrap();
        bytes
            .iter_mut()
            .for_each(|byte| *byte = random.next() as u8);
    }

    /// Time passes at once; others go first.
    async fn sleep(&self, millis: u64) {
        self.advance(millis as i64);
        let mut waited = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    }
}

pub fn alice() -> AccountName {
    "alice".parse().unwrap()
}

pub fn document(path: &str) -> DocumentPath {
    match ItemPath::parse(path) {
        Ok(ItemPath::Document(path)) => path,
        other => panic!("{path}: {other:?}"),
    }
}

pub fn folder(path: &str) -> FolderPath {
    match ItemPath::parse(path) {
        Ok(ItemPath::Folder(path)) => path,
        other => panic!("{path}: {other:?}"),
    }
}

pub fn body(bytes: &[u8]) -> ByteStream {
    storage_adapter::contract::body(&[bytes])
}

pub async fn collect(mut body: ByteStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    bytes
}
