//! MESSAGE-INTEGRITY, FINGERPRINT and the long-term key, RFC 8489 sections 9.2.2, 14.5 and 14.7.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

/// Key of the long-term credential mechanism: MD5 of user name, realm and password.
pub type Key = [u8; 16];

/// The value FINGERPRINT is XORed with.
const FINGERPRINT_MASK: u32 = 0x5354_554E;

/// Returns the long-term key, RFC 8489 section 9.2.2.
#[must_use]
pub fn long_term_key(username: &str, realm: &str, password: &str) -> Key {
    let mut hash = Md5::new();
    for (index, part) in [username, realm, password].into_iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Returns HMAC-SHA1 over several pieces.
#[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
pub(crate) fn hmac_sha1(key: &[u8], pieces: &[&[u8]]) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of every length");
    for piece in pieces {
        mac.update(piece);
    }
    mac
}

/// The MAC over a message up to its integrity attribute at `offset`, as if the message ended after that attribute.
pub(super) fn message_mac(key: &[u8], message: &[u8], offset: usize) -> Hmac<Sha1> {
    // A message has at most 64 KiB, which parsing has checked.
    let length = u16::try_from(offset + 24 - super::HEADER).unwrap_or(u16::MAX);
    hmac_sha1(
        key,
        &[&message[..2], &length.to_be_bytes(), &message[4..offset]],
    )
}

/// The fingerprint of the bytes before it.
pub(super) fn fingerprint(before: &[u8]) -> u32 {
    crc32fast::hash(before) ^ FINGERPRINT_MASK
}
