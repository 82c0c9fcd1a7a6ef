//! Slows down the guessing of passwords and tokens.
//!
//! Counters expire. Natively they are kept in the process, in limited number; at the edge, where there are many
//! instances, or one per request, in the store ([`crate::kernel::config::Config::shared_counters`]).
//!
//! # How many guesses are possible
//!
//! However many addresses they use, strangers have 2,411 guesses a day at one account, 46 of them in one burst: every
//! wrong password counts for the account ([`Subject::Account`]), and strangers wait for that counter. Addresses from
//! which the account's password was recently proved need not wait for it, or else persistent guessing would lock out
//! the account's owner; together they then have 462 guesses a day ([`Subject::Known`]), and each at most 546
//! ([`Subject::Password`]).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;

use mutex::lock;
use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage_adapter::{ObjectStore, StoreError};

use crate::kernel::Kernel;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;
use crate::kernel::records::Change;
use protocol::hex;

/// The most counters kept at once.
const MAX_COUNTERS: usize = 10_000;

/// The client's address, as far as the host knows it. IPv6 addresses count by /64.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    /// All clients whose address is unknown count as one.
    pub const UNKNOWN: Self = Self(None);

    /// An address that many clients share, as reported by a connector: guesses can only be attributed to the account.
    pub(crate) const SHARED: Self = Self(Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));

    /// Returns whether this address identifies a client.
    pub(crate) fn is_somewhere(self) -> bool {
        self != Self::UNKNOWN && self != Self::SHARED
    }

    /// Parses an address as forwarded by hosts and proxies.
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
    /// Wrong passwords for an account from all addresses from which it was recently proved, while strangers have to
    /// wait.
    Known(AccountName),
    /// Wrong passwords, invites and set-up tokens from one client.
    Client(ClientAddress),
    /// Wrong bearer tokens from one client.
    Token(ClientAddress),
    /// Addresses of hooks that do not exist, from one client.
    Hook(ClientAddress),
    /// Joins of calls by guests, from one client.
    Guest(ClientAddress),
    /// Joins of calls by an account.
    Caller(AccountName),
}

/// How failures are penalised.
struct Policy {
    /// Failures without a penalty.
    free: u32,
    /// The longest wait in milliseconds.
    longest: i64,
    /// After this many milliseconds without a failure the counter is dropped.
    forget: i64,
}

const MINUTE: i64 = 60_000;
/// Every counter is dropped after this many milliseconds.
const LONGEST: i64 = 30 * MINUTE;
/// How far the clocks of several instances may differ, in milliseconds. A later timestamp was recorded before a clock
/// was set back.
const SKEW: i64 = 5_000;

impl Subject {
    /// Returns the text from which the name of a stored counter is derived. It must not change, so that existing
    /// counters are found again.
    fn stored(&self) -> String {
        let (kind, account, client) = match self {
            Self::Password(account, client) => ("Password", Some(account), Some(client)),
            Self::Account(account) => ("Account", Some(account), None),
            Self::Known(account) => ("Known", Some(account), None),
            Self::Client(client) => ("Client", None, Some(client)),
            Self::Token(client) => ("Token", None, Some(client)),
            Self::Hook(client) => ("Hook", None, Some(client)),
            Self::Guest(client) => ("Guest", None, Some(client)),
            Self::Caller(account) => ("Caller", Some(account), None),
        };
        let mut text = String::from(kind);
        text.push('(');
        if let Some(account) = account {
            text.push_str("AccountName(\"");
            text.push_str(account.as_str());
            text.push_str("\")");
        }
        if account.is_some() && client.is_some() {
            text.push_str(", ");
        }
        if let Some(ClientAddress(address)) = client {
            text.push_str("ClientAddress(");
            match address {
                Some(address) => {
                    text.push_str("Some(");
                    text.push_str(&address.to_string());
                    text.push(')');
                }
                None => text.push_str("None"),
            }
            text.push(')');
        }
        text.push(')');
        text
    }

    const fn policy(&self) -> Policy {
        match self {
            Self::Password(..) => Policy {
                free: 5,
                longest: 15 * MINUTE,
                forget: 30 * MINUTE,
            },
            // Short waits only: the owner may want to sign in from a new address.
            Self::Account(_) => Policy {
                free: 46,
                longest: 40_000,
                forget: 30 * MINUTE,
            },
            Self::Known(_) => Policy {
                free: 3,
                longest: 15 * MINUTE,
                forget: 30 * MINUTE,
            },
            Self::Client(_) => Policy {
                free: 30,
                longest: 15 * MINUTE,
                forget: 30 * MINUTE,
            },
            // A few people behind one address, who rejoin after each network failure.
            Self::Guest(_) | Self::Caller(_) => Policy {
                free: 60,
                longest: MINUTE,
                forget: 10 * MINUTE,
            },
            // An app with a revoked token may keep polling without doing harm.
            Self::Token(_) | Self::Hook(_) => Policy {
                free: 300,
                longest: MINUTE,
                forget: MINUTE,
            },
        }
    }
}

/// The number of failures, and the time of the last one, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Counter {
    failures: u32,
    last: i64,
}

impl Counter {
    const fn new(now: Timestamp) -> Self {
        Self {
            failures: 0,
            last: now.millis(),
        }
    }

    const fn is_over(&self, policy: &Policy, now: Timestamp) -> bool {
        now.millis() - self.last > policy.forget
    }

    fn wait(&self, policy: &Policy, now: Timestamp) -> Option<u64> {
        let doublings = self.failures.checked_sub(policy.free)?.min(20);
        let wait = (1_000_i64 << doublings).min(policy.longest);
        // Setting back the clock must not lengthen a wait, least of all by the same amount.
        if self.last.saturating_sub(now.millis()) > SKEW {
            return None;
        }
        let left = (self.last.saturating_add(wait) - now.millis()).min(wait);
        (left > 0 && !self.is_over(policy, now))
            .then(|| u64::try_from(left).unwrap_or_default().div_ceil(1_000))
    }

    const fn count(&mut self, policy: &Policy, now: Timestamp) {
        if self.is_over(policy, now) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last = now.millis();
    }
}

/// Counters of failures.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    counters: Mutex<HashMap<Subject, Counter>>,
}

impl Guard {
    /// Returns the seconds to wait until the next attempt, if any.
    pub(crate) fn wait(&self, subject: &Subject, now: Timestamp) -> Option<u64> {
        let counters = lock(&self.counters);
        counters.get(subject)?.wait(&subject.policy(), now)
    }

    /// Counts an attempt before its outcome is known, so that many concurrent ones are all counted.
    pub(crate) fn attempt(&self, subject: Subject, now: Timestamp) {
        let mut counters = lock(&self.counters);
        let policy = subject.policy();
        if counters.len() >= MAX_COUNTERS && !counters.contains_key(&subject) {
            make_room(&mut counters, now);
        }
        let counter = counters.entry(subject);
        let counter = counter.or_insert_with(|| Counter::new(now));
        counter.count(&policy, now);
    }

    /// Takes back one attempt that turned out to be right.
    pub(crate) fn take_back(&self, subject: &Subject) {
        let mut counters = lock(&self.counters);
        if let Some(counter) = counters.get_mut(subject) {
            counter.failures = counter.failures.saturating_sub(1);
        }
    }

    /// Drops all failures after a successful authentication.
    pub(crate) fn forget(&self, subject: &Subject) {
        let mut counters = lock(&self.counters);
        counters.remove(subject);
    }
}

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Returns the seconds to wait until the next attempt, if any.
    pub(crate) async fn must_wait(&self, subject: &Subject) -> Result<Option<u64>, StoreError> {
        let now = self.now();
        if !self.config.shared_counters {
            return Ok(self.guard.wait(subject, now));
        }
        let (counter, _) = self.load_note::<Counter>(&key(subject)).await?;
        Ok(counter.and_then(|counter| counter.wait(&subject.policy(), now)))
    }

    /// Refuses a client that has guessed too often; the caller counts the guess that follows.
    pub(crate) async fn check_guesses(&self, guesses: &Subject) -> Result<(), Failure> {
        let Some(seconds) = self.must_wait(guesses).await? else {
            return Ok(());
        };
        Err(Failure::too_many(
            format!("too many attempts came from this address; try again in {seconds} seconds"),
            seconds,
        ))
    }

    /// Counts an attempt; counting it before its outcome is known counts many concurrent ones as well.
    pub(crate) async fn count_attempt(&self, subject: &Subject) -> Result<(), StoreError> {
        let now = self.now();
        if !self.config.shared_counters {
            self.guard.attempt(subject.clone(), now);
            return Ok(());
        }
        let policy = subject.policy();
        self.change_counter(subject, |counter| counter.count(&policy, now))
            .await
    }

    /// Takes back one attempt that turned out to be right.
    pub(crate) async fn take_back_attempt(&self, subject: &Subject) -> Result<(), StoreError> {
        if !self.config.shared_counters {
            self.guard.take_back(subject);
            return Ok(());
        }
        self.change_counter(subject, |counter| {
            counter.failures = counter.failures.saturating_sub(1);
        })
        .await
    }

    /// Drops all failures after a successful authentication.
    pub(crate) async fn forget_attempts(&self, subject: &Subject) -> Result<(), StoreError> {
        if !self.config.shared_counters {
            self.guard.forget(subject);
            return Ok(());
        }
        self.storage.store().delete(&key(subject)).await
    }

    async fn change_counter(
        &self,
        subject: &Subject,
        change: impl Fn(&mut Counter) + Send + Sync,
    ) -> Result<(), StoreError> {
        let changed = self
            .update_note(&key(subject), |counter| {
                let mut counter = counter.unwrap_or_else(|| Counter::new(self.now()));
                change(&mut counter);
                Change::Write(counter, ())
            })
            .await;
        changed.map_err(|error| match error {
            StoreError::Precondition => {
                StoreError::Unavailable("too many attempts at once".to_owned())
            }
            error => error,
        })
    }

    /// Removes expired counters, some of them if there are many; returns how many.
    pub(crate) async fn sweep_counters(&self) -> Result<usize, StoreError> {
        let mut removed = 0;
        for key in self.list_keys(keys::GUARD).await? {
            let (counter, _) = self.load_note::<Counter>(&key).await?;
            let old = |last: i64| self.now().millis().abs_diff(last) > LONGEST.unsigned_abs();
            // An unreadable one is useless, too.
            if counter.is_none_or(|counter| old(counter.last)) {
                self.storage.store().delete(&key).await?;
                removed += 1;
            }
            if removed >= MAX_COUNTERS {
                break;
            }
        }
        Ok(removed)
    }
}

/// Names a counter without revealing its subject.
fn key(subject: &Subject) -> String {
    format!("{}{}.json", keys::GUARD, digest(subject))
}

/// Names a network from which an account's password was proved, without revealing it.
pub(crate) fn network_of(account: &AccountName, client: ClientAddress) -> String {
    digest(&Subject::Password(account.clone(), client))
}

fn digest(subject: &Subject) -> String {
    hex(&Sha256::digest(subject.stored()))
}

fn make_room(counters: &mut HashMap<Subject, Counter>, now: Timestamp) {
    counters.retain(|subject, counter| !counter.is_over(&subject.policy(), now));
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
    use crate::testing::{PASSWORD, block_on, functions_with};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn password(address: &str) -> Subject {
        Subject::Password("alice".parse().unwrap(), ClientAddress::parse(address))
    }

    #[test]
    fn the_names_of_stored_counters_stay() {
        let alice = || "alice-1".parse::<AccountName>().unwrap();
        let addresses = ["192.0.2.1", "2001:db8:1:2:3::4", "nothing"].map(ClientAddress::parse);
        for client in addresses {
            for subject in [
                Subject::Password(alice(), client),
                Subject::Account(alice()),
                Subject::Known(alice()),
                Subject::Client(client),
                Subject::Token(client),
                Subject::Hook(client),
                Subject::Guest(client),
                Subject::Caller(alice()),
            ] {
                assert_eq!(subject.stored(), format!("{subject:?}"));
            }
        }
        assert_eq!(
            Subject::Password(alice(), addresses[1]).stored(),
            "Password(AccountName(\"alice-1\"), ClientAddress(Some(2001:db8:1:2::)))"
        );
        assert_eq!(
            Subject::Hook(addresses[2]).stored(),
            "Hook(ClientAddress(None))"
        );
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

    /// The most guesses a day: either as many as possible, then a pause until they expire, and again; or without
    /// pauses.
    fn guesses_a_day(subject: &Subject) -> i64 {
        let day = 24 * 60 * MINUTE;
        let policy = subject.policy();
        let mut most = day / policy.longest;
        let guard = Guard::default();
        let mut now = 0;
        for guesses in 1..1_000 {
            guard.attempt(subject.clone(), at(now));
            most = most.max(guesses * day / (now + policy.forget));
            let wait = guard.wait(subject, at(now)).unwrap_or_default();
            now += i64::try_from(wait).unwrap() * 1_000;
        }
        most
    }

    #[test]
    fn an_account_is_guessed_at_no_more_often_than_is_said() {
        let alice = || "alice".parse::<AccountName>().unwrap();
        assert_eq!(guesses_a_day(&Subject::Account(alice())), 2_411);
        assert_eq!(guesses_a_day(&Subject::Known(alice())), 462);
        assert_eq!(guesses_a_day(&password("192.0.2.1")), 546);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let guard = Guard::default();
        let subject = password("192.0.2.1");
        let day = 24 * 60 * MINUTE;
        for _ in 0..8 {
            guard.attempt(subject.clone(), at(day));
        }
        assert_eq!(guard.wait(&subject, at(day)), Some(8));
        assert_eq!(guard.wait(&subject, at(day - 4_000)), Some(8));
        assert_eq!(guard.wait(&subject, at(0)), None);
        // Continued guessing prolongs the wait.
        guard.attempt(subject.clone(), at(0));
        assert_eq!(guard.wait(&subject, at(0)), Some(16));
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
    fn counters_in_the_store_slow_down_whoever_guesses() {
        let f = functions_with(|config| config.shared_counters = true);
        f.sign_up("alice");
        let sign_in = |password: &str| {
            let body = serde_json::json!({"name": "alice", "password": password});
            f.request("POST", "/api/session", &[], body.to_string())
        };
        assert_eq!(sign_in(PASSWORD).status, 201);
        for _ in 0..5 {
            assert_eq!(sign_in("wrong password").status, 401);
        }
        let reply = sign_in(PASSWORD);
        assert_eq!(
            (reply.status.as_u16(), reply.header("retry-after")),
            (429, "1")
        );
        assert!(f.kernel.guard.counters.lock().unwrap().is_empty());
        f.host().advance(1_000);
        assert_eq!(sign_in(PASSWORD).status, 201);
        assert_eq!(sign_in("wrong password").status, 401);
        assert_eq!(sign_in(PASSWORD).status, 201, "it began anew");

        let invalid = || f.api("GET", "/api/session", "nonsense", serde_json::Value::Null);
        for _ in 0..300 {
            assert_eq!(invalid().status, 401);
        }
        assert_eq!(invalid().status, 429);

        let counters = || block_on(f.kernel.list_keys(keys::GUARD)).unwrap().len();
        assert_eq!(block_on(f.kernel.sweep_counters()).unwrap(), 0);
        assert_eq!(counters(), 3);
        f.host().advance(LONGEST + 1);
        assert_eq!(block_on(f.kernel.sweep_counters()).unwrap(), 3);
        assert_eq!(counters(), 0);
        f.set_down(true);
        assert_eq!(sign_in(PASSWORD).status, 503);
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
