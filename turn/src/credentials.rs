//! Time-limited credentials over a shared secret: user name `expiry:name`, password base64(HMAC-SHA1(secret, user name)).
//!
//! The form is that of draft-uberti-behave-turn-rest-00, which coturn and the services speak.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::Mac;

use crate::clock::Time;
use crate::stun::{Key, Message, hmac_sha1, long_term_key};

/// The longest user name in bytes, RFC 8489 section 14.3.
pub const MAX_USERNAME: usize = 508;
/// The shortest secret in bytes.
pub const MIN_SECRET: usize = 16;

/// Secrets that credentials may be made with: the newest first, older ones while they are rotated.
#[derive(Clone)]
pub struct Secrets(Vec<Vec<u8>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Takes the secrets as they are; empty ones open nothing and are left out.
    #[must_use]
    pub fn new(secrets: Vec<Vec<u8>>) -> Self {
        Self(
            secrets
                .into_iter()
                .filter(|secret| !secret.is_empty())
                .collect(),
        )
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The shortest secret's length in bytes, 0 if there is none.
    #[must_use]
    pub fn shortest(&self) -> usize {
        self.0.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Returns the long-term key with which a message was signed, if one of the secrets explains it.
    pub(crate) fn key_of(&self, username: &str, realm: &str, message: &Message<'_>) -> Option<Key> {
        self.0.iter().find_map(|secret| {
            let key = long_term_key(username, realm, &password(secret, username));
            message.verify(&key).then_some(key)
        })
    }
}

/// Returns the password that belongs to a user name.
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

/// A user name, read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Username<'a> {
    /// The whole.
    pub text: &'a str,
    /// Until when an allocation may be made with it.
    pub expires: Time,
    /// Who it is for: what quotas count.
    pub name: &'a str,
}

impl<'a> Username<'a> {
    /// Whose gathering a name `group/part` is, such as that of a call's guests, which is not one person.
    #[must_use]
    pub fn group(&self) -> Option<&'a str> {
        group(self.name)
    }

    /// Reads `expiry:name`, the expiry in seconds since 1970; without a colon the name is empty.
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
