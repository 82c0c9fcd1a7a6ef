//! Limits on connections, in total and per address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use mutex::lock;

/// Slots for connections: a limit in total, and one per address. Clones share them.
///
/// An address is an IPv4 address, or the first 64 bits of an IPv6 address, which is what one customer gets.
#[derive(Clone, Debug)]
pub struct Places {
    all: usize,
    of_address: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A slot that is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    /// Whose it is; `None` if it counts in total only.
    address: Option<IpAddr>,
    places: Places,
}

impl Places {
    /// Creates `all` slots, of which one address may have `of_address`.
    #[must_use]
    pub fn new(all: usize, of_address: usize) -> Self {
        Self {
            all,
            of_address,
            taken: Arc::default(),
        }
    }

    /// Takes a slot, unless there is none left for this address.
    #[must_use]
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let mut place = self.take_shared()?;
        place.moves_to(address).then_some(place)
    }

    /// Takes a slot for an address that many people share ([`crate::is_shared`]): it counts in total only.
    #[must_use]
    pub fn take_shared(&self) -> Option<Place> {
        let mut taken = lock(&self.taken);
        if taken.all >= self.all {
            return None;
        }
        taken.all += 1;
        Some(Place {
            address: None,
            places: self.clone(),
        })
    }

    /// Returns how many slots are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        lock(&self.taken).all
    }
}

impl Taken {
    fn leave(&mut self, address: IpAddr) {
        if let Some(of_address) = self.by_address.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Place {
    /// Makes it count for this address, as when a proxy says where a client is; returns false, and changes nothing, if
    /// the address has no slot left.
    #[must_use]
    pub fn moves_to(&mut self, address: IpAddr) -> bool {
        let address = network(address);
        let mut taken = lock(&self.places.taken);
        let of_address = taken.by_address.entry(address).or_default();
        if *of_address >= self.places.of_address {
            if *of_address == 0 {
                taken.by_address.remove(&address);
            }
            return false;
        }
        *of_address += 1;
        if let Some(before) = self.address.replace(address) {
            taken.leave(before);
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.places.taken);
        taken.all -= 1;
        if let Some(address) = self.address {
            taken.leave(address);
        }
    }
}

/// What one customer gets of addresses: an IPv4 address, or the first 64 bits of an IPv6 address.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may fail")]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_leaves_places_for_others() {
        let places = Places::new(5, 2);
        let first = places.take(address("192.0.2.1")).unwrap();
        let _second = places.take(address("::ffff:192.0.2.1")).unwrap();
        assert!(places.take(address("192.0.2.1")).is_none());
        let _v6 = places.take(address("2001:db8::1")).unwrap();
        let _same = places.take(address("2001:db8::ffff:1")).unwrap();
        assert!(places.take(address("2001:db8::2")).is_none());
        let _other = places.take(address("2001:db8:0:1::2")).unwrap();
        assert!(places.take(address("192.0.2.2")).is_none(), "all are taken");
        drop(first);
        assert!(places.take(address("192.0.2.1")).is_some());
    }

    #[test]
    fn a_shared_address_counts_in_total_and_a_client_behind_it_for_itself() {
        let places = Places::new(4, 1);
        let mut behind = places.take_shared().unwrap();
        let _shared = [places.take_shared().unwrap(), places.take_shared().unwrap()];
        assert!(behind.moves_to(address("192.0.2.1")));
        assert!(places.take(address("192.0.2.1")).is_none());
        assert_eq!(places.taken(), 3, "what was refused is free again");
        let mut last = places.take_shared().unwrap();
        assert!(!last.moves_to(address("192.0.2.1")));
        assert!(places.take_shared().is_none() && places.take(address("192.0.2.2")).is_none());
        assert!(behind.moves_to(address("192.0.2.2")) && last.moves_to(address("192.0.2.1")));
        drop((behind, last));
        assert!(lock(&places.taken).by_address.is_empty());
    }

    #[test]
    fn nothing_is_remembered_of_who_left() {
        let places = Places::new(10, 2);
        for last in 0..200 {
            drop(places.take(IpAddr::from([192, 0, 2, last])).unwrap());
        }
        assert_eq!(places.taken(), 0);
        assert!(lock(&places.taken).by_address.is_empty());
    }
}
