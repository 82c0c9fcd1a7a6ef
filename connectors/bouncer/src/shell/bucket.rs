//! The pace of a client's lines: a burst, then so many per second.

use std::time::Duration;

/// A token bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    /// When the tokens were last counted.
    at: Duration,
}

impl Bucket {
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        let burst = f64::from(burst.max(1));
        Self {
            burst,
            per_second: f64::from(per_second.max(1)),
            tokens: burst,
            at: Duration::ZERO,
        }
    }

    fn count(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.at = now;
    }

    /// Returns when there will be a token; zero if there is one.
    pub(super) fn wait(&mut self, now: Duration) -> Duration {
        self.count(now);
        Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.per_second)
    }

    /// Takes a token.
    pub(super) fn take(&mut self, now: Duration) {
        self.count(now);
        self.tokens -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_is_paced() {
        let (mut bucket, zero) = (Bucket::new(3, 10), Duration::ZERO);
        for _ in 0..3 {
            assert_eq!(bucket.wait(zero), zero);
            bucket.take(zero);
        }
        assert_eq!(bucket.wait(zero), Duration::from_millis(100));
        assert_eq!(bucket.wait(Duration::from_millis(100)), zero);
    }
}
