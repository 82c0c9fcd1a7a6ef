//! Which addresses are on the public internet: what users' addresses may lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Tells whether an address is one of the public internet: not of this machine, of a private network, or for a
/// special purpose (RFC 6890), also if it is wrapped in IPv6.
#[must_use]
pub const fn is_public_address(address: IpAddr) -> bool {
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
    fn wrapped_private_addresses_are_not_public() {
        for inner in [
            "127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "fd00::1",
            "169.254.169.254",
        ] {
            assert!(!is_public_address(inner.parse().unwrap()), "{inner}");
        }
        for outer in ["8.8.8.8", "2606:4700::1111"] {
            assert!(is_public_address(outer.parse().unwrap()), "{outer}");
        }
    }
}
