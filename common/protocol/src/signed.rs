//! Requests of connectors to the functions, signed with the connector's key.
//!
//! Four headers: the connector's id, the time in milliseconds since the epoch, the hexadecimal SHA-256 of the body
//! (omitted if there is none), and the hexadecimal HMAC-SHA256 over method, path with query, time and that hash,
//! separated by line feeds. So the head is sufficient to authenticate the sender: [`verify_head`] comes before any byte
//! of a body is kept, and [`BodyHash::fits`] after.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::{Timestamp, from_hex, hex};

/// Header that names the connector.
pub const CONNECTOR_HEADER: &str = "x-subspace-connector";
/// Header with the time of signing, in milliseconds since the epoch.
pub const TIME_HEADER: &str = "x-subspace-time";
/// Header with the SHA-256 of the body in hexadecimal; if absent, there is no body.
pub const BODY_HEADER: &str = "x-subspace-body";
/// Header with the signature in hexadecimal.
pub const SIGNATURE_HEADER: &str = "x-subspace-signature";
/// Path on a connector to which the functions POST, signed and with an empty body: its queue is not empty, or, with
/// `?account=…` or `?call=…`, connections or sessions of that account changed, or that call ended.
pub const WAKE_PATH: &str = "/sockethub/wake";
/// How far the time of signing may differ from the functions' clock, in milliseconds.
pub const MAX_CLOCK_SKEW_MS: i64 = 300_000;

/// Why a signed request is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignatureError {
    /// The signature does not match.
    #[error(
        "the signature does not match; check that the connector and the functions have the same key"
    )]
    Mismatch,
    /// Signed too long ago, or in the future.
    #[error(
        "the request was signed more than five minutes away from this clock; set the connector's clock"
    )]
    Stale,
    /// The header with the hash of the body is malformed.
    #[error("the header x-subspace-body is not a SHA-256 of 64 hexadecimal digits")]
    Hash,
    /// The body is not the one that was signed.
    #[error("the body is not the one whose hash was signed; send the request again")]
    Body,
}

/// The shortest key of a connector, in bytes.
pub const MIN_KEY: usize = 16;

/// The text is not a valid key of a connector.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a connector's key must be an even number of hexadecimal digits, at least 32; `openssl rand -hex 32` makes one"
)]
pub struct InvalidKey;

/// Parses a connector's key as operators write it: hexadecimal digits, with surrounding blanks ignored.
///
/// # Errors
/// [`InvalidKey`].
pub fn connector_key(text: &str) -> Result<Vec<u8>, InvalidKey> {
    from_hex(text.trim())
        .filter(|key| key.len() >= MIN_KEY)
        .ok_or(InvalidKey)
}

/// The SHA-256 of a body, announced by [`BODY_HEADER`] before the body arrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyHash([u8; 32]);

impl BodyHash {
    /// Hashes a body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// Parses the value of [`BODY_HEADER`]; if absent, it is the hash of an empty body.
    ///
    /// # Errors
    /// [`SignatureError::Hash`] if it is malformed.
    pub fn read(value: Option<&str>) -> Result<Self, SignatureError> {
        let Some(value) = value else {
            return Ok(Self::of(b""));
        };
        let bytes = hexadecimal(value).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(SignatureError::Hash)
    }

    /// Checks a body against the hash in the head of its request.
    ///
    /// # Errors
    /// [`SignatureError::Body`] if it differs.
    pub fn fits(&self, body: &[u8]) -> Result<(), SignatureError> {
        if Self::of(body) == *self {
            return Ok(());
        }
        Err(SignatureError::Body)
    }
}

impl std::fmt::Display for BodyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Signs a request; `path` includes the query. Returns the value of [`SIGNATURE_HEADER`].
#[must_use]
pub fn sign_request(key: &[u8], method: &str, path: &str, time: Timestamp, body: &[u8]) -> String {
    let mac = mac(key, method, path, time, BodyHash::of(body));
    hex(&mac.finalize().into_bytes())
}

/// Returns the headers of a signed request of the connector `id`; `path` includes the query.
#[must_use]
pub fn signed_headers(
    id: &str,
    key: &[u8],
    (method, path): (&str, &str),
    time: Timestamp,
    body: &[u8],
) -> [(&'static str, String); 4] {
    [
        (CONNECTOR_HEADER, id.to_owned()),
        (TIME_HEADER, time.millis().to_string()),
        (BODY_HEADER, BodyHash::of(body).to_string()),
        (
            SIGNATURE_HEADER,
            sign_request(key, method, path, time, body),
        ),
    ]
}

/// Verifies the signature of a request in constant time; the body need not have arrived yet.
///
/// # Errors
/// Which of the checks failed.
pub fn verify_head(
    key: &[u8],
    (method, path): (&str, &str),
    time: Timestamp,
    body: BodyHash,
    signature: &str,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let signature = hexadecimal(signature).ok_or(SignatureError::Mismatch)?;
    mac(key, method, path, time, body)
        .verify_slice(&signature)
        .map_err(|_| SignatureError::Mismatch)?;
    if time.millis().abs_diff(now.millis()) > MAX_CLOCK_SKEW_MS.unsigned_abs() {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

/// Verifies the signature of a request whose body has arrived.
///
/// # Errors
/// Which of the checks failed.
pub fn verify_request(
    key: &[u8],
    method: &str,
    path: &str,
    time: Timestamp,
    body: &[u8],
    signature: &str,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let body = BodyHash::of(body);
    verify_head(key, (method, path), time, body, signature, now)
}

/// Parses a hash or a signature; longer texts are refused unread.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    from_hex(Some(text).filter(|text| text.len() <= 64)?)
}

fn mac(key: &[u8], method: &str, path: &str, time: Timestamp, body: BodyHash) -> Hmac<Sha256> {
    let mut mac = keyed(key);
    mac.update(format!("subspace request v1\n{method}\n{path}\n{}\n", time.millis()).as_bytes());
    mac.update(&body.0);
    mac
}

/// HMAC takes keys of every length, so keying cannot fail.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[allow(
        clippy::expect_used,
        reason = "HMAC takes keys of every length, RFC 2104 section 2"
    )]
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hexadecimal() {
        let key = connector_key(" 000102030405060708090a0b0c0d0eFF\n").unwrap();
        assert_eq!((key.len(), key[1], key[15]), (16, 1, 255));
        for bad in [
            "",
            "00",
            "000102030405060708090a0b0c0d0e",
            "000102030405060708090a0b0c0d0e0f0",
            "+00102030405060708090a0b0c0d0e0f",
            "correct horse battery staple and",
        ] {
            assert_eq!(connector_key(bad), Err(InvalidKey), "{bad}");
        }
    }

    #[test]
    fn every_part_is_covered() {
        let (now, key) = (Timestamp::from_millis(5_000_000), b"key");
        let signature = sign_request(key, "POST", "/connector/events", now, b"{}");
        let verify = |method, path, time, body, signature: &str, now| {
            verify_request(key, method, path, time, body, signature, now)
        };
        assert_eq!(
            verify("POST", "/connector/events", now, b"{}", &signature, now),
            Ok(())
        );
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(
            verify("PUT", "/connector/events", now, b"{}", &signature, now),
            mismatch
        );
        assert_eq!(
            verify("POST", "/connector/event", now, b"{}", &signature, now),
            mismatch
        );
        assert_eq!(
            verify("POST", "/connector/events", now, b"[]", &signature, now),
            mismatch
        );
        let later = now.plus_millis(1);
        assert_eq!(
            verify("POST", "/connector/events", later, b"{}", &signature, now),
            mismatch
        );
        assert_eq!(
            verify("POST", "/connector/events", now, b"{}", "ää", now),
            mismatch
        );
        let late = now.plus_millis(MAX_CLOCK_SKEW_MS + 1);
        let stale = Err(SignatureError::Stale);
        assert_eq!(
            verify("POST", "/connector/events", now, b"{}", &signature, late),
            stale
        );
    }
    #[test]
    fn the_head_says_which_body_may_follow() {
        let (now, key) = (Timestamp::from_millis(5_000_000), b"key");
        let asked = ("POST", "/connector/events");
        let headers = signed_headers("irc", key, asked, now, b"{}");
        let [_, _, (_, hash), (_, signature)] = &headers;
        let hash = BodyHash::read(Some(hash)).unwrap();
        assert_eq!(
            verify_head(key, asked, now, hash, signature, now),
            Ok(()),
            "before the body is there"
        );
        assert_eq!(hash.fits(b"{}"), Ok(()));
        assert_eq!(hash.fits(b"[]"), Err(SignatureError::Body));
        let other = BodyHash::of(b"[]");
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(
            verify_head(key, asked, now, other, signature, now),
            mismatch
        );
        assert_eq!(BodyHash::read(None), Ok(BodyHash::of(b"")));
        let long = "0".repeat(66);
        for bad in ["", "zz", "+0", &long, &"ä".repeat(32)] {
            assert_eq!(BodyHash::read(Some(bad)), Err(SignatureError::Hash));
        }
    }
}
