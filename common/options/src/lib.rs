//! How a part declares what an operator can set: once, by [`options!`], as a struct that is also a table of keys.
//!
//! One name yields all names: the key `relay_ports` of the part `turn` is `relay-ports` in a file and as a flag, and
//! `SUBSPACE_TURN_RELAY_PORTS` in an environment. What is read is text that somebody hands in; where it comes from, and
//! what wins, is not known here. So hosts at the edge read the same structs as programs with files and flags.

mod declare;
mod invalid;
mod value;

#[doc(hidden)]
pub use declare::{key, part_keys, read_key, read_part};
pub use invalid::{Invalid, shown};
pub use value::{Addresses, Json, List, Listen, Networks, Secret, Value};

/// Hands in the text that was given for a key, by its name with `_`; none if nothing was.
pub type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What an operator can set for a part. Made by [`options!`].
pub trait Options: Sized {
    /// The names of its keys with `_`, those of parts left out.
    const NAMES: &'static [&'static str];

    /// Reads every key.
    ///
    /// # Errors
    /// The first key that is missing or is not what it must be.
    fn read(get: Get<'_>) -> Result<Self, Invalid>;

    /// Lists every key, in the order in which they are declared.
    fn keys() -> Vec<Key>;
}

/// What is known of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// Its name with `_`, that of its section before it.
    pub name: String,
    /// What it does, one paragraph.
    pub help: String,
    /// What is read if nothing is given.
    pub default: Option<&'static str>,
    /// What happens if nothing is given, in words.
    pub otherwise: Option<&'static str>,
    /// What a value is, in one word: `ADDR`, `BYTES`.
    pub value: &'static str,
    /// What it is like.
    pub kind: Kind,
}

/// What a key is like: what a file may have there, and whether a command line may have it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no; as a flag it needs no value.
    Switch,
    /// Texts, separated by commas or blanks; as a flag it may be repeated.
    List,
    /// JSON; in a file its tables and lists.
    Json,
    /// Text that must not be shown, and is no flag. Programs also take it from a file of its own, which the key with
    /// `_file` behind its name names.
    Secret,
}

/// Returns the values of all keys if nothing is given.
///
/// # Panics
/// If a key has no default, or one that it cannot have. A test of each struct reads its defaults.
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
