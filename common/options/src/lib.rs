//! How a part declares its options: once, by [`options!`], as a struct that is also a table of keys.
//!
//! One name yields all names: the key `relay_ports` of the part `turn` is `relay-ports` in a file and as a flag, and
//! `SUBSPACE_TURN_RELAY_PORTS` in an environment. Values are texts passed in by the caller, who also decides where they
//! come from and which takes precedence. So hosts at the edge read the same structs as programs with files and flags.

mod declare;
mod invalid;
mod value;

#[doc(hidden)]
pub use declare::{key, part_keys, read_key, read_part};
pub use invalid::{Invalid, shown, visible};
pub use value::{Addresses, Json, List, Listen, Networks, Secret, Value};

/// Returns the text for a key, by its name with `_`; `None` if it is not set.
pub type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The options of a part. Declared with [`options!`].
pub trait Options: Sized {
    /// The names of its keys, with `_`, except those of parts.
    const NAMES: &'static [&'static str];

    /// Reads every key.
    ///
    /// # Errors
    /// The first key that is missing or invalid.
    fn read(get: Get<'_>) -> Result<Self, Invalid>;

    /// Lists every key, in the order in which they are declared.
    fn keys() -> Vec<Key>;
}

/// The description of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// Its name with `_`, prefixed with that of its section.
    pub name: String,
    /// What it does, one paragraph.
    pub help: String,
    /// The value if nothing is given.
    pub default: Option<&'static str>,
    /// A description of what happens if nothing is given.
    pub otherwise: Option<&'static str>,
    /// The value's placeholder, in one word: `ADDR`, `BYTES`.
    pub value: &'static str,
    /// Its kind.
    pub kind: Kind,
}

/// The kind of a key: the form of its value in a file, and whether it may be on a command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Text.
    Text,
    /// An integer.
    Number,
    /// A boolean; as a flag it needs no value.
    Switch,
    /// Texts, separated by commas or blanks; as a flag it may be repeated.
    List,
    /// JSON; in a file, tables and lists.
    Json,
    /// Text that must not be shown, and cannot be a flag. Programs also read it from a separate file, which is named by
    /// the key with the suffix `_file`.
    Secret,
}

/// Returns the values of all keys if nothing is given.
///
/// # Panics
/// If a key has no default, or an invalid one. A test of each struct reads its defaults.
#[must_use]
pub fn defaults<T: Options>() -> T {
    T::read(&|_| None).unwrap_or_else(|invalid| panic!("{invalid}"))
}

/// Returns the name of a key's variable, `SUBSPACE_RELAY_PORTS`.
#[must_use]
pub fn variable(name: &str) -> String {
    let mut variable = String::from("SUBSPACE_");
    variable.extend(name.chars().map(|c| match c {
        '-' => '_',
        c => c.to_ascii_uppercase(),
    }));
    variable
}

#[cfg(test)]
mod tests;
