//! The space's own IRC server: every account's built-in connection may lead there, and no other connection may.
//!
//! The connector usually runs next to that server, and clients from the server's own machine need no account. A
//! user-defined connection would be admitted as such a guest.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use crate::AddressPolicy;
use mutex::lock;

/// Addresses of the own server that are remembered.
const MAX_KNOWN: usize = 64;

/// Where the space's own server listens.
#[derive(Debug)]
pub(crate) struct OwnServer {
    /// The configured addresses, followed by those that built-in connections were made to.
    known: Mutex<Vec<SocketAddr>>,
}

impl OwnServer {
    pub(crate) fn new(listening: Vec<SocketAddr>) -> Self {
        Self {
            known: Mutex::new(listening),
        }
    }

    /// Notes where a built-in connection was made to.
    pub(crate) fn note(&self, address: SocketAddr) {
        let mut known = lock(&self.known);
        if known.len() < MAX_KNOWN && !known.contains(&address) {
            known.push(address);
        }
    }

    fn is_at(&self, address: SocketAddr) -> bool {
        let known = lock(&self.known);
        known.iter().any(|own| {
            let [own_ip, ip] = [own.ip(), address.ip()].map(|ip| ip.to_canonical());
            own.port() == address.port()
                && (own_ip == ip || (is_this_machine(own_ip) && is_this_machine(ip)))
        })
    }

    /// Checks that a connection may be made to an address that `host` resolved to.
    ///
    /// # Errors
    /// The sentence shown to the connection's owner.
    pub(crate) fn check(
        &self,
        policy: &AddressPolicy,
        built_in: bool,
        host: &str,
        address: SocketAddr,
    ) -> Result<(), String> {
        let port = address.port();
        match (self.is_at(address), built_in) {
            (true, true) => Ok(()),
            (true, false) => Err(format!(
                "{host} on port {port} is this space's own server, which every account is connected to already."
            )),
            (false, _) if policy.allows(host, port, address.ip()) => Ok(()),
            (false, _) => Err(format!(
                "{host} is not on the public internet; connections to it are not allowed here."
            )),
        }
    }
}

/// Loopback addresses, and unspecified addresses, which connect to the same machine.
fn is_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[test]
    fn the_own_server_is_for_built_in_connections_whatever_it_is_called() {
        let public = AddressPolicy::Public { except: Vec::new() };
        for listening in ["127.0.0.1:6667", "0.0.0.0:6667", "[::1]:6667"] {
            let own = OwnServer::new(vec![at(listening), at("0.0.0.0:6697")]);
            for dialled in [
                "127.0.0.1:6667",
                "127.0.0.2:6667",
                "0.0.0.0:6667",
                "[::1]:6667",
                "[::]:6667",
                "[::ffff:127.0.0.1]:6667",
                "127.0.0.1:6697",
            ] {
                for policy in [&public, &AddressPolicy::Any] {
                    let refused = own
                        .check(policy, false, "here.example", at(dialled))
                        .unwrap_err();
                    assert!(refused.contains("own server"), "{dialled} {refused}");
                    own.check(policy, true, "here.example", at(dialled))
                        .unwrap();
                }
            }
            // Neither is an exception for anything else.
            for dialled in ["127.0.0.1:22", "10.0.0.1:6667"] {
                let refused = own.check(&public, true, "x", at(dialled)).unwrap_err();
                assert!(refused.contains("public internet"), "{dialled} {refused}");
                own.check(&AddressPolicy::Any, false, "x", at(dialled))
                    .unwrap();
            }
            own.check(&public, false, "x", at("8.8.8.8:6667")).unwrap();
        }
    }

    #[test]
    fn where_built_in_connections_lead_is_learned_within_a_bound() {
        let own = OwnServer::new(Vec::new());
        let home = at("192.0.2.7:6697");
        let try_it = || own.check(&AddressPolicy::Any, false, "irc.example", home);
        try_it().unwrap();
        own.note(home);
        try_it().unwrap_err();
        for port in 0..1_000 {
            own.note(SocketAddr::new(home.ip(), port));
        }
        assert_eq!(own.known.lock().unwrap().len(), MAX_KNOWN);
    }
}
