//! Pauses between attempts: they double with each failure up to a maximum, and are randomised.

use std::time::Duration;

/// Exponential back-off. It uses neither a clock nor randomness: it returns the longest pause, and [`Jitter`] how much
/// of it to wait.
///
/// ```
/// use std::time::Duration;
/// use protocol::{Backoff, Jitter};
///
/// let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(1));
/// let pauses = [(); 4].map(|()| Jitter::Equal.of(backoff.next_pause(), u64::MAX).as_millis());
/// assert_eq!(pauses, [250, 500, 1_000, 1_000]);
/// backoff.reset();
/// assert_eq!(backoff.next_pause(), Duration::from_millis(250));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Starts with a pause of `first`; none is longer than `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// Returns the longest pause after this many earlier failures, for callers that count them: the first one after
    /// none.
    #[must_use]
    pub fn after(&self, failures: u32) -> Duration {
        // Shifted by at most 63 bits, 64 bits stay below 128.
        let pause = u128::from(nanos(self.first)) << failures.min(63);
        Duration::from_nanos(u64::try_from(pause).unwrap_or(u64::MAX)).min(self.longest)
    }

    /// Counts a failure; returns the longest pause until the next attempt.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// Resets it after a success: the next pause is the first again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// How much of a pause to wait, so that clients that failed together do not retry together. The names are those of Marc
/// Brooker's "Exponential Backoff And Jitter".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Jitter {
    /// Between zero and the whole pause.
    Full,
    /// At least half.
    Equal,
}

impl Jitter {
    /// Returns a part of `pause` chosen by `random`: uniformly, if all values of `random` are equally probable.
    #[must_use]
    pub fn of(self, pause: Duration, random: u64) -> Duration {
        let whole = nanos(pause);
        let least = match self {
            Self::Full => 0,
            Self::Equal => whole / 2,
        };
        // Below 2^64 times 2^64; after the division at most `whole - least`.
        let drawn = ((u128::from(whole - least) + 1) * u128::from(random)) >> u64::BITS;
        Duration::from_nanos(least + u64::try_from(drawn).unwrap_or(u64::MAX))
    }
}

/// Nanoseconds; anything longer than 584 years counts as that.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_double_and_none_is_longer_than_the_longest(
            first in 1..=u64::MAX, longest in 1..=u64::MAX, failures in 0_u32..200,
        ) {
            let (first, longest) = (Duration::from_nanos(first), Duration::from_nanos(longest));
            let backoff = Backoff::new(first, longest);
            prop_assert_eq!(backoff.after(0), first.min(longest));
            let (one, next) = (backoff.after(failures), backoff.after(failures + 1));
            prop_assert!(one <= next && next <= longest);
            prop_assert!(next == longest || next == one * 2);
        }

        #[test]
        fn success_begins_again(pauses in 0_u32..100) {
            let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(60));
            let fresh = backoff;
            for failures in 0..pauses {
                prop_assert_eq!(backoff.next_pause(), fresh.after(failures));
            }
            backoff.reset();
            prop_assert_eq!(backoff, fresh);
        }

        #[test]
        fn chance_stays_within_its_bounds_and_goes_along_with_the_number(
            pause in 0..=u64::MAX, random in 0..u64::MAX,
        ) {
            let pause = Duration::from_nanos(pause);
            for (jitter, least) in [(Jitter::Full, Duration::ZERO), (Jitter::Equal, pause / 2)] {
                let (one, next) = (jitter.of(pause, random), jitter.of(pause, random + 1));
                prop_assert!(least <= one && one <= next && next <= pause);
                prop_assert_eq!(jitter.of(pause, 0), least);
                prop_assert_eq!(jitter.of(pause, u64::MAX), pause);
            }
        }
    }

    #[test]
    fn chance_is_even() {
        let pause = Duration::from_nanos(3);
        let mut counts = [0_u32; 4];
        for step in 0..1_000_u64 {
            let drawn = Jitter::Full.of(pause, (2 * step + 1) * (u64::MAX / 2_000));
            counts[usize::try_from(drawn.as_nanos()).unwrap()] += 1;
        }
        assert_eq!(counts, [250; 4]);
    }
}
