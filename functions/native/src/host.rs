//! Clock, randomness and waiting on this machine, and requests to other servers.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use functions_core::{
    BucketError, BucketSettings, FetchError, FetchLimits, Host, OpenedBucket, Unfinished,
};
use http::{Request, Response};
use program::{Broken, Seldom, Workshop};
use protocol::Timestamp;

use crate::buckets::Clients;
use crate::fetch::Fetcher;

/// The most concurrent jobs ([`Host::work`]): each may take a processor and some 30 MiB for a while.
const WORKING: u32 = 4;

/// How long a job may wait for its turn, and then take; parsing within the limits takes less than a second.
const WORK_LIMIT: Duration = Duration::from_secs(20);
/// How long a job that does not end keeps its place from others.
const GIVEN_UP: Duration = Duration::from_secs(10 * 60);

static WORKERS: LazyLock<Workshop> = LazyLock::new(workshop);
/// A sender could cause a line with each event.
static STOPPED: Seldom = Seldom::new();

fn workshop() -> Workshop {
    Workshop::new("foreign-events", WORKING, WORK_LIMIT).giving_up_after(GIVEN_UP)
}

async fn work_in<T, F>(workers: &Workshop, job: F) -> Result<T, Unfinished>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    workers.run(job).await.map_err(|error| {
        if let Some(left_out) = STOPPED.say() {
            tracing::error!(%error, left_out, "a job has no result");
        }
        match error {
            Broken::Busy => Unfinished::Busy,
            Broken::Panicked => Unfinished::Panicked,
            Broken::TooLong => Unfinished::TooLong,
        }
    })
}

/// This machine. Waiting and fetching need a tokio runtime.
#[derive(Clone, Debug, Default)]
pub struct NativeHost {
    fetcher: Fetcher,
    buckets: Clients,
    any_address: bool,
}

impl NativeHost {
    /// Creates a host; `any_address` lets addresses that users enter lead to private networks as well.
    #[must_use]
    pub fn new(any_address: bool) -> Self {
        Self {
            fetcher: Fetcher::new(any_address),
            buckets: Clients::default(),
            any_address,
        }
    }

    /// Whether addresses that users enter may lead to private networks.
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

    async fn work<T, F>(&self, job: F) -> Result<T, Unfinished>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        work_in(&WORKERS, job).await
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

    fn tell_store(&self, words: &str) {
        tracing::error!(
            reason = words,
            "requests are failing because of the storage"
        );
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
    /// If the operating system has no randomness: no secrets could be created then.
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

    /// The runtime has one thread: if a job ran there, nothing could release it.
    #[tokio::test(flavor = "current_thread")]
    async fn jobs_are_done_beside_the_runtime_and_few_at_once() {
        // All of this process share the usual one: jobs of other tests would take its places.
        let workers = workshop();
        let (begun, mut begins) = mpsc::unbounded_channel();
        let (mut gates, mut jobs) = (Vec::new(), Vec::new());
        for number in 0..=WORKING {
            let (gate, closed) = oneshot::channel::<()>();
            gates.push(gate);
            let (begun, workers) = (begun.clone(), workers.clone());
            jobs.push(tokio::spawn(async move {
                let job = move || {
                    begun.send(number).unwrap();
                    closed.blocking_recv().unwrap();
                    number
                };
                work_in(&workers, job).await
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
        for (number, job) in (0..).zip(jobs) {
            assert_eq!(job.await.unwrap(), Ok(number));
        }
        let broken = work_in(&workers, || panic!("as it should"));
        assert_eq!(broken.await, Err::<(), _>(Unfinished::Panicked));
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_without_an_end_stop_others_for_a_while_only() {
        let workers = workshop();
        let mut endless = Vec::new();
        for _ in 0..WORKING {
            let (gate, closed) = oneshot::channel::<()>();
            endless.push(gate);
            let job = move || drop(closed.blocking_recv());
            assert_eq!(work_in(&workers, job).await, Err(Unfinished::TooLong));
        }
        assert_eq!(work_in(&workers, || ()).await, Err(Unfinished::Busy));
        tokio::time::sleep(GIVEN_UP).await;
        // A job that ends is faster than any limit, unlike a clock that jumps.
        tokio::time::resume();
        assert_eq!(work_in(&workers, || 7).await, Ok(7));
        drop(endless);
    }
}
