//! Client addresses, and the number of sockets each of them has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use mutex::lock;

/// The address of the client of a request, as a request extension; the server sets it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Peer(pub IpAddr);

/// Returns the address of a request's client, if known; a block of addresses assigned to one customer counts as one.
pub(crate) fn address_of<B>(request: &http::Request<B>, behind_proxy: bool) -> Option<IpAddr> {
    let headers = request.headers();
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded
        .filter(|_| behind_proxy)
        .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    let address = forwarded.or_else(|| request.extensions().get::<Peer>().map(|peer| peer.0));
    address.map(program::network)
}

/// The number of open sockets with a ticket per address.
#[derive(Debug)]
pub(crate) struct AddressCounts {
    most: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl AddressCounts {
    /// `most`: sockets per address.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            counts: Mutex::default(),
        })
    }

    /// Counts a socket for as long as the returned value lives; returns `None` if its address has too many. A socket
    /// whose address is unknown is not counted.
    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Counted> {
        if let Some(address) = address {
            let mut counts = lock(&self.counts);
            let count = counts.entry(address).or_insert(0);
            if *count >= self.most {
                return None;
            }
            *count += 1;
        }
        Some(Counted {
            counts: Arc::clone(self),
            address,
        })
    }
}

/// A counted socket.
#[derive(Debug)]
pub(crate) struct Counted {
    counts: Arc<AddressCounts>,
    address: Option<IpAddr>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut counts = lock(&self.counts.counts);
        if let Some(count) = counts.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_an_address_are_few_and_free_their_place() {
        let counts = AddressCounts::new(2);
        let here = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        let one = counts.enter(here).unwrap();
        let two = counts.enter(here).unwrap();
        assert!(counts.enter(here).is_none());
        assert!(counts.enter(None).is_some());
        drop(one);
        drop(counts.enter(here).unwrap());
        drop(two);
        assert!(lock(&counts.counts).is_empty());
    }
}
