//! The clock, and random delays.

use std::time::{Duration, SystemTime};

use protocol::{Jitter, Timestamp};

/// Returns the current time.
#[must_use]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Returns a random delay between half of `most` and `most`.
#[must_use]
pub fn jitter(most: Duration) -> Duration {
    // Without randomness, everyone waits for the middle.
    Jitter::Equal.of(most, getrandom::u64().unwrap_or(u64::MAX / 2))
}

/// Delays that double up to a maximum; the actual delay is random, between half and the whole.
#[derive(Debug)]
pub struct Backoff(protocol::Backoff);

impl Backoff {
    /// The first delay, unless another is given.
    const FIRST: Duration = Duration::from_millis(250);

    /// Starts with 250 ms; no delay is longer than `longest`.
    #[must_use]
    pub const fn new(longest: Duration) -> Self {
        Self::between(Self::FIRST, longest)
    }

    /// Starts with `first`; no delay is longer than `longest`.
    #[must_use]
    pub const fn between(first: Duration, longest: Duration) -> Self {
        Self(protocol::Backoff::new(first, longest))
    }

    /// Starts over with the shortest delay.
    pub const fn reset(&mut self) {
        self.0.reset();
    }

    /// Returns how long to wait now.
    pub fn pause(&mut self) -> Duration {
        jitter(self.0.next_pause())
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
