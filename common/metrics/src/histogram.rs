//! Distributions of sizes or durations.

use std::sync::Mutex;

use mutex::lock;

/// Counts observations in buckets, for [`crate::Exposition::histogram`]; shared by threads.
///
/// Its bounds are fixed at the start, so its memory never grows.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// One for each bound, and one for everything above.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    /// Creates a histogram; `bounds` are the largest values of the buckets, ascending, in the base unit (seconds,
    /// bytes). An additional bucket counts everything above.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        debug_assert!(bounds.is_sorted_by(|a, b| a < b), "bounds ascend");
        Self {
            bounds,
            state: Mutex::new(State {
                counts: vec![0; bounds.len() + 1],
                sum: 0.0,
            }),
        }
    }

    /// Counts one observation; NaN counts in the last bucket.
    pub fn observe(&self, value: f64) {
        let bucket = self.bounds.iter().position(|most| value <= *most);
        let mut state = lock(&self.state);
        state.sum += value;
        if let Some(count) = state.counts.get_mut(bucket.unwrap_or(self.bounds.len())) {
            *count = count.saturating_add(1);
        }
    }

    /// Returns the buckets, each with its bound and its own count, and the sum of all observations.
    pub(crate) fn read(&self) -> (Vec<(f64, u64)>, f64) {
        let state = lock(&self.state);
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        (
            bounds.zip(state.counts.iter().copied()).collect(),
            state.sum,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exposition;

    #[test]
    fn each_bucket_counts_what_is_up_to_its_bound() {
        let histogram = Histogram::new(&[0.5, 2.0]);
        for value in [0.25, 0.5, 0.75, 9.0] {
            histogram.observe(value);
        }
        let mut text = Exposition::new("p_");
        text.histogram("wait_seconds", "Waits.", &histogram);
        assert_eq!(
            text.finish(),
            "# HELP p_wait_seconds Waits.\n# TYPE p_wait_seconds histogram\n\
             p_wait_seconds_bucket{le=\"0.5\"} 2\np_wait_seconds_bucket{le=\"2\"} 3\n\
             p_wait_seconds_bucket{le=\"+Inf\"} 4\np_wait_seconds_sum 10.5\np_wait_seconds_count 4\n"
        );
    }
}
