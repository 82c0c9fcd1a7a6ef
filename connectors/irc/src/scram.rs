//! SCRAM-SHA-256 as a client, RFC 5802 and RFC 7677, without channel binding.
//!
//! Pure: the nonce is passed in, and what takes long, [`Derivation::run`], is a value that the host takes elsewhere.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The fewest iterations that are taken (RFC 7677, section 4): with fewer whoever listens could find the password.
pub(crate) const MIN_ITERATIONS: u32 = 4096;

/// The most: half a second of one processor.
pub(crate) const MAX_ITERATIONS: u32 = 1_000_000;

/// The longest salt, in bytes.
const MAX_SALT: usize = 512;

/// The GS2 header: no channel binding, no other identity (RFC 5802, section 7).
const HEADER: &str = "n,,";

/// A hash.
type Hash = [u8; 32];

/// What is wrong with what the server says.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum ScramError {
    /// It is no message of SCRAM.
    #[error("it sent something else than SCRAM-SHA-256 has")]
    Malformed,
    /// The nonce does not go on from ours.
    #[error("it answered somebody else's attempt")]
    Nonce,
    /// It asks for an extension that has to be known.
    #[error("it asks for an extension that is not known here")]
    Extension,
    /// It asks for too little or too much computation.
    #[error("it asks for {0} iterations; from {MIN_ITERATIONS} to {MAX_ITERATIONS} are done")]
    Iterations(u64),
    /// Its signature is not the one of somebody who knows the password.
    #[error("it did not prove that it knows your password, so it may be somebody else")]
    Signature,
    /// It says itself what is wrong.
    #[error("it says {0}")]
    Said(String),
}

/// What makes keys of a password.
#[derive(Clone, Eq, PartialEq)]
pub struct Derivation {
    password: String,
    salt: Vec<u8>,
    iterations: u32,
}

/// What proves that one knows a password, each side for itself.
#[derive(Clone, Eq, PartialEq)]
pub struct Keys {
    client: Hash,
    server: Hash,
}

/// Our first message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct First {
    bare: String,
    nonce: String,
}

/// What the server's first message asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Challenge {
    /// What is to be computed.
    pub(crate) derivation: Derivation,
    signed: String,
    without_proof: String,
}

/// Our last message, and what the server has to answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    /// The message.
    pub(crate) text: String,
    signature: Hash,
}

impl Derivation {
    /// Computes the keys (RFC 5802, section 3): as many HMACs as the server asked for iterations.
    #[must_use]
    pub fn run(&self) -> Keys {
        let salted = self.salted();
        Keys {
            client: hmac(&keyed(&salted), &[b"Client Key"]),
            server: hmac(&keyed(&salted), &[b"Server Key"]),
        }
    }

    /// Hi, which is PBKDF2 of one block.
    fn salted(&self) -> Hash {
        let key = keyed(self.password.as_bytes());
        let mut last = hmac(&key, &[&self.salt, &1_u32.to_be_bytes()]);
        let mut sum = last;
        for _ in 1..self.iterations {
            last = hmac(&key, &[&last]);
            sum = xor(&sum, &last);
        }
        sum
    }
}

// Neither is shown by accident.
impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derivation").finish_non_exhaustive()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl First {
    /// Begins; nothing if the name cannot be prepared (RFC 4013). The nonce is printable and has no comma.
    pub(crate) fn new(user: &str, nonce: String) -> Option<Self> {
        let user = prepared(user)?.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={user},r={nonce}");
        Some(Self { bare, nonce })
    }

    /// The message.
    pub(crate) fn text(&self) -> String {
        format!("{HEADER}{}", self.bare)
    }

    /// Takes the server's first message.
    pub(crate) fn challenge(
        &self,
        server_first: &str,
        password: &str,
    ) -> Result<Challenge, ScramError> {
        let mut attributes = server_first.split(',');
        let first = attributes.next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Err(said(error));
        }
        if first.starts_with("m=") {
            return Err(ScramError::Extension);
        }
        let mut next = |key: &str, text: Option<&str>| {
            let text = text.or_else(|| attributes.next());
            let value = text.and_then(|text| text.strip_prefix(key));
            value.map(str::to_owned).ok_or(ScramError::Malformed)
        };
        let nonce = next("r=", Some(first))?;
        let salt = next("s=", None)?;
        let iterations = next("i=", None)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ScramError::Nonce);
        }
        let salt = STANDARD.decode(salt).ok();
        let salt = salt.filter(|salt| (1..=MAX_SALT).contains(&salt.len()));
        let iterations: u64 = iterations.parse().map_err(|_| ScramError::Malformed)?;
        let iterations = u32::try_from(iterations)
            .ok()
            .filter(|count| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(count))
            .ok_or(ScramError::Iterations(iterations))?;
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(HEADER));
        Ok(Challenge {
            derivation: Derivation {
                password: prepared(password).ok_or(ScramError::Malformed)?,
                salt: salt.ok_or(ScramError::Malformed)?,
                iterations,
            },
            signed: format!("{},{server_first},{without_proof}", self.bare),
            without_proof,
        })
    }
}

impl Challenge {
    /// Proves that we know the password.
    pub(crate) fn answer(&self, keys: &Keys) -> Answer {
        let stored: Hash = Sha256::digest(keys.client).into();
        let signature = hmac(&keyed(&stored), &[self.signed.as_bytes()]);
        let proof = STANDARD.encode(xor(&keys.client, &signature));
        Answer {
            text: format!("{},p={proof}", self.without_proof),
            signature: hmac(&keyed(&keys.server), &[self.signed.as_bytes()]),
        }
    }
}

impl Answer {
    /// Checks the server's last message.
    pub(crate) fn verify(&self, server_final: &str) -> Result<(), ScramError> {
        let first = server_final.split(',').next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Err(said(error));
        }
        let signature = first.strip_prefix("v=").ok_or(ScramError::Malformed)?;
        // Only who already knows the signature sees how long the comparison takes.
        match STANDARD.decode(signature) {
            Ok(signature) if signature == self.signature => Ok(()),
            _ => Err(ScramError::Signature),
        }
    }
}

/// A text as SASLprep makes it (RFC 4013); nothing if it has what must not be in it, or is empty then.
pub(crate) fn prepared(text: &str) -> Option<String> {
    let text = stringprep::saslprep(text).ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

fn said(error: &str) -> ScramError {
    let shown = error.chars().filter(|c| !c.is_control()).take(60);
    ScramError::Said(shown.collect())
}

#[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn hmac(key: &Hmac<Sha256>, parts: &[&[u8]]) -> Hash {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn xor(a: &Hash, b: &Hash) -> Hash {
    std::array::from_fn(|at| a[at] ^ b[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn first() -> First {
        First::new("user", NONCE.to_owned()).unwrap()
    }

    #[test]
    fn the_example_of_rfc_7677_comes_out() {
        assert_eq!(first().text(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = first().challenge(SERVER_FIRST, "pencil").unwrap();
        let answer = challenge.answer(&challenge.derivation.run());
        assert_eq!(
            answer.text,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let good = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(answer.verify(good), Ok(()));
        assert_eq!(answer.verify(&format!("{good},x=more")), Ok(()));
        for (said, error) in [
            (
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=",
                ScramError::Signature,
            ),
            ("v=", ScramError::Signature),
            ("v=%", ScramError::Signature),
            ("", ScramError::Malformed),
            ("x=6rri", ScramError::Malformed),
            (
                "e=invalid-proof",
                ScramError::Said("invalid-proof".to_owned()),
            ),
        ] {
            assert_eq!(answer.verify(said), Err(error), "{said}");
        }
    }

    #[test]
    fn what_a_hostile_server_asks_for_is_refused_before_anything_is_computed() {
        let go_on = format!("r={NONCE}x");
        for (said, error) in [
            ("r=other,s=QQ==,i=4096".to_owned(), ScramError::Nonce),
            (format!("r={NONCE},s=QQ==,i=4096"), ScramError::Nonce),
            (
                format!("{go_on},s=QQ==,i=4095"),
                ScramError::Iterations(4095),
            ),
            (format!("{go_on},s=QQ==,i=0"), ScramError::Iterations(0)),
            (
                format!("{go_on},s=QQ==,i=1000001"),
                ScramError::Iterations(1_000_001),
            ),
            (
                format!("{go_on},s=QQ==,i=18446744073709551615"),
                ScramError::Iterations(u64::MAX),
            ),
            (
                format!("{go_on},s=QQ==,i=99999999999999999999"),
                ScramError::Malformed,
            ),
            (format!("{go_on},s=QQ==,i=-1"), ScramError::Malformed),
            (format!("{go_on},s=QQ==,i="), ScramError::Malformed),
            (format!("{go_on},s=QQ=="), ScramError::Malformed),
            (format!("{go_on},s=,i=4096"), ScramError::Malformed),
            (format!("{go_on},s=?,i=4096"), ScramError::Malformed),
            (format!("{go_on},i=4096,s=QQ=="), ScramError::Malformed),
            (
                format!("{go_on},s={},i=4096", STANDARD.encode([7; MAX_SALT + 1])),
                ScramError::Malformed,
            ),
            (format!("m=x,{go_on},s=QQ==,i=4096"), ScramError::Extension),
            (
                "e=other-error\u{7}".to_owned(),
                ScramError::Said("other-error".to_owned()),
            ),
            (String::new(), ScramError::Malformed),
        ] {
            assert_eq!(first().challenge(&said, "pencil"), Err(error), "{said}");
        }
        let known = format!("{go_on},s=QQ==,i=4096,x=unknown");
        assert!(first().challenge(&known, "pencil").is_ok());
    }

    #[test]
    fn names_and_passwords_are_prepared() {
        let first = First::new("a=b,c", "n".to_owned()).unwrap();
        assert_eq!(first.text(), "n,,n=a=3Db=2Cc,r=n");
        // RFC 4013, section 3.
        assert_eq!(prepared("I\u{AD}X").unwrap(), "IX");
        assert_eq!(prepared("\u{AA}").unwrap(), "a");
        assert_eq!(prepared("\u{2168}").unwrap(), "IX");
        for odd in ["\u{7}", "\u{627}1", "", "\u{AD}"] {
            assert_eq!(prepared(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let challenge = first().challenge(SERVER_FIRST, "pencil").unwrap();
        let shown = format!("{challenge:?} {:?}", challenge.derivation.run());
        assert!(!shown.contains("pencil"), "{shown}");
    }
}
