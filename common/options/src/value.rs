//! Types of keys.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::Kind;

/// A type that a key can have.
pub trait Value: Sized {
    /// The kind of keys of this type.
    const KIND: Kind;

    /// Parses a value; `None` if it is not valid.
    fn parse(text: &str) -> Option<Self>;

    /// Returns the value if nothing was given; `None` if it is required.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}

/// Makes types usable for keys that are parsed by `FromStr`, with surrounding blanks ignored.
#[macro_export]
macro_rules! values {
    ($kind:ident: $($type:ty),* $(,)?) => {
        $(impl $crate::Value for $type {
            const KIND: $crate::Kind = $crate::Kind::$kind;

            fn parse(text: &str) -> ::core::option::Option<Self> {
                text.trim().parse().ok()
            }
        })*
    };
}

values!(Number: u16, u32, u64, usize, i64);
values!(Text: SocketAddr, IpAddr);

impl Value for String {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::Text;

    /// What has several lines is the content of a file, such as a private key, which errors would show as its name.
    fn parse(text: &str) -> Option<Self> {
        (!text.trim().contains('\n')).then(|| text.into())
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Switch;

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "true" | "on" | "1" => Some(true),
            "false" | "off" | "0" => Some(false),
            _ => None,
        }
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;

    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Values separated by commas or blanks; none if nothing is given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromStr> Value for List<T> {
    const KIND: Kind = Kind::List;

    fn parse(text: &str) -> Option<Self> {
        let items = text.split(|c: char| c == ',' || c.is_whitespace());
        let items = items.filter(|item| !item.is_empty());
        let items: Result<_, _> = items.map(str::parse).collect();
        items.ok().map(Self)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

/// JSON, not parsed yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Json(pub String);

impl Value for Json {
    const KIND: Kind = Kind::Json;

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }
}

/// Text that must not be shown.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Value for Secret {
    const KIND: Kind = Kind::Secret;

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }
}

/// An address to listen on, or `off`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listen(pub Option<SocketAddr>);

impl Value for Listen {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "off" => Some(Self(None)),
            text => text.parse().ok().map(|address| Self(Some(address))),
        }
    }
}

/// Addresses to listen on, or `off`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Addresses(pub Vec<SocketAddr>);

impl Value for Addresses {
    const KIND: Kind = Kind::List;

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "off" => Some(Self(Vec::new())),
            text => List::parse(text).map(|list| Self(list.0)),
        }
    }
}

/// Where addresses that users enter may lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Networks {
    /// Anywhere, private networks included.
    Any,
    /// To the public internet.
    Public,
}

impl Value for Networks {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "any" => Some(Self::Any),
            "public" => Some(Self::Public),
            _ => None,
        }
    }
}
