//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whom people may have the connector connect to: they choose host and port, so that without a rule
/// they could reach what only the connector's own network should.
#[derive(Clone, Debug, Default)]
pub enum AddressPolicy {
    /// Everybody; right where all who have an account are trusted.
    #[default]
    Any,
    /// Public addresses, and hosts that are named here as `host:port`.
    Public {
        /// Exceptions, such as an IRC server of one's own.
        except: Vec<String>,
    },
}

impl AddressPolicy {
    /// Tells whether an address that `host` was resolved to may be connected to.
    #[must_use]
    pub fn allows(&self, host: &str, port: u16, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Public { except } => {
                let named = format!("{host}:{port}");
                except.iter().any(|e| e.eq_ignore_ascii_case(&named)) || is_public(address)
            }
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

const fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        // Carrier-grade NAT (RFC 6598), IETF assignments (RFC 6890), benchmarks (RFC 2544).
        || (a == 100 && b & 0xC0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xFE == 18))
}

const fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    !(v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
        // NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo and documentation hide or have no public address.
        || (first == 0x64 && second == 0xFF9B)
        || first == 0x2002
        || (first == 0x2001 && (second == 0 || second == 0xDB8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_needs_an_exception() {
        let policy = AddressPolicy::Public {
            except: vec!["irc.internal:6667".to_owned()],
        };
        for inner in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "255.255.255.255",
            "198.18.0.1",
            "2002:7f00:1::",
        ] {
            let address = inner.parse().unwrap();
            assert!(!policy.allows("example.org", 6697, address), "{inner}");
            assert!(policy.allows("IRC.internal", 6667, address), "{inner}");
            assert!(!policy.allows("irc.internal", 22, address), "{inner}");
            assert!(AddressPolicy::Any.allows("x", 1, address));
        }
        for outer in ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(
                policy.allows("example.org", 6697, outer.parse().unwrap()),
                "{outer}"
            );
        }
    }
}
