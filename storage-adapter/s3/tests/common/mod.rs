//! Shared by the tests.
#![allow(dead_code, unreachable_pub, reason = "not every test uses everything")]
#![allow(clippy::unwrap_used, reason = "tests may fail")]

pub mod process;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, stream};
use protocol::Timestamp;
use storage_adapter::{ByteStream, GetOptions, Host, ObjectStore, StoreError};
use storage_s3::{Limits, OpenError, S3Settings, S3Store, native_http};

/// A host with short pauses between retries.
#[derive(Debug)]
pub struct Machine;

impl Host for Machine {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp::from_millis(since.unwrap().as_millis() as i64)
    }

    fn random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }

    async fn sleep(&self, millis: u64) {
        // Pauses are shorter, time limits longer.
        let millis = if millis < 10_000 { millis / 20 } else { millis };
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

pub type Store = S3Store<Machine>;

/// Settings, by their names after SUBSPACE_S3_.
pub fn settings(variables: &[(&str, &str)]) -> S3Settings {
    S3Settings::from_variables(|name| {
        let short = name.strip_prefix("SUBSPACE_S3_").unwrap();
        let found = variables.iter().find(|(variable, _)| *variable == short);
        found.map(|(_, value)| (*value).to_owned())
    })
    .unwrap()
}

/// The smallest parts that S3 allows, so that little data makes several.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.part_bytes = 5 << 20;
    limits.largest_object = 1 << 30;
    limits.attempts = 12;
    limits
}

pub async fn open(settings: &S3Settings) -> Result<Store, OpenError> {
    let http = native_http(settings);
    S3Store::open(settings, http, Arc::new(Machine), limits()).await
}

pub fn body(bytes: &[u8]) -> ByteStream {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    Box::pin(stream::iter([Ok(bytes)]))
}

pub async fn read<S: ObjectStore>(store: &S, key: &str) -> Result<Vec<u8>, StoreError> {
    let mut object = store.get(key, GetOptions::default()).await?;
    let mut all = Vec::new();
    while let Some(chunk) = object.body.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}
