//! Slows down whoever guesses passwords or tokens.
//!
//! Counters are kept in the process, bounded, and forget: at the edge every instance counts for itself,
//! which still makes guessing expensive since a wrong password costs a hash each time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use model::{AccountName, Timestamp};

/// Counters that are kept at once.
const MAX_COUNTERS: usize = 10_000;

/// Where a request comes from, as far as the host knows. IPv6 addresses count by /64.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    /// All clients whose address is unknown count as one.
    pub const UNKNOWN: Self = Self(None);

    /// Reads the text of an address, as hosts and proxies hand it on.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.trim()
            .parse::<IpAddr>()
            .map_or(Self::UNKNOWN, Self::from)
    }
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address => address,
        }))
    }
}

/// What is counted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Subject {
    /// Wrong passwords for an account from one client.
    Password(AccountName, ClientAddress),
    /// Wrong passwords for an account from anywhere.
    Account(AccountName),
    /// Wrong passwords, invites and set-up tokens from one client.
    Client(ClientAddress),
    /// Wrong bearer tokens from one client.
    Token(ClientAddress),
    /// Addresses of hooks that do not exist, from one client.
    Hook(ClientAddress),
}

/// How patient one is.
struct Policy {
    /// Failures that cost nothing.
    free: u32,
    /// The longest wait in milliseconds.
    longest: i64,
    /// After so many milliseconds without a failure the counter is forgotten.
    forget: i64,
}

const MINUTE: i64 = 60_000;

impl Subject {
    const fn policy(&self) -> Policy {
        match self {
            Self::Password(..) => Policy {
                free: 5,
                longest: 15 * MINUTE,
                forget: 30 * MINUTE,
            },
            // Short waits only: otherwise anybody could lock somebody out.
            Self::Account(_) => Policy {
                free: 50,
                longest: MINUTE / 2,
                forget: 30 * MINUTE,
            },
            Self::Client(_) => Policy {
                free: 30,
                longest: 15 * MINUTE,
                forget: 30 * MINUTE,
            },
            // An app with a revoked token may go on polling without doing harm.
            Self::Token(_) | Self::Hook(_) => Policy {
                free: 300,
                longest: MINUTE,
                forget: MINUTE,
            },
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    failures: u32,
    last: i64,
}

/// Counters of failures.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    counters: Mutex<HashMap<Subject, Counter>>,
}

impl Guard {
    /// Returns how many seconds to wait until the next attempt, if any.
    pub(crate) fn wait(&self, subject: &Subject, now: Timestamp) -> Option<u64> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.get(subject)?;
        let policy = subject.policy();
        let doublings = counter.failures.checked_sub(policy.free)?.min(20);
        let wait = (1_000_i64 << doublings).min(policy.longest);
        let left = counter.last.saturating_add(wait) - now.millis();
        let gone = now.millis() - counter.last > policy.forget;
        (left > 0 && !gone).then(|| u64::try_from(left).unwrap_or_default().div_ceil(1_000))
    }

    /// Counts an attempt before it is known whether it fails: many at once are all counted.
    pub(crate) fn attempt(&self, subject: Subject, now: Timestamp) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let forget = subject.policy().forget;
        if counters.len() >= MAX_COUNTERS && !counters.contains_key(&subject) {
            make_room(&mut counters, now);
        }
        let counter = counters.entry(subject).or_insert_with(|| Counter {
            failures: 0,
            last: now.millis(),
        });
        if now.millis() - counter.last > forget {
            counter.failures = 0;
        }
        counter.failures = counter.failures.saturating_add(1);
        counter.last = now.millis();
    }

    /// Takes one attempt back: it was right.
    pub(crate) fn take_back(&self, subject: &Subject) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get_mut(subject) {
            counter.failures = counter.failures.saturating_sub(1);
        }
    }

    /// Forgets all failures: somebody proved who they are.
    pub(crate) fn forget(&self, subject: &Subject) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.remove(subject);
    }
}

fn make_room(counters: &mut HashMap<Subject, Counter>, now: Timestamp) {
    counters.retain(|subject, counter| now.millis() - counter.last <= subject.policy().forget);
    if counters.len() < MAX_COUNTERS {
        return;
    }
    let mut times: Vec<i64> = counters.values().map(|counter| counter.last).collect();
    let quarter = times.len() / 4;
    let (_, oldest, _) = times.select_nth_unstable(quarter);
    let oldest = *oldest;
    counters.retain(|_, counter| counter.last > oldest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn password(address: &str) -> Subject {
        Subject::Password("alice".parse().unwrap(), ClientAddress::parse(address))
    }

    #[test]
    fn waits_double_after_the_free_attempts_and_are_forgotten() {
        let guard = Guard::default();
        let subject = password("192.0.2.1");
        for _ in 0..4 {
            guard.attempt(subject.clone(), at(0));
            assert_eq!(guard.wait(&subject, at(0)), None);
        }
        for seconds in [1, 2, 4, 8] {
            guard.attempt(subject.clone(), at(0));
            assert_eq!(guard.wait(&subject, at(0)), Some(seconds));
        }
        assert_eq!(guard.wait(&subject, at(7_500)), Some(1));
        assert_eq!(guard.wait(&subject, at(8_000)), None);
        assert_eq!(guard.wait(&password("192.0.2.2"), at(0)), None);
        guard.attempt(subject.clone(), at(31 * MINUTE));
        assert_eq!(guard.wait(&subject, at(31 * MINUTE)), None);
        guard.forget(&subject);
        assert_eq!(guard.wait(&subject, at(31 * MINUTE)), None);
    }

    #[test]
    fn the_number_of_counters_is_bounded() {
        let guard = Guard::default();
        for n in 0..30_000_u32 {
            let address = IpAddr::from(n.to_be_bytes());
            guard.attempt(Subject::Client(address.into()), at(i64::from(n)));
        }
        assert!(guard.counters.lock().unwrap().len() <= MAX_COUNTERS);
        for n in 0..20_000_u32 {
            let address = IpAddr::from(n.to_be_bytes());
            guard.attempt(Subject::Client(address.into()), at(0));
        }
        assert!(guard.counters.lock().unwrap().len() <= MAX_COUNTERS);
    }

    #[test]
    fn neighbours_in_ipv6_are_one_client() {
        let one = ClientAddress::parse("2001:db8::1");
        assert_eq!(one, ClientAddress::parse("2001:db8::ffff:1"));
        assert_ne!(one, ClientAddress::parse("2001:db8:0:1::1"));
        assert_eq!(
            ClientAddress::parse("::ffff:192.0.2.1"),
            ClientAddress::parse("192.0.2.1")
        );
        assert_eq!(ClientAddress::parse("nonsense"), ClientAddress::UNKNOWN);
    }
}
