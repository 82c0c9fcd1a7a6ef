//! Classifies R2's errors.
//!
//! The binding throws errors whose message ends in a number, `put: … (10058)`; the numbers are in Cloudflare's
//! list of [R2 error codes](https://developers.cloudflare.com/r2/api/error-codes/).

use storage_adapter::StoreError;

/// What an error permits to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// Too many writes to this key, or requests overall. Nothing happened.
    TooMany,
    /// The range lies outside of the object.
    Range,
    /// The binding has no access. Nothing happened.
    Denied(String),
    /// Retrying is useless, with any credentials. Nothing happened.
    Refused(String),
    /// Something else; it may have happened.
    Unavailable(String),
}

/// The longest part of a message that is passed on, in characters.
const MAX_MESSAGE: usize = 200;

impl Trouble {
    pub(crate) fn of(error: &worker::Error) -> Self {
        Self::read(&error.to_string())
    }

    fn read(message: &str) -> Self {
        let short = || message.chars().take(MAX_MESSAGE).collect();
        match code(message) {
            Some(10_058) => Self::TooMany,
            Some(10_039) => Self::Range,
            // Unauthorized, access denied, not entitled.
            Some(10_002 | 10_003 | 10_042) => Self::Denied(short()),
            // No such bucket, name refused, too large.
            Some(10_006 | 10_020 | 100_100) => Self::Refused(short()),
            _ => Self::Unavailable(short()),
        }
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::TooMany => {
                Self::Unavailable("R2 accepts no more writes at the moment".to_owned())
            }
            Trouble::Range => Self::refused("R2 has no such range"),
            Trouble::Denied(message) => Self::denied(message),
            Trouble::Refused(message) => Self::refused(message),
            Trouble::Unavailable(message) => Self::Unavailable(message),
        }
    }
}

fn code(message: &str) -> Option<u32> {
    let (_, code) = message.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    code.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_decide() {
        let read = |message: &str| Trouble::read(message);
        assert_eq!(
            read("Error: put: Reduce your rate of simultaneous writes on the same object. (10058)"),
            Trouble::TooMany
        );
        assert_eq!(
            read("get: The requested range is not satisfiable (10039)"),
            Trouble::Range
        );
        let refused = read("put: The specified bucket does not exist. (10006)");
        assert!(matches!(refused, Trouble::Refused(_)));
        let denied = read("get: Access denied. (10003)");
        assert!(matches!(denied, Trouble::Denied(_)));
        for other in [
            "put: We encountered an internal error. Please try again. (10001)",
            "Network connection lost.",
            "()",
            "(10058) x",
            "",
        ] {
            assert!(matches!(read(other), Trouble::Unavailable(_)), "{other}");
        }
    }
}
