//! How the connections of a process share its file descriptors.

/// Limits on connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Share {
    /// The total; 0 if the port is not open.
    pub all: usize,
    /// Per address.
    pub of_address: usize,
}

impl Share {
    /// Limits the total to `all`: if that is less, one address gets at most a quarter of it.
    fn cut(self, all: usize) -> Self {
        if all >= self.all {
            return self;
        }
        Self {
            all,
            of_address: self.of_address.min(all / 4).max(1),
        }
    }
}

/// Divides half of a process's file descriptors among its ports; the other half is for everything else that it opens. A
/// port that needs less than an equal share gets what it needs, and leaves more to the others.
///
/// So even somebody who takes all possible connections on all ports cannot prevent the process from opening a file.
#[must_use]
pub fn share_out<const PORTS: usize>(descriptors: u64, wanted: [Share; PORTS]) -> [Share; PORTS] {
    let mut left = usize::try_from(descriptors / 2).unwrap_or(usize::MAX);
    let mut order: Vec<usize> = (0..PORTS).filter(|&port| wanted[port].all > 0).collect();
    order.sort_by_key(|&port| wanted[port].all);
    let mut given = wanted;
    let mut ports = order.len();
    for port in order {
        // An open port gets at least one connection.
        let share = (left / ports).max(1);
        given[port] = wanted[port].cut(share);
        left = left.saturating_sub(given[port].all);
        ports -= 1;
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn share(all: usize, of_address: usize) -> Share {
        Share { all, of_address }
    }

    #[test]
    fn few_descriptors_are_shared_out_among_the_ports_that_are_open() {
        let wanted = [
            share(10_000, 256),
            share(0, 50),
            share(250, 20),
            share(4_000, 200),
        ];
        assert_eq!(
            share_out(256, wanted),
            [share(43, 10), share(0, 50), share(42, 10), share(43, 10)]
        );
        // One that needs little leaves it to the others.
        assert_eq!(
            share_out(1_024, [share(10_000, 256), share(12, 3), share(4_000, 200)]),
            [share(250, 62), share(12, 3), share(250, 62)]
        );
        assert_eq!(share_out(256, [share(10_000, 256)]), [share(128, 32)]);
    }

    #[test]
    fn with_enough_descriptors_nothing_changes() {
        let wanted = [share(10_000, 256), share(10_000, 50), share(100, 100)];
        assert_eq!(share_out(65_536, wanted), wanted);
        assert_eq!(share_out(u64::MAX, wanted), wanted);
        assert_eq!(share_out(0, []), []);
    }

    #[test]
    fn half_is_left_and_nobody_has_more_than_he_wants() {
        for descriptors in (10..5_000).step_by(7) {
            let wanted = [10_000, 10_128, 250, 4_000, 4_000].map(|all| share(all, 50));
            let given = share_out(descriptors, wanted);
            let all: usize = given.iter().map(|share| share.all).sum();
            assert!(all as u64 <= descriptors / 2, "{all} of {descriptors}");
            for (given, wanted) in given.iter().zip(wanted) {
                assert!((1..=wanted.all).contains(&given.all));
                assert!((1..=wanted.of_address).contains(&given.of_address));
            }
        }
        assert_eq!(share_out(0, [share(5, 5); 2]), [share(1, 1); 2]);
    }
}
