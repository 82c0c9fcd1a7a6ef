//! The clock, and chance for pauses.

use std::time::{Duration, SystemTime};

use protocol::Timestamp;

/// Returns the present time.
#[must_use]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Returns a random pause between a half and the whole of `most`.
#[must_use]
pub fn jitter(most: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    most.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// Pauses that double from 250 ms up to a longest one, jittered.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);

    /// Begins with the shortest pause; none is longer than `most`.
    #[must_use]
    pub fn new(most: Duration) -> Self {
        Self {
            next: Self::FIRST.min(most),
            most,
        }
    }

    /// Begins with the shortest pause again.
    pub fn reset(&mut self) {
        self.next = Self::FIRST.min(self.most);
    }

    /// Returns how long to wait now.
    pub fn pause(&mut self) -> Duration {
        let pause = jitter(self.next);
        self.next = (self.next * 2).min(self.most);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_again() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        for most in [250, 500, 1_000, 1_000] {
            let pause = backoff.pause();
            assert!(
                pause <= Duration::from_millis(most) && pause * 2 >= Duration::from_millis(most)
            );
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(250));
    }
}
