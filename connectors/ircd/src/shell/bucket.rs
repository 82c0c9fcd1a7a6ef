//! Rate limiting of clients.

use std::time::Duration;

/// A token bucket: a burst, then a rate per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    /// When the tokens were last counted.
    at: Duration,
}

impl TokenBucket {
    pub(super) fn new(burst: u32, per_second: u32, now: Duration) -> Self {
        let burst = f64::from(burst.max(1));
        Self {
            burst,
            per_second: f64::from(per_second.max(1)),
            tokens: burst,
            at: now,
        }
    }

    /// Takes a token, and returns how long to wait before using it.
    pub(super) fn take(&mut self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst) - 1.0;
        self.at = now;
        if self.tokens >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(-self.tokens / self.per_second)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_is_paced() {
        let mut bucket = TokenBucket::new(3, 10, Duration::ZERO);
        for _ in 0..3 {
            assert_eq!(bucket.take(Duration::ZERO), Duration::ZERO);
        }
        assert_eq!(bucket.take(Duration::ZERO), Duration::from_millis(100));
        assert_eq!(
            bucket.take(Duration::from_millis(100)),
            Duration::from_millis(100)
        );
        assert_eq!(bucket.take(Duration::from_secs(10)), Duration::ZERO);
    }
}
