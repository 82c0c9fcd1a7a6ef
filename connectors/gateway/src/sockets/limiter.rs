//! Limits how many events a socket may send.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::config::Limits;
use mutex::lock;

/// The decision on an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Pass,
    /// One too many; from now on everything is ignored for a while.
    Block,
    Blocked,
}

/// Counts events in windows, as Sockethub does.
#[derive(Debug)]
pub(crate) struct Limiter {
    most: u32,
    block: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    window: Option<Instant>,
    count: u32,
    blocked: Option<Instant>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.events,
            block: limits.block,
            state: Mutex::default(),
        }
    }

    pub(crate) fn check(&self) -> Verdict {
        self.check_at(Instant::now())
    }

    fn check_at(&self, now: Instant) -> Verdict {
        let mut state = lock(&self.state);
        if state.blocked.is_some_and(|until| now < until) {
            return Verdict::Blocked;
        }
        state.blocked = None;
        if state
            .window
            .is_none_or(|start| now >= start + Limits::EVENT_WINDOW)
        {
            state.window = Some(now);
            state.count = 0;
        }
        state.count += 1;
        if state.count > self.most {
            state.blocked = Some(now + self.block);
            state.window = None;
            return Verdict::Block;
        }
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_events_a_second_and_then_a_pause() {
        let (limiter, start) = (Limiter::new(&Limits::default()), Instant::now());
        for _ in 0..100 {
            assert_eq!(limiter.check_at(start), Verdict::Pass);
        }
        let later = start + Duration::from_millis(999);
        assert_eq!(limiter.check_at(later), Verdict::Block);
        assert_eq!(
            limiter.check_at(later + Duration::from_millis(4_999)),
            Verdict::Blocked
        );
        for _ in 0..100 {
            assert_eq!(
                limiter.check_at(later + Duration::from_secs(5)),
                Verdict::Pass
            );
        }
        let next = later + Duration::from_secs(6);
        assert_eq!(limiter.check_at(next), Verdict::Pass);
    }
}
