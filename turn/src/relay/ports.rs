//! Which ports of a relay address are in use.

use std::ops::RangeInclusive;

/// The ports of an address.
#[derive(Debug)]
pub(super) struct Ports {
    range: RangeInclusive<u16>,
    taken: Vec<u64>,
}

/// The port that is required.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// Any.
    Any,
    /// Even.
    Even,
    /// Even, with the next one taken as well.
    Pair,
}

impl Ports {
    pub(super) fn new(range: RangeInclusive<u16>) -> Self {
        let words = range.len().div_ceil(64);
        Self {
            range,
            taken: vec![0; words],
        }
    }

    /// Takes the first suitable free port from `random` on, wrapping around.
    pub(super) fn take(&mut self, random: u16, wanted: Wanted) -> Option<u16> {
        let count = self.range.len();
        let start = usize::from(random) % count.max(1);
        let port = (0..count)
            .map(|step| (start + step) % count)
            .filter_map(|offset| self.range.clone().nth(offset))
            .find(|port| match wanted {
                Wanted::Any => !self.is_taken(*port),
                Wanted::Even => port.is_multiple_of(2) && !self.is_taken(*port),
                Wanted::Pair => {
                    port.is_multiple_of(2)
                        && !self.is_taken(*port)
                        && !self.is_taken(port.saturating_add(1))
                }
            })?;
        self.set(port, true);
        if wanted == Wanted::Pair {
            self.set(port + 1, true);
        }
        Some(port)
    }

    /// Releases a port.
    pub(super) fn release(&mut self, port: u16) {
        self.set(port, false);
    }

    /// Ports outside the range count as taken.
    fn is_taken(&self, port: u16) -> bool {
        !self.range.contains(&port) || {
            let offset = usize::from(port - self.range.start());
            self.taken[offset / 64] >> (offset % 64) & 1 == 1
        }
    }

    fn set(&mut self, port: u16, taken: bool) {
        if self.range.contains(&port) {
            let offset = usize::from(port - self.range.start());
            let bit = 1_u64 << (offset % 64);
            if taken {
                self.taken[offset / 64] |= bit;
            } else {
                self.taken[offset / 64] &= !bit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_given_once() {
        let mut ports = Ports::new(50_001..=50_006);
        assert_eq!(ports.take(0, Wanted::Any), Some(50_001));
        assert_eq!(ports.take(1, Wanted::Pair), Some(50_002));
        assert_eq!(ports.take(0, Wanted::Pair), Some(50_004));
        // 50,007 is outside.
        assert_eq!(ports.take(0, Wanted::Pair), None);
        assert_eq!(ports.take(9, Wanted::Even), Some(50_006));
        assert_eq!(ports.take(0, Wanted::Any), None);
        ports.release(50_003);
        ports.release(1);
        assert_eq!(ports.take(0, Wanted::Any), Some(50_003));
    }
}
