//! Versions: unique, in order of time, never a hash of the content.

use protocol::Timestamp;
use sha2::{Digest, Sha256};

use super::types::{Host, Version};
use crate::store::ETag;

/// Crockford's base 32 in lower case; sorts like the number.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TIME_DIGITS: usize = 10;
const RANDOM_BYTES: usize = 10;
/// Characters of a version: 48 bits of milliseconds and 80 random bits.
pub(super) const VERSION_LENGTH: usize = TIME_DIGITS + RANDOM_BYTES * 8 / 5;

/// The version of every empty folder.
pub(super) fn empty() -> Version {
    Version("empty".to_owned())
}

/// Creates a new unique version.
pub(super) fn new<H: Host>(host: &H) -> Version {
    let mut random = [0; RANDOM_BYTES];
    host.random(&mut random);
    let millis = u64::try_from(host.now().millis()).unwrap_or(0);
    let mut text = String::with_capacity(VERSION_LENGTH);
    for digit in (0..TIME_DIGITS).rev() {
        text.push(digit_of(millis >> (5 * digit)));
    }
    push_base32(&mut text, &random);
    Version(text)
}

/// Returns when a version was created; `None` if it was not created by [`new`].
pub(super) fn time(version: &str) -> Option<Timestamp> {
    if version.len() != VERSION_LENGTH {
        return None;
    }
    let mut millis: i64 = 0;
    for (at, byte) in version.bytes().enumerate() {
        let digit = DIGITS.iter().position(|&d| d == byte)?;
        if at < TIME_DIGITS {
            millis = millis << 5 | i64::try_from(digit).ok()?;
        }
    }
    Some(Timestamp::from_millis(millis))
}

/// The version of a module's folder: listings of heads only contain the store's ETag.
pub(super) fn of_head(etag: &ETag) -> Version {
    of_parts([etag.0.as_bytes()])
}

/// A version derived from all these parts.
pub(super) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Version {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut text = String::with_capacity(32);
    push_base32(&mut text, &digest[..20]);
    Version(text)
}

fn digit_of(value: u64) -> char {
    char::from(DIGITS[(value & 31) as usize])
}

/// The length of `bytes` is a multiple of five.
fn push_base32(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.chunks(5) {
        let bits = chunk
            .iter()
            .fold(0_u64, |bits, &b| bits << 8 | u64::from(b));
        for digit in (0..8).rev() {
            text.push(digit_of(bits >> (5 * digit)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Host for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_700_000_000_123)
        }
        fn random(&self, bytes: &mut [u8]) {
            bytes.fill(255);
        }
        async fn sleep(&self, _: u64) {}
    }

    #[test]
    fn versions_tell_their_time() {
        let version = new(&Fixed);
        assert_eq!(version.0, "01hf7yat3vzzzzzzzzzzzzzzzz");
        assert_eq!(time(&version.0), Some(Fixed.now()));
        assert_eq!(time("empty"), None);
        assert_eq!(time(&"!".repeat(VERSION_LENGTH)), None);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(of_parts([&b"ab"[..], b"c"]), of_parts([&b"a"[..], b"bc"]));
        assert_ne!(of_parts([&b"a"[..]]), of_parts([]));
    }
}
