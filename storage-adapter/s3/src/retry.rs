//! Single attempts, and when to retry.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::future::{Either, select};
use protocol::{Backoff, Jitter};
use storage_adapter::Host;

use crate::counts::Class;
use crate::errors::{Failure, Kind};
use crate::store::Inner;

/// The longest waits before the second attempt and before later ones. Each wait is drawn uniformly from zero to the
/// limit, so that requests that failed together do not retry together.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Counts attempts and decides when to give up.
pub(crate) struct Attempts {
    made: u32,
    /// No attempt starts later, in milliseconds since 1970.
    deadline: i64,
}

impl<H: Host> Inner<H> {
    pub(crate) fn attempts(&self) -> Attempts {
        let patience = i64::try_from(self.limits.retry_millis).unwrap_or(i64::MAX);
        Attempts {
            made: 0,
            deadline: self.host.now().millis().saturating_add(patience),
        }
    }

    /// Waits before the next attempt; false if there is none.
    pub(crate) async fn again(&self, attempts: &Attempts) -> bool {
        if attempts.made >= self.limits.attempts || self.host.now().millis() >= attempts.deadline {
            return false;
        }
        let longest = BACKOFF.after(attempts.made.saturating_sub(1));
        let mut random = [0; 8];
        self.host.random(&mut random);
        let wait = Jitter::Full.of(longest, u64::from_le_bytes(random));
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.host.sleep(millis).await;
        true
    }

    /// Sends a request once, within the time limit of an attempt.
    pub(crate) async fn attempt<T, E>(
        &self,
        class: Class,
        attempts: &mut Attempts,
        // The SDK's futures are large: nested ones would overflow the stack.
        sending: Pin<Box<impl Future<Output = Result<T, SdkError<E, HttpResponse>>>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        attempts.made += 1;
        self.counters.count(class, attempts.made);
        let waiting = self.host.sleep(self.limits.attempt_millis);
        match select(sending, pin!(waiting)).await {
            Either::Left((result, _)) => result.map_err(|error| Failure::of(&error, &self.bucket)),
            Either::Right(((), _)) => Err(Failure::new(
                Kind::Unknown,
                format!("no response within {} ms", self.limits.attempt_millis),
            )),
        }
    }

    /// Sends an idempotent request until it succeeds or retrying is pointless.
    pub(crate) async fn retrying<T, E, F>(
        &self,
        class: Class,
        send: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut attempts = self.attempts();
        loop {
            match self.attempt(class, &mut attempts, Box::pin(send())).await {
                Err(failure) if failure.kind.is_transient() && self.again(&attempts).await => {}
                other => return other,
            }
        }
    }
}
