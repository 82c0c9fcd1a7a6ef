//! Limits on connections and their memory, so that nobody can take all of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use mutex::lock;
use program::network;

use crate::config::Limits;

/// The places for connections.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    by_network: HashMap<IpAddr, Held>,
    all: Held,
}

/// What connections use.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    connections: usize,
    /// Bytes of mails being received.
    bytes: usize,
}

impl Places {
    /// Takes a place for a connection from an address, if there is one.
    pub(crate) fn take(&self, peer: IpAddr, limits: &Limits) -> Option<Place<'_>> {
        let network = network(peer);
        let mut open = self.open();
        let own = open
            .by_network
            .get(&network)
            .map_or(0, |held| held.connections);
        if open.all.connections >= limits.connections || own >= limits.connections_per_address {
            return None;
        }
        open.all.connections += 1;
        open.by_network.entry(network).or_default().connections += 1;
        Some(Place {
            places: self,
            network,
            bytes: 0,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        lock(&self.0)
    }
}

/// Releases what a connection uses, however it ends.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    places: &'a Places,
    network: IpAddr,
    bytes: usize,
}

impl Place<'_> {
    /// Accounts for the mail being received; returns false if those of one address, or all together, are too large.
    pub(crate) fn hold(&mut self, bytes: usize, limits: &Limits) -> bool {
        let before = std::mem::replace(&mut self.bytes, bytes);
        let mut open = self.places.open();
        open.all.bytes = open.all.bytes - before + bytes;
        let all = open.all.bytes;
        let own = open.by_network.get_mut(&self.network).map_or(0, |held| {
            held.bytes = held.bytes - before + bytes;
            held.bytes
        });
        bytes <= before || (all <= limits.receiving && own <= limits.receiving_per_address)
    }

    /// How long the client may be silent: shorter while places are scarce, or before anything was received from it.
    pub(crate) fn patience(&self, limits: &Limits, heard: bool) -> Duration {
        let idle = if heard {
            limits.idle
        } else {
            limits.first.min(limits.idle)
        };
        if self.places.open().all.connections * 4 > limits.connections * 3 {
            limits.idle_crowded.min(idle)
        } else {
            idle
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut open = self.places.open();
        open.all.connections -= 1;
        open.all.bytes -= self.bytes;
        if let Some(held) = open.by_network.get_mut(&self.network) {
            held.connections -= 1;
            held.bytes -= self.bytes;
            if held.connections == 0 {
                open.by_network.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            connections: 8,
            connections_per_address: 3,
            receiving: 100,
            receiving_per_address: 60,
            ..Limits::default()
        }
    }

    #[test]
    fn nobody_takes_all_places() {
        let (places, limits) = (Places::default(), limits());
        let take = |address: &str| places.take(address.parse().unwrap(), &limits);
        let mut held: Vec<_> = (0..3).map(|_| take("192.0.2.1").unwrap()).collect();
        assert!(take("192.0.2.1").is_none());
        // An IPv6 customer has 2^64 addresses.
        held.extend((1..4).map(|n| take(&format!("2001:db8::{n}")).unwrap()));
        assert!(take("2001:db8::9").is_none());
        assert_eq!(held[0].patience(&limits, true), limits.idle);
        assert_eq!(held[0].patience(&limits, false), limits.first);
        held.push(take("2001:db8:0:1::1").unwrap());
        assert_eq!(
            held[0].patience(&limits, true),
            limits.idle_crowded,
            "seven of eight"
        );
        held.push(take("192.0.2.2").unwrap());
        assert!(take("192.0.2.3").is_none(), "all are taken");
        held.remove(0);
        assert!(take("192.0.2.1").is_some());
        held.clear();
        assert_eq!(places.open().all.connections, 0);
        assert!(places.open().by_network.is_empty());
    }

    #[test]
    fn nobody_takes_all_memory() {
        let (places, limits) = (Places::default(), limits());
        let take = |address: &str| places.take(address.parse().unwrap(), &limits).unwrap();
        let (mut one, mut two, mut other) =
            (take("192.0.2.1"), take("192.0.2.1"), take("192.0.2.2"));
        assert!(one.hold(40, &limits) && two.hold(20, &limits));
        assert!(!two.hold(21, &limits), "61 of 60 for an address");
        assert!(two.hold(10, &limits) && other.hold(50, &limits));
        assert!(!other.hold(51, &limits), "101 of 100 in all");
        drop(one);
        assert!(other.hold(60, &limits));
        drop((two, other));
        assert_eq!(places.open().all.bytes, 0);
    }
}
