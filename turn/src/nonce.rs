//! Nonces that nothing has to be remembered for.

use std::fmt::Write as _;
use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::clock::Time;

/// How long a nonce may be used, in seconds: RFC 8656 section 5 wants one hour at most.
const LIFETIME: u64 = 3600;
/// Hexadecimal digits: the expiry, then the MAC.
const LENGTH: usize = 8 + 32;

/// Makes and checks nonces: an expiry, and a MAC over it and the client's address. The key lives as long as the process.
#[derive(Clone)]
pub(crate) struct Nonces {
    key: [u8; 32],
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonces")
    }
}

impl Nonces {
    /// Takes a random key.
    pub(crate) const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Returns a nonce for a client.
    pub(crate) fn make(&self, client: IpAddr, now: Time) -> String {
        // Wraps in the year 2106.
        self.text(client, (now.seconds() + LIFETIME) as u32)
    }

    /// Tells whether a nonce was made for this client and has not expired.
    pub(crate) fn check(&self, client: IpAddr, now: Time, nonce: &[u8]) -> bool {
        if nonce.len() != LENGTH {
            return false;
        }
        let expiry = std::str::from_utf8(&nonce[..8]).ok();
        let Some(expires) = expiry.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return false;
        };
        let right = self.text(client, expires);
        bool::from(right.as_bytes().ct_eq(nonce)) && u64::from(expires) > now.seconds()
    }

    #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
    fn text(&self, client: IpAddr, expires: u32) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of every length");
        mac.update(&expires.to_be_bytes());
        match client {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        let mut text = format!("{expires:08x}");
        for byte in &mac.finalize().into_bytes()[..16] {
            // Writing into a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_for_one_client_and_one_hour() {
        let nonces = Nonces::new([7; 32]);
        let (alice, bob) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let now = Time::from_millis(1_700_000_000_000);
        let nonce = nonces.make(alice, now);
        assert_eq!(nonce.len(), LENGTH);
        let check = |client, millis, nonce: &str| {
            nonces.check(
                client,
                Time::from_millis(now.millis() + millis),
                nonce.as_bytes(),
            )
        };
        assert!(check(alice, 0, &nonce) && check(alice, 3_599_000, &nonce));
        assert!(!check(alice, 3_600_000, &nonce));
        assert!(!check(bob, 0, &nonce));
        assert!(!check(alice, 0, &nonce[1..]) && !check(alice, 0, ""));
        let forged = format!("ffffffff{}", &nonce[8..]);
        assert!(!check(alice, 0, &forged));
        assert!(!Nonces::new([8; 32]).check(alice, now, nonce.as_bytes()));
    }
}
