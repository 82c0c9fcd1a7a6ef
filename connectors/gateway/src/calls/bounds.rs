//! What a participant may send to others: bounded before it is kept or passed on.

use std::time::{Duration, Instant};

use serde_json::Value;

/// Bytes of one signal.
pub(super) const MAX_SIGNAL: usize = 64 << 10;
/// Candidates that come together.
pub(super) const MAX_CANDIDATES: usize = 64;
/// Media lines of a description: each costs the other side an encoder and a decoder. We need three.
pub(super) const MAX_MEDIA_LINES: usize = 8;
/// Bytes that a participant may send at once; what is used comes back at [`BYTES_PER_SECOND`].
const MAX_BURST: usize = 512 << 10;
/// Bytes a second that a participant may send.
const BYTES_PER_SECOND: usize = 64 << 10;
/// Signals that a participant may send at once, and which come back within [`SIGNAL_WINDOW`].
const MAX_SIGNALS: usize = 200;
const SIGNAL_WINDOW: Duration = Duration::from_secs(10);

/// How much a participant may send now, whichever of their sockets they use.
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

    /// Checks a signal.
    ///
    /// # Errors
    /// What is said to whoever breaks the bounds, and is put out for it.
    pub(super) fn check(&mut self, data: &Value, now: Instant) -> Result<(), &'static str> {
        let size = serde_json::to_vec(data).map_or(usize::MAX, |json| json.len());
        if size > MAX_SIGNAL {
            return Err("a signal was larger than 64 KiB");
        }
        if !self.spend(size, now) {
            return Err("too many signals came from you");
        }
        let candidates = data.get("candidates").and_then(Value::as_array);
        if candidates.is_some_and(|candidates| candidates.len() > MAX_CANDIDATES) {
            return Err("a signal had more than 64 candidates");
        }
        let sdp = data.get("description").and_then(|d| d.get("sdp")?.as_str());
        if sdp.is_some_and(|sdp| media_lines(sdp) > MAX_MEDIA_LINES) {
            return Err("a description had more than 8 media lines");
        }
        Ok(())
    }
}

/// Counts the media of a session description (RFC 8866, section 5.14); browsers take lone line feeds too.
fn media_lines(sdp: &str) -> usize {
    let lines = sdp.split(['\r', '\n']);
    lines.filter(|line| line.starts_with("m=")).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offer(lines: usize) -> Value {
        let sdp = format!("v=0\r\n{}", "m=video 9 X 96\r\n".repeat(lines));
        json!({"description": {"type": "offer", "sdp": sdp}})
    }

    #[test]
    fn one_signal_is_bounded() {
        let now = Instant::now();
        let check = |data: &Value| Budget::new(now).check(data, now);
        assert_eq!(check(&offer(MAX_MEDIA_LINES)), Ok(()));
        assert!(check(&offer(MAX_MEDIA_LINES + 1)).is_err());
        let candidates = |n| json!({"candidates": vec![json!({"candidate": "x"}); n]});
        assert_eq!(check(&candidates(MAX_CANDIDATES)), Ok(()));
        assert!(check(&candidates(MAX_CANDIDATES + 1)).is_err());
        let large = |n| json!("x".repeat(n));
        assert_eq!(check(&large(MAX_SIGNAL - 2)), Ok(()));
        assert!(check(&large(MAX_SIGNAL - 1)).is_err());
    }

    #[test]
    fn all_signals_are_bounded_in_number_and_bytes() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let small = json!({"candidates": []});
        for _ in 0..MAX_SIGNALS {
            assert_eq!(budget.check(&small, start), Ok(()));
        }
        assert!(budget.check(&small, start).is_err());
        let mut budget = Budget::new(start);
        let large = json!("x".repeat(MAX_SIGNAL - 2));
        for _ in 0..8 {
            assert_eq!(budget.check(&large, start), Ok(()));
        }
        assert!(budget.check(&large, start).is_err());
        let mut budget = Budget::new(start);
        for second in 0..60 {
            // One large signal a second for ever.
            let now = start + Duration::from_secs(second);
            assert_eq!(budget.check(&large, now), Ok(()));
        }
    }
}
