//! Texts that say when they were sent, and how long they were on their way.

use std::time::Instant;

/// What a marked text begins with; microseconds since the start of the run follow, then a dash.
const MARK: &str = "bench-";

/// How long marked texts were on their way, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Marks {
    latencies: Vec<u32>,
    /// When the last one came.
    pub(super) last: Option<Instant>,
}

/// Creates a text of about the length of a message.
pub(super) fn marked(start: Instant) -> String {
    let micros = start.elapsed().as_micros();
    format!("{MARK}{micros}-and something else, as long as what people write to each other")
}

/// Returns when a text was sent, if it is marked.
pub(super) fn mark_in(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(MARK)?;
    rest.split_once('-')?.0.parse().ok()
}

impl Marks {
    /// Notes that a text arrived that was sent then.
    pub(super) fn note(&mut self, sent: u64, start: Instant) {
        let now = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let took = now.saturating_sub(sent);
        self.latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
        self.last = Some(Instant::now());
    }

    /// Takes everything that was noted.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// How many arrived.
    pub(super) const fn len(&self) -> usize {
        self.latencies.len()
    }

    /// The latency below which this part of all are, in milliseconds.
    pub(super) fn percentile(&mut self, percent: usize) -> f64 {
        self.latencies.sort_unstable();
        let rank = self.latencies.len() * percent / 100;
        let last = self.latencies.len().saturating_sub(1);
        let micros = self.latencies.get(rank.min(last)).copied();
        f64::from(micros.unwrap_or_default()) / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_what_carries_them() {
        let start = Instant::now();
        let text = format!("42[\"message\",{{\"content\":\"{}\"}}]", marked(start));
        let sent = mark_in(&text).unwrap();
        assert_eq!(mark_in("42[\"message\",{\"type\":\"join\"}]"), None);
        let mut marks = Marks::default();
        marks.note(sent, start);
        assert_eq!(marks.len(), 1);
        let mut marks = Marks {
            latencies: (0..200).map(|number| number * 1000).collect(),
            last: None,
        };
        assert_eq!((marks.percentile(50), marks.percentile(99)), (100.0, 198.0));
        assert_eq!(Marks::default().percentile(99), 0.0);
    }
}
