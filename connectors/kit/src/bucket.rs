//! The pace of a client: a burst, then so much per second.

use std::time::Duration;

/// A token bucket. Times are passed in, as time since any fixed point.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    burst: f64,
    per_second: f64,
    /// Below zero if tokens were taken in advance.
    tokens: f64,
    /// When the tokens were last counted.
    at: Duration,
}

impl TokenBucket {
    /// Creates a full bucket; both numbers count as at least one.
    #[must_use]
    pub fn new(burst: u32, per_second: u32, now: Duration) -> Self {
        let burst = f64::from(burst.max(1));
        Self {
            burst,
            per_second: f64::from(per_second.max(1)),
            tokens: burst,
            at: now,
        }
    }

    fn count(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.at = now;
    }

    /// Returns how long it takes until there is a token; zero if there is one.
    pub fn wait(&mut self, now: Duration) -> Duration {
        self.count(now);
        Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.per_second)
    }

    /// Takes a token, and returns how long to wait before using it.
    pub fn take(&mut self, now: Duration) -> Duration {
        let wait = self.wait(now);
        self.tokens -= 1.0;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_free_and_the_rest_is_paced() {
        let mut bucket = TokenBucket::new(3, 10, ms(0));
        for _ in 0..3 {
            assert_eq!(bucket.wait(ms(0)), ms(0));
            assert_eq!(bucket.take(ms(0)), ms(0));
        }
        assert_eq!(bucket.wait(ms(0)), ms(100));
        assert_eq!(bucket.wait(ms(100)), ms(0), "asking takes nothing");
    }

    #[test]
    fn tokens_are_taken_in_advance() {
        let mut bucket = TokenBucket::new(3, 10, ms(0));
        for _ in 0..3 {
            assert_eq!(bucket.take(ms(0)), ms(0));
        }
        assert_eq!(bucket.take(ms(0)), ms(100));
        assert_eq!(bucket.take(ms(100)), ms(100));
        assert_eq!(bucket.take(ms(10_000)), ms(0));
    }
}
