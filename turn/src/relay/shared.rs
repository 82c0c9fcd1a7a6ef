//! What holds across the threads of a server: quotas, ports, reservations, and whether it is being stopped.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Options;
use super::ports::{Ports, Wanted};
use crate::clock::Time;
use crate::credentials::group;
use crate::nonce::Nonces;

/// How long a reserved port is kept, RFC 8656 section 7.2.
const RESERVATION: Duration = Duration::from_secs(30);
/// Reserved ports at once.
const MAX_RESERVATIONS: usize = 1000;

/// Returns under which names an allocation counts, and how many times a user's quota is theirs. A name `group/part` is
/// not one person, but one gathering of a group, such as the guests of a call: they share the quota of two,
/// and all gatherings of the group that of four, but no more than [`of_guests`].
fn counted(user: &str) -> impl Iterator<Item = (&str, usize)> {
    let group = group(user).map(|group| (group, 4));
    let own = (user, if group.is_some() { 2 } else { 1 });
    std::iter::once(own).chain(group)
}

/// How many of `all` allocations those who share a quota may have together: where there are few, another quarter is for
/// everybody else.
fn of_guests(all: usize) -> usize {
    (all - all / 4).max(1)
}

/// State that all threads share.
#[derive(Debug)]
pub struct Shared {
    pub(super) options: Options,
    pub(super) nonces: Nonces,
    total: AtomicUsize,
    users: Mutex<HashMap<Box<str>, usize>>,
    ports: Vec<(IpAddr, Mutex<Ports>)>,
    reservations: Mutex<Vec<Reservation>>,
    draining: AtomicBool,
}

/// A port kept for a second allocation.
#[derive(Clone, Debug)]
struct Reservation {
    token: [u8; 8],
    user: Box<str>,
    address: SocketAddr,
    expires: Time,
}

/// Which quota is used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Quota {
    User,
    All,
}

impl Shared {
    /// Makes the state; `key` is a random key that lives as long as the process.
    #[must_use]
    pub fn new(options: Options, key: [u8; 32]) -> Self {
        let ports = options
            .relays
            .iter()
            .map(|relay| (relay.public, Mutex::new(Ports::new(options.ports.clone()))))
            .collect();
        Self {
            options,
            nonces: Nonces::new(key),
            total: AtomicUsize::new(0),
            users: Mutex::default(),
            ports,
            reservations: Mutex::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// From now on nothing new is allocated.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether nothing new is allocated.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// How many allocations all threads have.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// How many users have allocations.
    #[must_use]
    pub fn users(&self) -> usize {
        lock(&self.users).len()
    }

    /// Counts one more allocation of a user, if both quotas allow it.
    pub(super) fn enter(&self, user: &str) -> Result<(), Quota> {
        let mut users = lock(&self.users);
        // Only changed while the lock is held.
        if self.total.load(Ordering::Relaxed) >= self.options.max_allocations {
            return Err(Quota::All);
        }
        let most = self.options.max_user_allocations;
        let most_of_guests = of_guests(self.options.max_allocations);
        let is_full = |(name, times): (&str, usize)| {
            let held = users.get(name).copied().unwrap_or_default();
            match times {
                1 => held >= most,
                _ => held >= most.saturating_mul(times).min(most_of_guests),
            }
        };
        if counted(user).any(is_full) {
            return Err(Quota::User);
        }
        for (name, _) in counted(user) {
            match users.get_mut(name) {
                Some(count) => *count += 1,
                None => {
                    users.insert(name.into(), 1);
                }
            }
        }
        self.total.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Counts one allocation less.
    pub(super) fn leave(&self, user: &str) {
        let mut users = lock(&self.users);
        self.total.fetch_sub(1, Ordering::Relaxed);
        for (name, _) in counted(user) {
            if let Some(count) = users.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    users.remove(name);
                }
            }
        }
    }

    /// Takes a port of a public relay address.
    pub(super) fn take_port(&self, ip: IpAddr, random: u16, wanted: Wanted) -> Option<u16> {
        let (_, ports) = self.ports.iter().find(|(own, _)| *own == ip)?;
        lock(ports).take(random, wanted)
    }

    /// Gives a port back.
    pub(super) fn release_port(&self, address: SocketAddr) {
        if let Some((_, ports)) = self.ports.iter().find(|(own, _)| *own == address.ip()) {
            lock(ports).release(address.port());
        }
    }

    /// Keeps a taken port for the user that shows the token.
    pub(super) fn reserve(
        &self,
        token: [u8; 8],
        user: &str,
        address: SocketAddr,
        now: Time,
    ) -> bool {
        self.end_reservations(now);
        let mut reservations = lock(&self.reservations);
        let fits = reservations.len() < MAX_RESERVATIONS;
        if fits {
            let expires = now + RESERVATION;
            reservations.push(Reservation {
                token,
                user: user.into(),
                address,
                expires,
            });
        }
        fits
    }

    /// Returns the port that a token stands for; it is taken, and no longer reserved.
    pub(super) fn claim(&self, token: &[u8], user: &str, now: Time) -> Option<SocketAddr> {
        self.end_reservations(now);
        let mut reservations = lock(&self.reservations);
        let fits =
            |reservation: &Reservation| reservation.token == token && *reservation.user == *user;
        let index = reservations.iter().position(fits)?;
        Some(reservations.swap_remove(index).address)
    }

    fn end_reservations(&self, now: Time) {
        let mut ended = Vec::new();
        lock(&self.reservations).retain(|reservation| {
            if reservation.expires <= now {
                ended.push(reservation.address);
            }
            reservation.expires > now
        });
        for address in ended {
            self.release_port(address);
        }
    }
}

/// Every change is whole when its lock is given back, so what another thread left is fit for use.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
