//! Limits log lines of a kind to one a minute: a client that can cause a line must not be able to fill a disk with
//! them.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use mutex::lock;

/// How long after a line of a kind the next may be written.
const PAUSE: Duration = Duration::from_secs(60);

/// One kind of log line: a `static` next to the code that writes it.
///
/// ```
/// use program::Seldom;
///
/// static REFUSED: Seldom = Seldom::new();
/// if let Some(left_out) = REFUSED.say() {
///     println!("a connection was refused ({left_out} more since the last line)");
/// }
/// ```
#[derive(Debug)]
pub struct Seldom(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    said: Option<Instant>,
    left_out: u64,
}

impl Seldom {
    /// Creates a kind without any line so far.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            said: None,
            left_out: 0,
        }))
    }

    /// Returns, if a line may be written now, how many were left out since the last one.
    pub fn say(&self) -> Option<u64> {
        self.say_at(Instant::now())
    }

    fn say_at(&self, now: Instant) -> Option<u64> {
        let mut state = lock(&self.0);
        if state
            .said
            .is_some_and(|said| now.saturating_duration_since(said) < PAUSE)
        {
            state.left_out = state.left_out.saturating_add(1);
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_minute_that_says_how_many_were_left_out() {
        let (kind, start) = (Seldom::new(), Instant::now());
        assert_eq!(kind.say_at(start), Some(0));
        for millis in 0..59_999 {
            assert_eq!(kind.say_at(start + Duration::from_millis(millis)), None);
        }
        assert_eq!(kind.say_at(start + PAUSE), Some(59_999));
        assert_eq!(kind.say_at(start + PAUSE), None);
        assert_eq!(kind.say_at(start + PAUSE * 3), Some(1));
    }
}
