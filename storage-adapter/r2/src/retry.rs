//! Retries, within the time of a request.

use std::time::Duration;

use storage_adapter::StoreError;
use worker::Delay;

use crate::errors::Trouble;

/// Attempts when R2 accepts no more writes: the waits between them add up to some 8 seconds.
const TOO_MANY_ATTEMPTS: u32 = 9;
/// Attempts when R2 failed.
const FAILED_ATTEMPTS: u32 = 3;
/// The approximate interval in which R2 accepts one write to one key, in milliseconds.
const WRITE_INTERVAL: u32 = 1_000;
/// The longest first wait after a failure, in milliseconds; it doubles.
const FAILED_WAIT: u32 = 100;

/// What may be retried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Repeat {
    /// Everything: the operation is idempotent.
    Always,
    /// Only what R2 has refused, so that it did not happen.
    Refused,
}

/// Repeats an operation until it succeeds or retrying is pointless. The operation gets the number of the attempt, from
/// 0.
pub(crate) async fn retry<T>(
    repeat: Repeat,
    mut operation: impl AsyncFnMut(u32) -> Result<T, worker::Error>,
) -> Result<T, Trouble> {
    let mut attempt = 0;
    loop {
        let trouble = match operation(attempt).await {
            Ok(done) => return Ok(done),
            Err(error) => Trouble::of(&error),
        };
        attempt += 1;
        match wait(&trouble, repeat, attempt, js_sys::Math::random()) {
            Some(millis) => Delay::from(Duration::from_millis(millis)).await,
            None => return Err(trouble),
        }
    }
}

/// Returns how many milliseconds to wait before the next attempt; `None` if there is none. `random` is from 0 to 1, so
/// that operations refused together do not retry together.
fn wait(trouble: &Trouble, repeat: Repeat, attempts: u32, random: f64) -> Option<u64> {
    let longest = match trouble {
        Trouble::TooMany if attempts < TOO_MANY_ATTEMPTS => 2 * WRITE_INTERVAL,
        Trouble::Unavailable(_) if repeat == Repeat::Always && attempts < FAILED_ATTEMPTS => {
            FAILED_WAIT << attempts
        }
        _ => return None,
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some seconds at most, never negative"
    )]
    Some((f64::from(longest) * random.clamp(0.0, 1.0)) as u64)
}

/// The same for operations that only need the store's error.
pub(crate) async fn retried<T>(
    repeat: Repeat,
    mut operation: impl AsyncFnMut() -> Result<T, worker::Error>,
) -> Result<T, StoreError> {
    retry(repeat, async |_| operation().await)
        .await
        .map_err(StoreError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_and_only_where_they_help() {
        let failed = Trouble::Unavailable(String::new());
        assert_eq!(wait(&Trouble::TooMany, Repeat::Refused, 1, 0.5), Some(1000));
        assert_eq!(wait(&Trouble::TooMany, Repeat::Refused, 9, 0.5), None);
        assert_eq!(wait(&failed, Repeat::Refused, 1, 0.5), None);
        assert_eq!(wait(&failed, Repeat::Always, 1, 1.0), Some(200));
        assert_eq!(wait(&failed, Repeat::Always, 2, 1.0), Some(400));
        assert_eq!(wait(&failed, Repeat::Always, 3, 1.0), None);
        assert_eq!(wait(&Trouble::Range, Repeat::Always, 1, 1.0), None);
    }
}
