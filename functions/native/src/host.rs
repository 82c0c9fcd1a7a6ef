//! Clock, randomness and waiting of this machine, and its requests to other servers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use functions_core::{BucketError, BucketSettings, FetchError, FetchLimits, Host, OpenedBucket};
use http::{Request, Response};
use model::Timestamp;

use crate::buckets::Clients;
use crate::fetch::Fetcher;

/// The machine itself. Waiting and fetching need a tokio runtime.
#[derive(Clone, Debug, Default)]
pub struct NativeHost {
    fetcher: Fetcher,
    buckets: Clients,
    any_address: bool,
}

impl NativeHost {
    /// Makes a host; `any_address` lets addresses that users give lead into private networks too.
    #[must_use]
    pub fn new(any_address: bool) -> Self {
        Self {
            fetcher: Fetcher::new(any_address),
            buckets: Clients::default(),
            any_address,
        }
    }

    /// Whether addresses that users give may lead into private networks.
    pub(crate) fn reaches_any_address(&self) -> bool {
        self.any_address
    }
}

impl Host for NativeHost {
    async fn fetch(
        &self,
        request: Request<Bytes>,
        limits: FetchLimits,
    ) -> Result<Response<Bytes>, FetchError> {
        self.fetcher.fetch(request, limits).await
    }

    async fn open_bucket(
        &self,
        settings: &BucketSettings,
        parts: Option<bool>,
    ) -> Result<OpenedBucket, BucketError> {
        self.buckets.open(self, settings, parts).await
    }

    fn opens_buckets(&self) -> bool {
        true
    }
}

impl storage_adapter::Host for NativeHost {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        Timestamp::from_millis(millis)
    }

    /// # Panics
    /// If the operating system has no randomness: nothing that is secret could be made then.
    fn random(&self, bytes: &mut [u8]) {
        #[allow(
            clippy::expect_used,
            reason = "without randomness tokens could be guessed; stopping is right"
        )]
        getrandom::fill(bytes).expect("the operating system has randomness");
    }

    async fn sleep(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
