//! Limits on how much a participant may send to others, applied before the content is parsed.

use std::time::{Duration, Instant};

/// Bytes of one signal.
const MAX_SIGNAL: usize = 64 << 10;
/// Burst of bytes a participant may send at once; the allowance refills at [`BYTES_PER_SECOND`].
const MAX_BURST: usize = 512 << 10;
/// Bytes per second a participant may send.
const BYTES_PER_SECOND: usize = 64 << 10;
/// Burst of signals a participant may send at once; the allowance refills within [`SIGNAL_WINDOW`].
const MAX_SIGNALS: usize = 200;
const SIGNAL_WINDOW: Duration = Duration::from_secs(10);

/// A participant's remaining allowance, shared by all their sockets.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: f64,
    signals: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bytes: MAX_BURST as f64,
            signals: MAX_SIGNALS as f64,
            at: now,
        }
    }

    fn spend(&mut self, bytes: usize, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.bytes = (self.bytes + passed * BYTES_PER_SECOND as f64).min(MAX_BURST as f64);
        let signals = passed * MAX_SIGNALS as f64 / SIGNAL_WINDOW.as_secs_f64();
        self.signals = (self.signals + signals).min(MAX_SIGNALS as f64);
        self.bytes -= bytes as f64;
        self.signals -= 1.0;
        self.bytes >= 0.0 && self.signals >= 0.0
    }

    /// Charges a signal of `bytes` bytes to the allowance.
    ///
    /// # Errors
    /// Returns the text sent to a participant who exceeds the limits and is removed for it.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> Result<(), &'static str> {
        if bytes > MAX_SIGNAL {
            return Err("a signal was larger than 64 KiB");
        }
        if !self.spend(bytes, now) {
            return Err("you sent too many signals");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signal_is_bounded() {
        let now = Instant::now();
        let take = |bytes| Budget::new(now).take(bytes, now);
        assert_eq!(take(MAX_SIGNAL), Ok(()));
        assert!(take(MAX_SIGNAL + 1).is_err());
    }

    #[test]
    fn all_signals_are_bounded_in_number_and_bytes() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        for _ in 0..MAX_SIGNALS {
            assert_eq!(budget.take(20, start), Ok(()));
        }
        assert!(budget.take(20, start).is_err());
        let mut budget = Budget::new(start);
        for _ in 0..8 {
            assert_eq!(budget.take(MAX_SIGNAL, start), Ok(()));
        }
        assert!(budget.take(MAX_SIGNAL, start).is_err());
        let mut budget = Budget::new(start);
        for second in 0..60 {
            // One large signal per second, indefinitely.
            let now = start + Duration::from_secs(second);
            assert_eq!(budget.take(MAX_SIGNAL, now), Ok(()));
        }
    }
}
