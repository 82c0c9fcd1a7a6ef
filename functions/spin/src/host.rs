//! Clock, randomness, waiting and requests to other servers in WASI.

use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use functions_core::{
    BucketError, BucketSettings, Destination, FetchError, FetchLimits, Host, OpenedBucket,
};
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use protocol::{Gathered, Timestamp};

/// The component's environment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WasiHost {
    /// Whether addresses that users enter may lead to private networks, as far as the runtime permits.
    pub(crate) any_network: bool,
}

impl storage_adapter::Host for WasiHost {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        Timestamp::from_millis(millis)
    }

    /// # Panics
    /// If the runtime has no randomness: no secrets could be created then.
    fn random(&self, bytes: &mut [u8]) {
        #[allow(
            clippy::expect_used,
            reason = "without randomness tokens could be guessed; stopping is right"
        )]
        getrandom::fill(bytes).expect("WASI has randomness");
    }

    async fn sleep(&self, millis: u64) {
        spin_sdk::time::sleep(Duration::from_millis(millis)).await;
    }
}

impl Host for WasiHost {
    /// Names are resolved by the runtime, which decides what may be reached (`allowed_outbound_hosts`); literal
    /// addresses, and names of private networks, are refused here.
    async fn fetch(
        &self,
        request: Request<Bytes>,
        limits: FetchLimits,
    ) -> Result<Response<Bytes>, FetchError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let forbidden = limits.destination == Destination::Public
            && !self.any_network
            && !protocol::may_be_public(&host);
        if forbidden {
            return Err(FetchError::Forbidden(host));
        }
        let fetching = exchange(request, &host, limits.max_body);
        let waiting = storage_adapter::Host::sleep(self, limits.timeout);
        match select(pin!(fetching), pin!(waiting)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(FetchError::Timeout(host.clone())),
        }
    }

    async fn open_bucket(
        &self,
        settings: &BucketSettings,
        parts: Option<bool>,
    ) -> Result<OpenedBucket, BucketError> {
        crate::buckets::open(*self, self.any_network, settings, parts).await
    }

    fn opens_buckets(&self) -> bool {
        true
    }

    #[allow(clippy::print_stderr, reason = "the log of a component")]
    fn tell_damaged(&self, sentence: &str) {
        eprintln!("{sentence}");
    }

    #[allow(clippy::print_stderr, reason = "the log of a component")]
    fn tell_store(&self, words: &str) {
        eprintln!("requests are failing because of the storage: {words}");
    }
}

async fn exchange(
    request: Request<Bytes>,
    host: &str,
    max_body: u64,
) -> Result<Response<Bytes>, FetchError> {
    let broken =
        |error: &dyn std::fmt::Display| FetchError::Unreachable(host.to_owned(), error.to_string());
    let sent = spin_sdk::http::send(request.map(Full::new)).await;
    let (parts, mut body) = sent.map_err(|error| broken(&error))?.into_parts();
    let mut all = Gathered::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else {
            continue;
        };
        if (all.len() + data.len()) as u64 > max_body {
            return Err(FetchError::TooLarge(host.to_owned(), max_body));
        }
        all.push(data);
    }
    Ok(Response::from_parts(parts, all.finish()))
}
