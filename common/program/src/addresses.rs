//! Address ranges as operators write them: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressRange {
    address: IpAddr,
    /// The number of significant leading bits.
    bits: u8,
}

impl AddressRange {
    /// Returns whether an address is in the range; IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = |most: u8| u32::from(most - self.bits);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits())
                    .checked_shr(shift(32))
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits())
                    .checked_shr(shift(128))
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }
}

impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("\"{text}\" is not an address or range; expected 192.0.2.7 or 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address = address
            .parse::<IpAddr>()
            .map_err(|_| wrong())?
            .to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

/// Returns whether an address is in one of some ranges.
#[must_use]
pub fn is_within(address: IpAddr, ranges: &[AddressRange]) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

/// Returns whether an address is loopback, IPv4-mapped IPv6 addresses included.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Returns whether many people may share an address: this machine, trusted addresses, proxies. Nothing is counted
/// against it.
#[must_use]
pub fn is_shared(address: IpAddr, trusted: &[IpAddr], proxies: &[AddressRange]) -> bool {
    is_loopback(address) || trusted.contains(&address.to_canonical()) || is_within(address, proxies)
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may fail")]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let holds = |range: &str, address: &str| {
            let range: AddressRange = range.parse().unwrap();
            range.contains(address.parse().unwrap())
        };
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && holds("::/0", "::1"));
        for wrong in ["", "10", "10.0.0.0/33", "::/129", "10.0.0.0/x", "localhost"] {
            assert!(wrong.parse::<AddressRange>().is_err(), "{wrong}");
        }
        let shared = |address: &str| {
            let trusted = ["192.0.2.7".parse().unwrap()];
            is_shared(
                address.parse().unwrap(),
                &trusted,
                &["10.0.0.0/8".parse().unwrap()],
            )
        };
        assert!(
            [
                "127.0.0.1",
                "::ffff:127.0.0.1",
                "::1",
                "192.0.2.7",
                "10.1.1.1"
            ]
            .into_iter()
            .all(shared)
        );
        assert!(!shared("192.0.2.8"));
        assert_eq!(
            "::1".parse::<AddressRange>().unwrap().to_string(),
            "::1/128"
        );
    }
}
