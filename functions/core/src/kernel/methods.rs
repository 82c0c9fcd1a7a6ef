//! The HTTP methods that addresses support, as in the header `Allow`.

use http::{HeaderValue, Method};

/// A method that some address supports; `HEAD` is `GET` without the body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verb {
    Get = 1,
    Post = 2,
    Put = 4,
    Patch = 8,
    Delete = 16,
}

impl Verb {
    /// Returns the verb of a method, if any address supports it.
    pub(crate) fn of(method: &Method) -> Option<Self> {
        Some(match *method {
            Method::GET | Method::HEAD => Self::Get,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ => return None,
        })
    }
}

/// The methods of an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Methods(pub(crate) u8);

impl Methods {
    /// For read-only addresses.
    pub(crate) const READ: Self = Self(Verb::Get as u8);
    /// For addresses that do not exist: pages of other origins may send their request, and then see that there is
    /// nothing.
    pub(crate) const ALL: Self = Self(31);

    /// Returns the set of these verbs.
    pub(crate) fn of(verbs: impl Iterator<Item = Verb>) -> Self {
        Self(verbs.fold(0, |all, verb| all | verb as u8))
    }

    /// Returns the value of the header `Allow`.
    pub(crate) fn value(self) -> HeaderValue {
        // Letters, commas and spaces make a value.
        HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static("OPTIONS"))
    }
}

impl std::fmt::Display for Methods {
    /// As in the header `Allow`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (verb, name) in [
            (Verb::Get, "GET, HEAD, "),
            (Verb::Post, "POST, "),
            (Verb::Put, "PUT, "),
            (Verb::Patch, "PATCH, "),
            (Verb::Delete, "DELETE, "),
        ] {
            if self.0 & verb as u8 != 0 {
                f.write_str(name)?;
            }
        }
        f.write_str("OPTIONS")
    }
}
