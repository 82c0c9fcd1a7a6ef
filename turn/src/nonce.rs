//! Stateless nonces, which are short: they are included in responses to anyone who asks, whose address may be forged.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::clock::Time;

/// How long a nonce may be used, in seconds: RFC 8656 section 5 recommends one hour at most.
const LIFETIME: u64 = 3600;
/// Bytes of the expiry: the low bytes of its seconds, which repeat after half a year.
const EXPIRY: usize = 3;
/// Bytes of the MAC. Nobody can make more attempts than the limits on responses without credentials permit, and a
/// guessed nonce proves no credentials, so 48 bits are enough.
const MAC: usize = 6;
/// Characters of a nonce: base64 without padding.
const LENGTH: usize = (EXPIRY + MAC) * 4 / 3;

/// Creates and checks nonces: an expiry, and a MAC over it and the client's address. The key lives as long as the
/// process.
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
        self.text(client, now.seconds() + LIFETIME)
    }

    /// Returns whether a nonce was made for this client and has not expired.
    pub(crate) fn check(&self, client: IpAddr, now: Time, nonce: &[u8]) -> bool {
        if nonce.len() != LENGTH {
            return false;
        }
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else {
            return false;
        };
        let [high, middle, low, ..] = bytes.as_slice() else {
            return false;
        };
        // The MAC covers the whole time, so one from half a year ago does not match.
        let last = u64::from(u32::from_be_bytes([0, *high, *middle, *low]));
        let left = last.wrapping_sub(now.seconds()) & ((1 << (8 * EXPIRY)) - 1);
        if !(1..=LIFETIME).contains(&left) {
            return false;
        }
        let right = self.text(client, now.seconds() + left);
        bool::from(right.as_bytes().ct_eq(nonce))
    }

    #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
    fn text(&self, client: IpAddr, expires: u64) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of every length");
        let expiry = expires.to_be_bytes();
        mac.update(&expiry);
        match client {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        let mac = mac.finalize().into_bytes();
        let mut bytes = [0; EXPIRY + MAC];
        bytes[..EXPIRY].copy_from_slice(&expiry[expiry.len() - EXPIRY..]);
        bytes[EXPIRY..].copy_from_slice(&mac[..MAC]);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_for_one_client_and_one_hour() {
        let nonces = Nonces::new([7; 32]);
        let (alice, bob) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        // Also in the last seconds before the expiry's three bytes wrap around.
        for begin in [1_700_000_000, (102 << 24) - 1_800] {
            let now = Time::from_millis(begin * 1_000);
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
            // When the same three bytes occur again.
            assert!(!check(alice, (1 << 24) * 1_000, &nonce));
            assert!(!check(bob, 0, &nonce));
            assert!(!check(alice, 0, &nonce[1..]) && !check(alice, 0, ""));
            let (expiry, mac) = nonce.split_at(4);
            let later = nonces.make(alice, Time::from_millis(now.millis() + 1_000));
            assert!(!check(alice, 0, &format!("{}{mac}", &later[..4])));
            assert!(!check(alice, 0, &format!("{expiry}AAAAAAAA")));
            assert!(!Nonces::new([8; 32]).check(alice, now, nonce.as_bytes()));
        }
    }
}
