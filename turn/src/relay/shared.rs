//! State shared across a server's threads: quotas, ports, reservations, and whether it is being stopped.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::Options;
use super::ports::{Ports, Wanted};
use crate::clock::Time;
use crate::credentials::group;
use crate::nonce::Nonces;
use mutex::lock;

/// How long a reserved port is kept, RFC 8656 section 7.2.
const RESERVATION: Duration = Duration::from_secs(30);
/// Concurrently reserved ports.
const MAX_RESERVATIONS: usize = 1000;

/// Returns the names an allocation counts under, each with a multiple of a user's quota. A name `group/part` is not
/// one person, but one group, such as a call's guests: they share a quota of two users, and all groups with the same
/// first part share that of four, but no more than [`of_guests`].
fn counted(user: &str) -> impl Iterator<Item = (&str, usize)> {
    let group = group(user).map(|group| (group, 4));
    let own = (user, if group.is_some() { 2 } else { 1 });
    std::iter::once(own).chain(group)
}

/// How many of `all` allocations those who share a quota may have together: if there are few, a quarter remains for
/// everyone else.
fn of_guests(all: usize) -> usize {
    (all - all / 4).max(1)
}

/// State shared by all threads.
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

/// A port reserved for a second allocation.
#[derive(Clone, Debug)]
struct Reservation {
    token: [u8; 8],
    user: Box<str>,
    address: SocketAddr,
    expires: Time,
}

/// The exhausted quota.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Quota {
    User,
    All,
}

impl Shared {
    /// Creates the state; `key` is a random key that lives as long as the process.
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

    /// Returns whether nothing new is allocated.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The number of allocations across all threads.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// The number of users with allocations.
    #[must_use]
    pub fn users(&self) -> usize {
        lock(&self.users).len()
    }

    /// Counts another allocation of a user, if both quotas allow it.
    pub(super) fn enter(&self, user: &str) -> Result<(), Quota> {
        let mut users = lock(&self.users);
        // Changed only while the lock is held.
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

    /// Releases a port.
    pub(super) fn release_port(&self, address: SocketAddr) {
        if let Some((_, ports)) = self.ports.iter().find(|(own, _)| *own == address.ip()) {
            lock(ports).release(address.port());
        }
    }

    /// Reserves a taken port for the user who presents the token.
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

    /// Returns the port reserved under a token; it is taken, and no longer reserved.
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
