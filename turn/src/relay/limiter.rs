//! Limits responses to addresses without credentials: these responses are longer than the requests, whose sender may
//! be forged.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;

use program::network;

use crate::clock::Time;

/// Counters; addresses with the same hash share one.
const COUNTERS: usize = 4096;

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    /// Thousandths of responses.
    spent: u64,
    last: Time,
}

/// Counts responses by address, in constant memory.
#[derive(Debug)]
pub(super) struct Limiter {
    counters: Box<[Counter]>,
    hash: RandomState,
    rate: u64,
}

impl Limiter {
    /// Allows this many responses per second, which is also the burst; 0 means no limit.
    pub(super) fn new(rate: u32) -> Self {
        Self {
            counters: vec![Counter::default(); COUNTERS].into(),
            hash: RandomState::new(),
            rate: rate.into(),
        }
    }

    /// Counts a response if it may be sent.
    pub(super) fn allows(&mut self, ip: IpAddr, now: Time) -> bool {
        if self.rate == 0 {
            return true;
        }
        let index = self.hash.hash_one(network(ip)) as usize % COUNTERS;
        let counter = &mut self.counters[index];
        counter.spent = counter
            .spent
            .saturating_sub(now.since(counter.last).saturating_mul(self.rate));
        counter.last = now;
        if counter.spent >= self.rate * 1000 {
            return false;
        }
        counter.spent += 1000;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_address() {
        let mut limiter = Limiter::new(10);
        let (one, now) = (IpAddr::from([192, 0, 2, 1]), Time::from_millis(1_000_000));
        assert_eq!((0..100).filter(|_| limiter.allows(one, now)).count(), 10);
        let later = Time::from_millis(1_000_300);
        assert_eq!((0..100).filter(|_| limiter.allows(one, later)).count(), 3);
        let mut none = Limiter::new(0);
        assert!((0..10_000).all(|_| none.allows(one, now)));
    }
}
