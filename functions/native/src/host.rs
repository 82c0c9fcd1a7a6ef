//! Clock, randomness and waiting of this machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::Timestamp;
use storage_adapter::Host;

/// The machine itself. Waiting needs a tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeHost;

impl Host for NativeHost {
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
