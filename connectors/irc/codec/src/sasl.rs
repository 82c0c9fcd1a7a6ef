//! A server's side of SASL PLAIN: AUTHENTICATE in chunks (IRCv3 sasl-3.1, <https://ircv3.net/specs/extensions/sasl-3.1>),
//! and what PLAIN consists of (RFC 4616).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Numeric, numeric};

/// A chunk of this length, in bytes, is followed by another.
const CHUNK: usize = 400;

/// Maximum length of a payload in base64, in bytes.
const MAX_PAYLOAD: usize = 4 * CHUNK;

/// Said if a payload is not one of PLAIN.
pub const NOT_PLAIN: &str =
    "SASL authentication failed: expected base64 of authzid NUL name NUL password";

/// Said to who proves to be one account and wants to be another (RFC 4616 section 2).
pub const FOR_ANOTHER: &str = "SASL authentication failed: you can sign in only as the account whose password you give; leave the authorization identity (authzid) empty";

const TOO_LONG: &str = "SASL message too long";
const ABORTED: &str = "SASL authentication aborted";
const ONLY_PLAIN: &str = "SASL authentication failed: only PLAIN is supported";

/// The name and password that a client sent.
#[derive(Clone, Eq, PartialEq)]
pub struct Plain {
    /// The name it signs in as, as sent.
    pub name: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Plain {
    /// Leaves the password out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What follows from an AUTHENTICATE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// The exchange began: the client is sent `AUTHENTICATE +`.
    Begun,
    /// Another chunk follows; nothing is said.
    More,
    /// These were sent, and are to be checked.
    Plain(Plain),
    /// Another mechanism was asked for: RPL_SASLMECHS with `PLAIN` and this text precedes the refusal.
    OtherMechanism {
        /// The text of RPL_SASLMECHS.
        available: &'static str,
        /// The refusal, ERR_SASLFAIL.
        refusal: &'static str,
    },
    /// The client ended the exchange: this numeric and text. It is no attempt to sign in.
    Aborted(Numeric, &'static str),
    /// What was sent is invalid, which counts as a failed attempt: this numeric and text.
    Failed(Numeric, &'static str),
}

/// An exchange of one client, and whether there is one.
#[derive(Debug, Default)]
pub struct Exchange(Option<String>);

impl Exchange {
    /// Takes the parameter of an AUTHENTICATE. `same` says whether an authorization identity and a name are of one
    /// account.
    pub fn step(&mut self, argument: &str, same: impl Fn(&str, &str) -> bool) -> Step {
        if argument == "*" {
            self.0 = None;
            return Step::Aborted(numeric::ERR_SASLABORTED, ABORTED);
        }
        let Some(so_far) = &mut self.0 else {
            if !argument.eq_ignore_ascii_case("PLAIN") {
                return Step::OtherMechanism {
                    available: "are the available SASL mechanisms",
                    refusal: ONLY_PLAIN,
                };
            }
            self.0 = Some(String::new());
            return Step::Begun;
        };
        if argument.len() > CHUNK || so_far.len() + argument.len() > MAX_PAYLOAD {
            self.0 = None;
            return Step::Failed(numeric::ERR_SASLTOOLONG, TOO_LONG);
        }
        if argument != "+" {
            so_far.push_str(argument);
        }
        if argument.len() == CHUNK {
            return Step::More;
        }
        match parse_plain(&self.0.take().unwrap_or_default(), same) {
            Ok(plain) => Step::Plain(plain),
            Err(text) => Step::Failed(numeric::ERR_SASLFAIL, text),
        }
    }

    /// Ends the exchange of a client that completes its registration meanwhile; returns what it is told, if there was
    /// one.
    pub fn abort(&mut self) -> Option<(Numeric, &'static str)> {
        self.0.take().map(|_| (numeric::ERR_SASLABORTED, ABORTED))
    }
}

/// Parses the base64 of `authzid NUL authcid NUL password`.
fn parse_plain(payload: &str, same: impl Fn(&str, &str) -> bool) -> Result<Plain, &'static str> {
    let bytes = STANDARD.decode(payload).map_err(|_| NOT_PLAIN)?;
    let text = String::from_utf8(bytes).map_err(|_| NOT_PLAIN)?;
    let parts: Vec<&str> = text.split('\0').collect();
    let &[authzid, name, password] = parts.as_slice() else {
        return Err(NOT_PLAIN);
    };
    if name.is_empty() || password.is_empty() {
        return Err(NOT_PLAIN);
    }
    if !authzid.is_empty() && !same(authzid, name) {
        return Err(FOR_ANOTHER);
    }
    Ok(Plain {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(authzid: &str, name: &str) -> bool {
        authzid.eq_ignore_ascii_case(name)
    }

    fn failed(text: &'static str) -> Step {
        Step::Failed(numeric::ERR_SASLFAIL, text)
    }

    fn read(payload: &str) -> Step {
        let mut exchange = Exchange::default();
        assert_eq!(exchange.step("plain", same), Step::Begun);
        let step = exchange.step(payload, same);
        assert!(exchange.abort().is_none(), "it has ended");
        step
    }

    #[test]
    fn plain_payloads() {
        let sent = |text: &str| read(&STANDARD.encode(text));
        let pair = || {
            Step::Plain(Plain {
                name: "alice".to_owned(),
                password: "pw".to_owned(),
            })
        };
        assert_eq!(sent("\0alice\0pw"), pair());
        assert_eq!(sent("alice\0alice\0pw"), pair());
        assert_eq!(sent("Alice\0alice\0pw"), pair());
        for bad in ["alice", "\0alice", "\0\0pw", "\0alice\0", "\0a\0b\0c"] {
            assert_eq!(sent(bad), failed(NOT_PLAIN), "{bad:?}");
        }
        for bad in ["%%%", "+", ""] {
            assert_eq!(read(bad), failed(NOT_PLAIN), "{bad:?}");
        }
        assert_eq!(sent("bob\0alice\0pw"), failed(FOR_ANOTHER));
        assert!(!format!("{:?}", sent("\0alice\0secret")).contains("secret"));
    }

    #[test]
    fn chunks_are_joined_up_to_a_limit() {
        let payload = STANDARD.encode(format!("\0alice\0{}", "x".repeat(293)));
        let mut exchange = Exchange::default();
        assert_eq!(exchange.step("PLAIN", same), Step::Begun);
        let (first, rest) = payload.split_at(CHUNK);
        assert_eq!(exchange.step(first, same), Step::More);
        // A payload whose length is a multiple of a chunk's ends with an empty one.
        assert!(rest.is_empty());
        assert!(matches!(exchange.step("+", same), Step::Plain(_)));
        assert_eq!(exchange.step("PLAIN", same), Step::Begun);
        let chunk = "A".repeat(CHUNK);
        for _ in 0..4 {
            assert_eq!(exchange.step(&chunk, same), Step::More);
        }
        let too_long = Step::Failed(numeric::ERR_SASLTOOLONG, TOO_LONG);
        assert_eq!(exchange.step(&chunk, same), too_long);
        assert_eq!(read(&"A".repeat(CHUNK + 1)), too_long);
    }

    #[test]
    fn who_gives_up_or_wants_another_mechanism_has_tried_nothing() {
        let mut exchange = Exchange::default();
        let aborted = Step::Aborted(numeric::ERR_SASLABORTED, ABORTED);
        assert!(exchange.abort().is_none());
        let other = exchange.step("SCRAM-SHA-256", same);
        assert!(matches!(other, Step::OtherMechanism { .. }));
        assert_eq!(exchange.step("PLAIN", same), Step::Begun);
        assert_eq!(exchange.step("*", same), aborted);
        assert_eq!(exchange.step("PLAIN", same), Step::Begun);
        assert!(exchange.abort().is_some());
    }
}
