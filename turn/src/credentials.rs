//! Time-limited credentials derived from a shared secret: user name `expiry:name`, password base64(HMAC-SHA1(secret,
//! user name)).
//!
//! The format is that of draft-uberti-behave-turn-rest-00, which coturn and common services use.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::Mac;

use crate::clock::Time;
use crate::stun::{Key, Message, hmac_sha1, long_term_key};

/// Maximum length of a user name in bytes, RFC 8489 section 14.3.
pub const MAX_USERNAME: usize = 508;
/// Minimum length of a secret in bytes.
pub const MIN_SECRET: usize = 16;

/// Secrets from which credentials may be derived: newest first, with older ones during rotation.
#[derive(Clone)]
pub struct Secrets(Vec<Vec<u8>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Uses the secrets unchanged; empty ones are useless and left out.
    #[must_use]
    pub fn new(secrets: Vec<Vec<u8>>) -> Self {
        Self(
            secrets
                .into_iter()
                .filter(|secret| !secret.is_empty())
                .collect(),
        )
    }

    /// Returns whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The length of the shortest secret in bytes, 0 if there is none.
    #[must_use]
    pub fn shortest(&self) -> usize {
        self.0.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Returns the long-term key that a message was signed with, if it can be derived from one of the secrets.
    pub(crate) fn key_of(&self, username: &str, realm: &str, message: &Message<'_>) -> Option<Key> {
        self.0.iter().find_map(|secret| {
            let key = long_term_key(username, realm, &password(secret, username));
            message.verify(&key).then_some(key)
        })
    }
}

/// Returns the password for a user name.
#[must_use]
pub fn password(secret: &[u8], username: &str) -> String {
    BASE64_STANDARD.encode(
        hmac_sha1(secret, &[username.as_bytes()])
            .finalize()
            .into_bytes(),
    )
}

/// Returns the group of a name `group/part`.
pub(crate) fn group(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(group, _)| group)
}

/// A parsed user name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Username<'a> {
    /// The whole user name.
    pub text: &'a str,
    /// Until when an allocation may be created with it.
    pub expires: Time,
    /// The person it was issued to, by which quotas count.
    pub name: &'a str,
}

impl<'a> Username<'a> {
    /// The group of a name `group/part`, such as a call's guests, who are several people.
    #[must_use]
    pub fn group(&self) -> Option<&'a str> {
        group(self.name)
    }

    /// Parses `expiry:name`, with the expiry in seconds since 1970; without a colon the name is empty.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (expiry, name) = text.split_once(':').unwrap_or((text, ""));
        let digits = !expiry.is_empty() && expiry.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: u64 = expiry
            .parse()
            .ok()
            .filter(|_| digits && text.len() <= MAX_USERNAME)?;
        Some(Self {
            text,
            expires: Time::from_millis(seconds.saturating_mul(1000)),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_others_compute() {
        // printf %s 1700000000:alice | openssl dgst -sha1 -hmac secret -binary | base64
        assert_eq!(
            password(b"secret", "1700000000:alice"),
            "d8soP47RbdIKLDUOpnJPVQyq5Ts="
        );
    }

    #[test]
    fn user_names_are_read_or_refused() {
        let user = Username::parse("1700000000:alice:x").unwrap();
        assert_eq!(
            (user.expires.seconds(), user.name),
            (1_700_000_000, "alice:x")
        );
        assert_eq!(Username::parse("1700000000").unwrap().name, "");
        assert_eq!(user.group(), None);
        let guest = Username::parse("1700000000:guest:alice/one").unwrap();
        assert_eq!(guest.group(), Some("guest:alice"));
        for wrong in [
            "",
            ":alice",
            "alice",
            "+1:alice",
            "-1:a",
            "99999999999999999999999:a",
        ] {
            assert_eq!(Username::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Username::parse(&format!("1:{}", "a".repeat(600))), None);
    }

    #[test]
    fn secrets_do_not_show() {
        let secrets = Secrets::new(vec![b"top".to_vec(), Vec::new()]);
        assert_eq!(format!("{secrets:?}"), "Secrets(1)");
    }
}
