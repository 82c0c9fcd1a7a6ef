//! Addresses in attributes, RFC 8489 sections 14.1 and 14.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{COOKIE, TransactionId};

/// The number of the IPv4 family in attributes.
pub(super) const IPV4: u8 = 1;
/// The number of the IPv6 family in attributes.
pub(super) const IPV6: u8 = 2;

fn mask(transaction: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE);
    mask[4..].copy_from_slice(transaction);
    mask
}

/// Parses the value of an XOR-…-ADDRESS attribute.
pub(super) fn decode(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let (&[_, family, high, low], rest) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([high ^ COOKIE[0], low ^ COOKIE[1]]);
    let mask = mask(transaction);
    let ip = match family {
        IPV4 => {
            let mut octets: [u8; 4] = rest.try_into().ok()?;
            octets
                .iter_mut()
                .zip(mask)
                .for_each(|(byte, mask)| *byte ^= mask);
            IpAddr::from(Ipv4Addr::from(octets))
        }
        IPV6 => {
            let mut octets: [u8; 16] = rest.try_into().ok()?;
            octets
                .iter_mut()
                .zip(mask)
                .for_each(|(byte, mask)| *byte ^= mask);
            IpAddr::from(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes the value of an XOR-…-ADDRESS attribute; returns its length in bytes.
pub(crate) fn encode(
    address: SocketAddr,
    transaction: &TransactionId,
    value: &mut [u8; 20],
) -> usize {
    let [high, low] = address.port().to_be_bytes();
    value[0] = 0;
    value[2] = high ^ COOKIE[0];
    value[3] = low ^ COOKIE[1];
    let mut write = |octets: &[u8]| {
        let bytes = octets.iter().zip(mask(transaction));
        for (into, (byte, mask)) in value[4..].iter_mut().zip(bytes) {
            *into = byte ^ mask;
        }
        4 + octets.len()
    };
    match address.ip() {
        IpAddr::V4(ip) => {
            let length = write(&ip.octets());
            value[1] = IPV4;
            length
        }
        IpAddr::V6(ip) => {
            let length = write(&ip.octets());
            value[1] = IPV6;
            length
        }
    }
}
