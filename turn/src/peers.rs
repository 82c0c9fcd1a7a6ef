//! The addresses that data may be relayed to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Addresses with a common prefix: `10.0.0.0/8`, `fe80::/10`, or a single address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// An invalid network.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("found \"{0}\", expected an address or a network like 10.0.0.0/8")]
pub struct NetworkError(String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.chars().take(100).collect());
        let (address, prefix) = text
            .trim()
            .split_once('/')
            .map_or_else(|| (text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|bits| *bits <= longest)
                .ok_or_else(wrong)?,
            None => longest,
        };
        Ok(Self { address, prefix })
    }
}

impl Network {
    /// Returns whether an address belongs to the network.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let (own, other, width) = match (self.address, ip) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let difference: u128 = own ^ other;
        self.prefix == 0 || difference >> (width - u32::from(self.prefix)) == 0
    }
}

/// Decides whether a peer may be reached.
#[derive(Clone, Debug, Default)]
pub struct PeerPolicy {
    allowed: Vec<Network>,
    denied: Vec<Network>,
    own: Vec<IpAddr>,
    relays: Vec<IpAddr>,
    ports: Option<RangeInclusive<u16>>,
}

impl PeerPolicy {
    /// The public internet ([`protocol::is_public_address`]) except `denied`, plus `allowed`, which takes precedence
    /// over everything.
    #[must_use]
    pub fn public(allowed: Vec<Network>, denied: Vec<Network>) -> Self {
        Self {
            allowed,
            denied,
            ..Self::default()
        }
    }

    /// Sets the server's own addresses: nothing there may be reached except other relayed addresses.
    #[must_use]
    pub fn with_own(
        mut self,
        own: Vec<IpAddr>,
        relays: Vec<IpAddr>,
        ports: RangeInclusive<u16>,
    ) -> Self {
        (self.own, self.relays, self.ports) = (own, relays, Some(ports));
        self
    }

    /// Returns whether a permission for this address may be created.
    #[must_use]
    pub fn permits(&self, ip: IpAddr) -> bool {
        if self.is_allowed(ip) || self.relays.contains(&ip) {
            return true;
        }
        !self.own.contains(&ip) && self.is_public(ip)
    }

    /// Returns whether data may be sent to this address.
    #[must_use]
    pub fn permits_socket(&self, peer: SocketAddr) -> bool {
        let ip = peer.ip();
        if peer.port() == 0 {
            return false;
        }
        if self.is_allowed(ip) {
            return true;
        }
        if self.relays.contains(&ip) {
            return self
                .ports
                .as_ref()
                .is_some_and(|ports| ports.contains(&peer.port()));
        }
        !self.own.contains(&ip) && self.is_public(ip)
    }

    fn is_allowed(&self, ip: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(ip))
    }

    fn is_public(&self, ip: IpAddr) -> bool {
        let denied = |ip| {
            !protocol::is_public_address(ip)
                || self.denied.iter().any(|network| network.contains(ip))
        };
        // An IPv6 address may represent a denied IPv4 address.
        !denied(ip)
            && embedded(ip)
                .is_none_or(|inner| !denied(IpAddr::V4(inner)) && !self.own.contains(&inner.into()))
    }
}

/// The IPv4 address embedded in an IPv6 address.
fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V6(ip) => protocol::wrapped_v4(ip),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_public_internet_is_reached_by_default() {
        let policy = PeerPolicy::public(Vec::new(), vec!["8.8.0.0/16".parse().unwrap()]);
        for denied in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:0:10.0.0.1",
            "fec0::1",
            "100::1",
            "3fff::1",
            "5f00::1",
            "192.88.99.1",
            "8.8.8.8",
        ] {
            assert!(!policy.permits(ip(denied)), "{denied}");
            assert!(
                !policy.permits_socket(SocketAddr::new(ip(denied), 9)),
                "{denied}"
            );
        }
        for open in [
            "1.1.1.1",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(policy.permits(ip(open)), "{open}");
            assert!(
                policy.permits_socket(SocketAddr::new(ip(open), 9)),
                "{open}"
            );
            assert!(
                !policy.permits_socket(SocketAddr::new(ip(open), 0)),
                "{open}"
            );
        }
    }

    #[test]
    fn of_the_server_itself_only_relays_are_reached() {
        let policy = PeerPolicy::public(vec!["10.9.0.0/16".parse().unwrap()], Vec::new()).with_own(
            vec![ip("1.2.3.4"), ip("1.2.3.5")],
            vec![ip("1.2.3.5")],
            50_000..=50_010,
        );
        assert!(policy.permits(ip("10.9.8.7")));
        assert!(!policy.permits(ip("1.2.3.4")) && policy.permits(ip("1.2.3.5")));
        assert!(policy.permits_socket("1.2.3.5:50010".parse().unwrap()));
        assert!(!policy.permits_socket("1.2.3.5:22".parse().unwrap()));
        assert!(!policy.permits_socket("1.2.3.4:50000".parse().unwrap()));
    }

    #[test]
    fn networks_are_read_or_refused() {
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains(ip("2001:db8::1")) && !all.contains(ip("1.2.3.4")));
        for wrong in ["", "10.0.0.0/33", "10/8", "::/129", "10.0.0.0/-1", "host"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
