//! Bearer tokens of grants and invites.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::AccountName;

/// A token that contains the key of its record: `<owner>.<id>.<secret>`.
///
/// The owner is the account (grants) or `invite`. Only the SHA-256 of the secret is stored, so a reader of the store
/// cannot use it; with 192 random bits no slow hash is needed.
#[derive(Clone, Eq, PartialEq)]
pub struct BearerToken {
    /// The account that the token belongs to.
    pub owner: AccountName,
    /// The record's id, 16 characters of base64url.
    pub id: String,
    secret: String,
}

/// The text is not one of our tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the token is malformed")]
pub struct InvalidToken;

impl BearerToken {
    /// The number of random bytes that [`BearerToken::new`] takes.
    pub const RANDOM_BYTES: usize = 36;

    /// Creates a token from fresh random bytes.
    #[must_use]
    pub fn new(owner: AccountName, random: &[u8; Self::RANDOM_BYTES]) -> Self {
        let (id, secret) = random.split_at(12);
        Self {
            owner,
            id: URL_SAFE_NO_PAD.encode(id),
            secret: URL_SAFE_NO_PAD.encode(secret),
        }
    }

    /// Returns the hash under which the secret is stored: SHA-256 in hexadecimal.
    #[must_use]
    pub fn secret_hash(&self) -> String {
        crate::hex(&Sha256::digest(self.secret.as_bytes()))
    }

    /// Compares with a stored hash in constant time.
    #[must_use]
    pub fn matches(&self, secret_hash: &str) -> bool {
        self.secret_hash()
            .as_bytes()
            .ct_eq(secret_hash.as_bytes())
            .into()
    }
}

impl fmt::Display for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.owner, self.id, self.secret)
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BearerToken({}.{}.…)", self.owner, self.id)
    }
}

impl FromStr for BearerToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let mut parts = text.split('.');
        let (Some(owner), Some(id), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidToken);
        };
        let base64url = |part: &str, length: usize| {
            part.len() == length
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if !base64url(id, 16) || !base64url(secret, 32) {
            return Err(InvalidToken);
        }
        let owner = owner.parse().map_err(|_| InvalidToken)?;
        Ok(Self {
            owner,
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_wire_and_hides_its_secret() {
        let token = BearerToken::new("alice".parse().unwrap(), &[7; BearerToken::RANDOM_BYTES]);
        let again: BearerToken = token.to_string().parse().unwrap();
        assert!(again.matches(&token.secret_hash()));
        assert!(!again.matches(&"0".repeat(64)) && !again.matches(""));
        assert!(!format!("{token:?}").contains(&token.secret));
    }

    #[test]
    fn refuses_other_texts() {
        for bad in [
            "",
            "alice",
            "alice.a.b",
            "alice.AAAAAAAAAAAAAAAA.../etc",
            "a.b.c.d",
        ] {
            assert_eq!(bad.parse::<BearerToken>(), Err(InvalidToken), "{bad}");
        }
    }
}
