//! Limits the number of open Socket.IO sessions without a ticket, which use memory before anyone is authenticated.
//!
//! A place is taken at the handshake and kept in the request's extensions, which Socket.IO keeps for as long as the
//! session lives: when the session is dropped, so is the place.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use protocol::AccountName;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::unread::Unread;
use crate::config::Limits;
use mutex::lock;

/// How long a session is kept after its last socket was refused or has ended, so that it can deliver its last
/// messages and open another socket.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    /// Sessions, whether they have shown a ticket or not.
    most: usize,
    /// Sessions without a ticket.
    most_unproven: usize,
    /// Sessions without a ticket per address; and sessions per account that have shown its ticket only in the first
    /// request.
    most_of_one: usize,
    /// Bytes sent to a session that may be unread.
    most_unread: usize,
    /// How long a WebSocket may stay open without a ticket.
    stranger: Duration,
    counts: Mutex<Counts>,
    /// Receives the ids of sessions whose last socket is gone.
    left: mpsc::UnboundedSender<(String, Instant)>,
    leavers: Mutex<Option<Leavers>>,
}

/// Sessions whose last socket was refused or has ended, and when.
pub(crate) type Leavers = mpsc::UnboundedReceiver<(String, Instant)>;

#[derive(Debug, Default)]
struct Counts {
    sessions: usize,
    unproven: usize,
    /// Number of sessions without a socket that has shown a ticket, by whom they are counted for.
    ones: HashMap<One, usize>,
    /// Ids of sessions that have shown a ticket.
    proven: HashSet<String>,
    /// Data sent but not read, per id of sessions that have ever shown a ticket.
    unread: HashMap<String, Arc<Unread>>,
    /// Ids of sessions whose last socket was refused or has ended, and when.
    left: HashMap<String, Instant>,
}

/// Whom a session is counted for until a socket shows a ticket.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum One {
    /// Strangers at an address.
    Address(IpAddr),
    /// The account of the ticket in the first request: strangers at the same address cannot keep it out, and it may
    /// have no more sessions than they may.
    Account(AccountName),
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let (left, leavers) = mpsc::unbounded_channel();
        Arc::new(Self {
            most: limits.sessions_open,
            most_unproven: limits.unproven,
            most_of_one: limits.unproven_per_ip,
            most_unread: limits.socket_bytes,
            stranger: limits.stranger,
            counts: Mutex::default(),
            left,
            leavers: Mutex::new(Some(leavers)),
        })
    }

    /// Returns the receiver of sessions that are to be closed; only once.
    pub(crate) fn leavers(&self) -> Option<Leavers> {
        lock(&self.leavers).take()
    }

    /// Returns whether the last socket of the session with this id has been gone long enough.
    pub(crate) fn is_over(&self, id: &str) -> bool {
        let counts = lock(&self.counts);
        let left = counts.left.get(id);
        left.is_some_and(|left| left.elapsed() >= GRACE)
    }

    /// Returns a function that reports when the WebSocket of a session started by polling is over.
    pub(crate) fn over(self: &Arc<Self>, id: String) -> impl FnMut() -> bool + Send + 'static {
        let places = Arc::clone(self);
        let mut known = Instant::now();
        move || {
            if places.is_proven(&id) {
                known = Instant::now();
            }
            places.is_over(&id) || known.elapsed() >= places.stranger
        }
    }

    /// Takes a place for a new session; returns `None` if there are too many. Strangers, at this address or at many,
    /// cannot keep out anyone who shows a valid ticket with the first request; `account` is the ticket's account.
    pub(crate) fn enter(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        account: Option<AccountName>,
    ) -> Option<Place> {
        let mut counts = lock(&self.counts);
        let strangers = counts.unproven >= self.most_unproven && account.is_none();
        if counts.sessions >= self.most || strangers {
            return None;
        }
        let one = account
            .map(One::Account)
            .or_else(|| address.map(One::Address));
        if let Some(one) = &one {
            if counts.ones.get(one).is_some_and(|n| *n >= self.most_of_one) {
                return None;
            }
            *counts.ones.entry(one.clone()).or_default() += 1;
        }
        counts.sessions += 1;
        counts.unproven += 1;
        Some(Place(Arc::new(Seat {
            places: Arc::clone(self),
            address,
            one,
            proofs: Mutex::default(),
            unread: Arc::new(Unread::new(self.most_unread)),
            id: OnceLock::new(),
        })))
    }

    /// Returns whether the session with this id has shown a ticket.
    pub(crate) fn is_proven(&self, id: &str) -> bool {
        lock(&self.counts).proven.contains(id)
    }

    /// Returns the counter of data sent to the session with this id but not read, if it has ever shown a ticket.
    pub(crate) fn unread(&self, id: &str) -> Option<Arc<Unread>> {
        lock(&self.counts).unread.get(id).map(Arc::clone)
    }

    /// Returns the number of sessions, and how many of them have shown no ticket.
    pub(crate) fn usage(&self) -> (usize, usize) {
        let counts = lock(&self.counts);
        (counts.sessions, counts.unproven)
    }
}

impl Counts {
    fn add_unproven(&mut self, one: Option<&One>) {
        self.unproven += 1;
        if let Some(one) = one {
            *self.ones.entry(one.clone()).or_default() += 1;
        }
    }

    fn remove_unproven(&mut self, one: Option<&One>) {
        self.unproven = self.unproven.saturating_sub(1);
        let Some(one) = one else { return };
        if let Some(count) = self.ones.get_mut(one) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.ones.remove(one);
            }
        }
    }
}

/// A session's place; released when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Seat>);

#[derive(Debug)]
struct Seat {
    places: Arc<Places>,
    address: Option<IpAddr>,
    one: Option<One>,
    /// How many of its sockets have shown a ticket.
    proofs: Mutex<usize>,
    unread: Arc<Unread>,
    /// Known from the first socket on.
    id: OnceLock<String>,
}

impl Seat {
    /// Handles the end of the session's last socket.
    fn leave(&self, counts: &mut Counts, id: &str) {
        let now = Instant::now();
        self.id.get_or_init(|| id.to_owned());
        counts.left.insert(id.to_owned(), now);
        // Fails only when the gateway is shutting down.
        let _ = self.places.left.send((id.to_owned(), now));
    }
}

impl Place {
    /// The client's address, if known.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// The counter of data sent to the session but not read.
    pub(crate) fn unread(&self) -> &Arc<Unread> {
        &self.0.unread
    }

    /// Returns a function that says whether the session has shown a ticket; it does not hold the place.
    pub(crate) fn proven(&self) -> impl Fn() -> bool + Send + 'static {
        let seat = Arc::downgrade(&self.0);
        move || seat.upgrade().is_some_and(|seat| *lock(&seat.proofs) > 0)
    }

    /// Returns a function that says when a WebSocket that started the session is over; it does not hold the place.
    pub(crate) fn over(&self) -> impl FnMut() -> bool + Send + 'static {
        let seat = Arc::downgrade(&self.0);
        let mut known = Instant::now();
        move || {
            let Some(seat) = seat.upgrade() else {
                return true;
            };
            if *lock(&seat.proofs) > 0 {
                known = Instant::now();
            }
            known.elapsed() >= seat.places.stranger
                || seat.id.get().is_some_and(|id| seat.places.is_over(id))
        }
    }

    /// Handles the refusal of a socket without a ticket: unless another socket of the session has shown one, the
    /// session is over.
    pub(crate) fn refused(&self, id: &str) {
        let proofs = lock(&self.0.proofs);
        if *proofs == 0 {
            self.0.leave(&mut lock(&self.0.places.counts), id);
        }
    }

    /// Notes that a socket of the session with this id has shown a ticket. When the returned proof is dropped because
    /// that socket has ended, the session counts as unproven again, though it may still exist.
    pub(crate) fn prove(&self, id: String) -> Proof {
        let mut proofs = lock(&self.0.proofs);
        if *proofs == 0 {
            let mut counts = lock(&self.0.places.counts);
            counts.remove_unproven(self.0.one.as_ref());
            counts.proven.insert(id.clone());
            self.0.id.get_or_init(|| id.clone());
            let unread = Arc::clone(&self.0.unread);
            counts.unread.insert(id.clone(), unread);
            counts.left.remove(&id);
        }
        *proofs += 1;
        Proof {
            place: self.clone(),
            id,
        }
    }
}

/// Proof that a session has a live socket that has shown a ticket.
#[derive(Debug)]
pub(crate) struct Proof {
    place: Place,
    id: String,
}

impl Drop for Proof {
    fn drop(&mut self) {
        let seat = &self.place.0;
        let mut proofs = lock(&seat.proofs);
        *proofs = proofs.saturating_sub(1);
        if *proofs == 0 {
            let mut counts = lock(&seat.places.counts);
            counts.proven.remove(&self.id);
            counts.add_unproven(seat.one.as_ref());
            seat.leave(&mut counts, &self.id);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Nothing is proven any longer: proofs hold the place.
        let mut counts = lock(&self.places.counts);
        counts.sessions = counts.sessions.saturating_sub(1);
        counts.remove_unproven(self.one.as_ref());
        if let Some(id) = self.id.get() {
            counts.unread.remove(id);
            counts.left.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn places(sessions_open: usize, unproven: usize) -> Arc<Places> {
        Places::new(&Limits {
            sessions_open,
            unproven,
            unproven_per_ip: 2,
            ..Limits::default()
        })
    }

    #[test]
    fn sessions_without_a_ticket_are_few_of_an_address_and_in_all() {
        let places = places(10, 3);
        let one = places.enter(HERE, None).unwrap();
        let two = places.enter(HERE, None).unwrap();
        assert!(places.enter(HERE, None).is_none(), "two of an address");
        let other = places.enter(None, None).unwrap();
        assert!(places.enter(None, None).is_none(), "three in all");
        // A client that shows a ticket immediately is not kept out by strangers, at the same address or elsewhere.
        let alice = || Some("alice".parse().unwrap());
        drop(places.enter(None, alice()).unwrap());
        let known = (places.enter(HERE, alice()), places.enter(HERE, alice()));
        assert!(known.0.is_some() && known.1.is_some());
        assert!(places.enter(HERE, alice()).is_none(), "two of an account");
        assert!(places.enter(None, alice()).is_none(), "from wherever");
        drop(known);
        let proof = one.prove("s1".to_owned());
        let second = one.prove("s1".to_owned());
        assert!(places.is_proven("s1") && !places.is_proven("s2"));
        assert!(places.unread("s1").is_some() && places.unread("s2").is_none());
        let three = places.enter(HERE, None).unwrap();
        assert!(places.enter(HERE, None).is_none());
        // A session whose socket has ended counts again, even if that is one too many.
        drop(proof);
        assert!(places.is_proven("s1"));
        drop(second);
        assert!(!places.is_proven("s1"));
        // What it was sent is still being read.
        assert!(places.unread("s1").is_some());
        assert_eq!(places.usage(), (4, 4));
        drop((two, other, three));
        assert_eq!(places.usage(), (1, 1));
        let again = one.clone();
        drop(one);
        assert_eq!(places.usage(), (1, 1));
        drop(again);
        assert_eq!(places.usage(), (0, 0));
        assert!(places.unread("s1").is_none());
        assert!(lock(&places.counts).ones.is_empty());
    }

    #[test]
    fn sessions_are_bounded_in_all() {
        let places = places(2, 2);
        let held: Vec<Place> = (0..2).map(|_| places.enter(None, None).unwrap()).collect();
        let proofs: Vec<Proof> = held
            .iter()
            .map(|place| place.prove("x".to_owned()))
            .collect();
        assert!(places.enter(None, None).is_none());
        drop(proofs);
    }
    #[tokio::test(start_paused = true)]
    async fn a_websocket_that_shows_no_ticket_for_long_is_over() {
        let limits = Limits::default();
        let places = Places::new(&limits);
        let place = places.enter(HERE, None).unwrap();
        let mut stranger_is_over = places.over("s0".to_owned());
        let mut is_over = places.over("s1".to_owned());
        let pass = tokio::time::advance;
        pass(limits.stranger / 2).await;
        assert!(!stranger_is_over() && !is_over());
        // Whoever has shown one is no stranger, however long it stays.
        let proof = place.prove("s1".to_owned());
        pass(limits.stranger * 2).await;
        assert!(stranger_is_over() && !is_over());
        // Its last socket is gone.
        drop(proof);
        assert!(!is_over());
        pass(GRACE).await;
        assert!(is_over());
    }
}
