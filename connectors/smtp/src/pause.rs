//! The clock, and pauses that grow.

use std::time::{Duration, SystemTime};

use protocol::Timestamp;

/// Returns the present time.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Pauses that double from half a second up to a longest one, jittered.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);

    pub(crate) fn new(most: Duration) -> Self {
        Self {
            next: Self::FIRST.min(most),
            most,
        }
    }

    pub(crate) fn pause(&mut self) -> Duration {
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        let pause = self
            .next
            .mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX));
        self.next = (self.next * 2).min(self.most);
        pause
    }
}
