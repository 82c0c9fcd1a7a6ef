//! The macro, and what it expands to.

use crate::{Get, Invalid, Key, Kind, Options, Value};

/// Declares a struct of options. A field without a default has a type that can be absent, such as an `Option`.
///
/// ```
/// options::options! {
///     /// What an operator can set for a lamp.
///     #[derive(Clone, Debug)]
///     pub struct Lamp {
///         /// How bright it is.
///         brightness: u32 = "100", "PERCENT", "a number of percent";
///         /// Who may turn it on.
///         owner: Option<String>, or "anybody", "NAME", "a name";
///     }
/// }
/// options::options! {
///     /// The same for a room, whose keys are those of its lamp with `lamp_` before them.
///     #[derive(Clone, Debug)]
///     pub struct Room {
///         /// What people call it.
///         name: String = "room", "NAME", "a name";
///     }
///     with {
///         /// Its lamp, which has no owner of its own.
///         lamp: Lamp, "lamp", except ["owner"];
///     }
/// }
/// let room: Room = options::defaults();
/// assert_eq!((room.name.as_str(), room.lamp.brightness), ("room", 100));
/// ```
#[macro_export]
macro_rules! options {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $field:ident: $type:ty $(= $default:literal)?
                    $(, or $otherwise:literal)?, $value:literal, $expected:literal;
            )*
        }
        $(with {
            $(
                $(#[doc = $part_doc:literal])*
                $part:ident: $part_type:ty, $prefix:literal $(, except [$($except:literal),* $(,)?])?;
            )*
        })?
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[doc = $doc])* $vis $field: $type,)*
            $($($(#[doc = $part_doc])* $vis $part: $part_type,)*)?
        }

        impl $crate::Options for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

            fn read(get: $crate::Get<'_>) -> ::core::result::Result<Self, $crate::Invalid> {
                ::core::result::Result::Ok(Self {
                    $($field: $crate::read_key::<$type>(
                        get,
                        stringify!($field),
                        $crate::maybe!($($default)?),
                        $expected,
                    )?,)*
                    $($($part: $crate::read_part::<$part_type>(
                        get,
                        $prefix,
                        &[$($($except),*)?],
                    )?,)*)?
                })
            }

            fn keys() -> ::std::vec::Vec<$crate::Key> {
                #[allow(unused_mut, reason = "not every declaration has parts")]
                let mut keys = ::std::vec![$($crate::key::<$type>(
                    stringify!($field),
                    concat!($($doc),*),
                    $crate::maybe!($($default)?),
                    $crate::maybe!($($otherwise)?),
                    $value,
                )),*];
                $($(keys.extend($crate::part_keys::<$part_type>(
                    $prefix,
                    &[$($($except),*)?],
                ));)*)?
                keys
            }
        }
    };
}

/// An optional text.
#[doc(hidden)]
#[macro_export]
macro_rules! maybe {
    () => {
        ::core::option::Option::<&'static str>::None
    };
    ($text:literal) => {
        ::core::option::Option::Some($text)
    };
}

/// Reads one key.
#[doc(hidden)]
pub fn read_key<T: Value>(
    get: Get<'_>,
    name: &str,
    default: Option<&str>,
    expected: &'static str,
) -> Result<T, Invalid> {
    let Some(text) = get(name).or_else(|| default.map(str::to_owned)) else {
        return T::absent().ok_or_else(|| Invalid::new(name, None, expected));
    };
    match T::parse(&text) {
        Some(value) => Ok(value),
        None if T::KIND == Kind::Secret => Err(Invalid::secret(name, expected)),
        None => Err(Invalid::new(name, Some(text), expected)),
    }
}

/// Reads the keys of a part, which have a prefix here.
#[doc(hidden)]
pub fn read_part<T: Options>(get: Get<'_>, prefix: &str, except: &[&str]) -> Result<T, Invalid> {
    T::read(&|name| {
        let leaves_out = except.contains(&name);
        (!leaves_out).then(|| get(&joined(prefix, name))).flatten()
    })
    .map_err(|invalid| Invalid {
        name: joined(prefix, &invalid.name),
        ..invalid
    })
}

/// Describes one key.
#[doc(hidden)]
#[must_use]
pub fn key<T: Value>(
    name: &str,
    help: &str,
    default: Option<&'static str>,
    otherwise: Option<&'static str>,
    value: &'static str,
) -> Key {
    let words: Vec<&str> = help.split_whitespace().collect();
    Key {
        name: name.to_owned(),
        help: words.join(" "),
        default,
        otherwise,
        value,
        kind: T::KIND,
    }
}

/// Describes the keys of a part, which have a prefix here.
#[doc(hidden)]
#[must_use]
pub fn part_keys<T: Options>(prefix: &str, except: &[&str]) -> Vec<Key> {
    let mut keys = T::keys();
    for name in except {
        debug_assert!(
            keys.iter().any(|key| key.name == *name),
            "{name} is no key that could be left out"
        );
    }
    keys.retain(|key| !except.contains(&key.name.as_str()));
    for key in &mut keys {
        key.name = joined(prefix, &key.name);
    }
    keys
}

fn joined(prefix: &str, name: &str) -> String {
    match prefix {
        "" => name.to_owned(),
        prefix => format!("{prefix}_{name}"),
    }
}
