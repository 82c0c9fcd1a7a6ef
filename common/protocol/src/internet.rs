//! Which addresses are on the public internet: where addresses entered by users may lead, and to which peers a TURN
//! server relays.
//!
//! One table for all callers. It follows IANA's registries of special-purpose addresses (RFC 6890, RFC 8190):
//! everything listed as not "globally reachable", and former entries that must not be reached either.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not on the public internet: first address, prefix length.
const SPECIAL_V4: &[(Ipv4Addr, u32)] = &[
    v4([0, 0, 0, 0], 8),       // "this network", RFC 791
    v4([10, 0, 0, 0], 8),      // private use, RFC 1918
    v4([100, 64, 0, 0], 10),   // carrier-grade NAT, RFC 6598
    v4([127, 0, 0, 0], 8),     // loopback, RFC 1122
    v4([169, 254, 0, 0], 16),  // link local, RFC 3927
    v4([172, 16, 0, 0], 12),   // private use, RFC 1918
    v4([192, 0, 0, 0], 24),    // IETF protocol assignments, RFC 6890
    v4([192, 0, 2, 0], 24),    // documentation, RFC 5737
    v4([192, 88, 99, 0], 24),  // 6to4 relays, RFC 7526
    v4([192, 168, 0, 0], 16),  // private use, RFC 1918
    v4([198, 18, 0, 0], 15),   // benchmarks, RFC 2544
    v4([198, 51, 100, 0], 24), // documentation, RFC 5737
    v4([203, 0, 113, 0], 24),  // documentation, RFC 5737
    v4([224, 0, 0, 0], 4),     // multicast, RFC 5771
    v4([240, 0, 0, 0], 4),     // reserved, and the broadcast, RFC 1112 and RFC 919
];

/// IPv6 networks that are not on the public internet: first address, prefix length.
const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96), // unspecified, loopback, IPv4-compatible, RFC 4291
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), // IPv4-translated, RFC 2765
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), // local NAT64, RFC 8215
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), // discard only, RFC 6666
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64), // dummy prefix, RFC 9780
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // IETF protocol assignments, Teredo, ORCHID, RFC 2928
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation, RFC 3849
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4, RFC 3056
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation, RFC 9637
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), // segment routing, RFC 9602
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), // unique local, RFC 4193
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), // link local, RFC 4291
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), // site local, RFC 3879
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), // multicast, RFC 4291
];

const fn v4(first: [u8; 4], prefix: u32) -> (Ipv4Addr, u32) {
    let [a, b, c, d] = first;
    (Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: [u16; 8], prefix: u32) -> (Ipv6Addr, u32) {
    let [a, b, c, d, e, f, g, h] = first;
    (Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// Names that never mean another machine on the public internet (RFC 6761, RFC 6762, and names common in private
/// networks).
const PRIVATE_NAMES: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// Returns whether a host of a URL can be on the public internet by what it says: an address that is public, or a name that is not
/// of this machine or a private network. Where it leads is known only once it is resolved.
#[must_use]
pub fn may_be_public(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return is_public_address(address);
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let private = |end: &str| {
        name.strip_suffix(end)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !name.is_empty() && !PRIVATE_NAMES.into_iter().any(private)
}

/// Returns whether an address is on the public internet: not of this machine, of a private network, or for a special
/// purpose, even if it is embedded in IPv6.
#[must_use]
pub fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            let within =
                |(first, prefix): &(Ipv4Addr, u32)| (bits ^ first.to_bits()) >> (32 - prefix) == 0;
            !SPECIAL_V4.iter().any(within)
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = wrapped_v4(v6) {
                return is_public_address(IpAddr::V4(v4));
            }
            let bits = v6.to_bits();
            let within =
                |(first, prefix): &(Ipv6Addr, u32)| (bits ^ first.to_bits()) >> (128 - prefix) == 0;
            !SPECIAL_V6.iter().any(within)
        }
    }
}

/// Returns the IPv4 address embedded in an IPv6 address: mapped (RFC 4291, section 2.5.5.2), or through NAT64 with the
/// well-known prefix (RFC 6052).
#[must_use]
pub fn wrapped_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped);
    }
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// First and last address of every block that IANA's registries do not list as globally reachable, in their
    /// notation, and of those that were given up.
    const BLOCKS: &[(&str, &str)] = &[
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "239.255.255.255"),
        ("240.0.0.0", "255.255.255.255"),
        ("::", "::ffff:ffff"),
        ("::ffff:0:0:0", "::ffff:0:ffff:ffff"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
        ("100::", "100::ffff:ffff:ffff:ffff"),
        ("100:0:0:1::", "100::1:ffff:ffff:ffff:ffff"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];

    #[test]
    fn no_block_of_the_registries_is_public_from_its_first_to_its_last_address() {
        for (first, last) in BLOCKS {
            for edge in [first, last] {
                assert!(!is_public_address(ip(edge)), "{edge}");
                if let IpAddr::V4(v4) = ip(edge) {
                    assert!(!is_public_address(v4.to_ipv6_mapped().into()), "{edge}");
                    let nat64 = 0x64_ff9b_u128 << 96 | u128::from(v4.to_bits());
                    let nat64 = Ipv6Addr::from_bits(nat64);
                    assert!(!is_public_address(nat64.into()), "{nat64}");
                }
            }
        }
        assert_eq!(BLOCKS.len(), SPECIAL_V4.len() + SPECIAL_V6.len());
    }

    #[test]
    fn what_lies_beside_them_is_public() {
        for open in [
            "1.0.0.0",
            "9.255.255.255",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.88.98.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "8.8.8.8",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b:2::",
            "100:0:0:2::",
            "2001:200::",
            "2001:db7::1",
            "2003::1",
            "2606:4700::1111",
            "3fff:1000::",
            "5f01::",
        ] {
            assert!(is_public_address(ip(open)), "{open}");
        }
    }

    #[test]
    fn the_table_is_written_as_networks_are() {
        for (first, prefix) in SPECIAL_V4 {
            assert_eq!(first.to_bits() << prefix, 0, "{first}/{prefix}");
        }
        for (first, prefix) in SPECIAL_V6 {
            assert_eq!(first.to_bits() << prefix, 0, "{first}/{prefix}");
        }
    }

    #[test]
    fn what_is_visibly_private_is_refused() {
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "[::1]",
            "[fd00::1]",
            "169.254.169.254",
            "localhost",
            "LOCALHOST.",
            "x.localhost",
            "printer.local",
            "metadata.google.internal",
            "",
        ] {
            assert!(!may_be_public(host), "{host}");
        }
        for host in [
            "example.org",
            "1.1.1.1",
            "[2606:4700::1111]",
            "notlocal",
            "local.example",
        ] {
            assert!(may_be_public(host), "{host}");
        }
    }
}
