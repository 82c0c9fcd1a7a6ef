//! This machine's addresses: for relaying, and to be protected from peers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::sockets::Listeners;
use super::{AddressKey, StartError};
use crate::config::{Config, ConfigError};
use crate::peers::{Network, PeerPolicy};
use crate::relay::RelayAddress;

/// The relay addresses: those configured, otherwise those of the listeners, otherwise the source address of the
/// default route.
pub(super) fn relays(config: &Config) -> Result<Vec<RelayAddress>, StartError> {
    let mut relays = config.relays.clone();
    if relays.is_empty() {
        for address in config.listen.iter().chain(&config.tls_listen) {
            let there = relays
                .iter()
                .any(|relay| relay.local.is_ipv4() == address.is_ipv4());
            let found = if address.ip().is_unspecified() {
                way_out(address.ip())
            } else {
                Some(address.ip())
            };
            if let (false, Some(ip)) = (there, found) {
                relays.push(RelayAddress {
                    local: ip,
                    public: ip,
                });
            }
        }
    }
    if relays.is_empty() {
        return Err(ConfigError::NoRelay.into());
    }
    for relay in &relays {
        let address = SocketAddr::new(relay.local, 0);
        UdpSocket::bind(address).map_err(|error| StartError::Address {
            key: AddressKey::RelayIp,
            address,
            error,
        })?;
    }
    Ok(relays)
}

/// Asks the routing table; nothing is sent.
fn way_out(family: IpAddr) -> Option<IpAddr> {
    let (from, to): (SocketAddr, SocketAddr) = if family.is_ipv4() {
        (
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        )
    } else {
        (
            (Ipv6Addr::UNSPECIFIED, 0).into(),
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
        )
    };
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// What may be reached: the public internet except this machine, plus what the configuration allows.
pub(super) fn policy(
    config: &Config,
    relays: &[RelayAddress],
    listeners: &Listeners,
) -> PeerPolicy {
    let mut allow = config.allow.clone();
    if config.is_local() {
        allow.extend(
            ["127.0.0.0/8", "::1"]
                .iter()
                .filter_map(|text| text.parse::<Network>().ok()),
        );
    }
    let mut own: Vec<IpAddr> = listeners.addresses().iter().map(SocketAddr::ip).collect();
    own.extend(relays.iter().flat_map(|relay| [relay.local, relay.public]));
    if let Ok(interfaces) = nix::ifaddrs::getifaddrs() {
        own.extend(interfaces.filter_map(|interface| {
            let address = interface.address?;
            let v4 = address
                .as_sockaddr_in()
                .map(|address| IpAddr::V4(address.ip()));
            v4.or_else(|| {
                address
                    .as_sockaddr_in6()
                    .map(|address| IpAddr::V6(address.ip()))
            })
        }));
    }
    let public = relays.iter().map(|relay| relay.public).collect();
    PeerPolicy::public(allow, config.deny.clone()).with_own(own, public, config.ports.clone())
}
