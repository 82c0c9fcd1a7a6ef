//! Clock, randomness and waiting of this machine, and its requests to other servers.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use functions_core::{BucketError, BucketSettings, FetchError, FetchLimits, Host, OpenedBucket};
use http::{Request, Response};
use protocol::Timestamp;
use tokio::sync::Semaphore;

use crate::buckets::Clients;
use crate::fetch::Fetcher;

/// Jobs at once ([`Host::work`]): each may take a processor and some 30 MiB for a while.
const WORKING: usize = 4;

static WORKERS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(WORKING)));

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

    async fn work<T, F>(&self, job: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        // The semaphore is never closed; without a permit the job is merely done anyway.
        let permit = Arc::clone(&WORKERS).acquire_owned().await.ok();
        let running = tokio::task::spawn_blocking(move || {
            // It goes on to its end even if nobody waits for it.
            let _permit = permit;
            job()
        });
        let done = running.await;
        if let Err(error) = &done {
            tracing::error!(%error, "a job stopped");
        }
        done.ok()
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

    fn tell_damaged(&self, sentence: &str) {
        tracing::warn!("{sentence}");
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

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    /// The runtime has one thread: were a job done there, nothing could let it go on.
    #[tokio::test(flavor = "current_thread")]
    async fn jobs_are_done_beside_the_runtime_and_few_at_once() {
        let (begun, mut begins) = mpsc::unbounded_channel();
        let (mut gates, mut jobs) = (Vec::new(), Vec::new());
        for number in 0..=WORKING {
            let (gate, closed) = oneshot::channel::<()>();
            gates.push(gate);
            let begun = begun.clone();
            jobs.push(tokio::spawn(async move {
                let job = move || {
                    begun.send(number).unwrap();
                    closed.blocking_recv().unwrap();
                    number
                };
                NativeHost::default().work(job).await
            }));
        }
        let mut first = Vec::new();
        for _ in 0..WORKING {
            first.push(begins.recv().await.unwrap());
        }
        first.sort_unstable();
        assert_eq!(first, (0..WORKING).collect::<Vec<_>>());
        assert!(begins.try_recv().is_err(), "one more has begun");
        for gate in gates {
            gate.send(()).unwrap();
        }
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), Some(number));
        }
        let host = NativeHost::default();
        let broken = host.work(|| panic!("as it should"));
        assert_eq!(broken.await, None::<()>);
    }
}
