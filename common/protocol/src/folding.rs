//! How names compare: regardless of case, where the case mapping depends on the network.
//!
//! This is the only place that folds names of rooms and persons. Names are kept as given; data looked up by name is in
//! a [`FoldedMap`], which always applies its folding.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A network's case mapping; on IRC the ISUPPORT token CASEMAPPING.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Folding {
    /// ASCII letters.
    Ascii,
    /// Also `[]\~` and `{}|^` (RFC 1459, section 2.2): the default until the network announces another one.
    #[default]
    Rfc1459,
    /// RFC 1459 taken literally: without `~` and `^`.
    #[serde(rename = "rfc1459-strict")]
    Strict,
    /// None: names are the same only if they are identical.
    Exact,
}

impl Folding {
    const ALL: [Self; 4] = [Self::Ascii, Self::Rfc1459, Self::Strict, Self::Exact];

    /// Parses [`Folding::token`], on IRC CASEMAPPING's value, in any case; `None` if it is unknown.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "ascii" => Some(Self::Ascii),
            "rfc1459" => Some(Self::Rfc1459),
            "rfc1459-strict" | "strict-rfc1459" => Some(Self::Strict),
            "exact" => Some(Self::Exact),
            _ => None,
        }
    }

    /// Returns its name, on IRC CASEMAPPING's value.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Rfc1459 => "rfc1459",
            Self::Strict => "rfc1459-strict",
            Self::Exact => "exact",
        }
    }

    /// Returns the folding that `number` was cast from; the default if it is unknown.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        let known = Self::ALL.into_iter().find(|one| *one as u8 == number);
        known.unwrap_or_default()
    }

    /// Returns the folding that is certain on every network of a platform whose default is this one: if more names were
    /// considered the same, one of two distinct channels could be lost.
    #[must_use]
    pub const fn at_least(self) -> Self {
        match self {
            Self::Ascii | Self::Rfc1459 | Self::Strict => Self::Ascii,
            Self::Exact => Self::Exact,
        }
    }

    /// Returns the form under which names are compared.
    #[must_use]
    pub fn fold(self, name: &str) -> String {
        if self == Self::Exact {
            return name.to_owned();
        }
        let lower = |c: char| match c {
            '[' if self != Self::Ascii => '{',
            ']' if self != Self::Ascii => '}',
            '\\' if self != Self::Ascii => '|',
            '~' if self == Self::Rfc1459 => '^',
            c => c.to_ascii_lowercase(),
        };
        name.chars().map(lower).collect()
    }

    /// Returns a name as a key for maps whose folding never changes.
    #[must_use]
    pub fn name(self, name: &str) -> FoldedName {
        FoldedName(self.fold(name).into())
    }

    /// Returns whether two names are the same.
    #[must_use]
    pub fn same(self, a: &str, b: &str) -> bool {
        self.fold(a) == self.fold(b)
    }
}

/// A name in the form under which names are compared. Only [`Folding::name`] creates one, so a map with such keys
/// cannot be queried with an unfolded name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FoldedName(Arc<str>);

impl FoldedName {
    /// Returns it as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FoldedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A map by name that finds names regardless of case. It keeps the names as given, so that they can be folded again
/// when the network announces its case mapping.
#[derive(Clone, Debug)]
pub struct FoldedMap<T> {
    folding: Folding,
    /// By folded name: the name, which most share with their key, and the value.
    known: BTreeMap<FoldedName, (Arc<str>, T)>,
}

impl<T> Default for FoldedMap<T> {
    fn default() -> Self {
        Self::new(Folding::default())
    }
}

impl<T> FoldedMap<T> {
    /// Creates an empty map.
    #[must_use]
    pub const fn new(folding: Folding) -> Self {
        Self {
            folding,
            known: BTreeMap::new(),
        }
    }

    /// Returns how names compare.
    #[must_use]
    pub const fn folding(&self) -> Folding {
        self.folding
    }

    /// Sets another folding; of names that become the same, one is kept.
    pub fn refold(&mut self, folding: Folding) {
        self.folding = folding;
        let known = std::mem::take(&mut self.known).into_values();
        self.known = known
            .map(|(name, value)| {
                let (key, name) = shared(folding, name);
                (key, (name, value))
            })
            .collect();
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        self.known
            .get(&self.folding.name(name))
            .map(|(_, value)| value)
    }

    /// Returns the value of a name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let known = self.known.get_mut(&self.folding.name(name));
        known.map(|(_, value)| value)
    }

    /// Returns a name as it was given, if it is in the map.
    #[must_use]
    pub fn name(&self, name: &str) -> Option<&str> {
        self.known
            .get(&self.folding.name(name))
            .map(|(name, _)| &**name)
    }

    /// Returns whether a name is in the map.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets the value of a name; returns whether the name is new.
    pub fn insert(&mut self, name: &str, value: T) -> bool {
        let (key, name) = shared(self.folding, name.into());
        self.known.insert(key, (name, value)).is_none()
    }

    /// Removes a name; returns its value.
    pub fn remove(&mut self, name: &str) -> Option<T> {
        let known = self.known.remove(&self.folding.name(name));
        known.map(|(_, value)| value)
    }

    /// Returns the number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Removes all names.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.values().map(|(name, _)| &**name)
    }

    /// All names with their values, in order, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut T)> {
        let known = self.known.values_mut();
        known.map(|(name, value)| (&**name, value))
    }

    /// All names with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        let known = self.known.values();
        known.map(|(name, value)| (&**name, value))
    }

    /// The values, in the order of names.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.known.values().map(|(_, value)| value)
    }

    /// The values, in the order of names, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.known.values_mut().map(|(_, value)| value)
    }
}

/// A name as key and as given: one text if they do not differ.
fn shared(folding: Folding, name: Arc<str>) -> (FoldedName, Arc<str>) {
    let key = folding.name(&name);
    let name = if *key.0 == *name {
        Arc::clone(&key.0)
    } else {
        name
    };
    (key, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_fold_as_they_say() {
        for (name, folding, folded) in [
            ("ascii", Folding::Ascii, "#a[]\\~{}|^"),
            ("rfc1459", Folding::Rfc1459, "#a{}|^{}|^"),
            ("rfc1459-strict", Folding::Strict, "#a{}|~{}|^"),
            ("exact", Folding::Exact, "#A[]\\~{}|^"),
        ] {
            assert_eq!(Folding::parse(name), Some(folding));
            assert_eq!(folding.token(), name);
            assert_eq!(folding.fold("#A[]\\~{}|^"), folded);
            assert_eq!(Folding::from_number(folding as u8), folding);
        }
        assert_eq!(Folding::parse("utf-8"), None);
        assert_eq!(Folding::parse("RFC1459"), Some(Folding::Rfc1459));
    }

    #[test]
    fn names_are_found_again_under_another_folding() {
        let mut known = FoldedMap::new(Folding::default());
        assert!(known.insert("#A[b]", 1));
        assert!(!known.insert("#a{b}", 2));
        known.refold(Folding::Ascii);
        assert_eq!((known.get("#A{B}"), known.get("#a[b]")), (Some(&2), None));
        assert!(known.insert("#a[b]", 3));
        assert_eq!(known.names().collect::<Vec<_>>(), ["#a[b]", "#a{b}"]);
        known.refold(Folding::Strict);
        assert_eq!((known.len(), known.contains("#a{B]")), (1, true));
    }

    #[test]
    fn a_name_is_kept_as_it_was_said_last() {
        let mut known = FoldedMap::new(Folding::Ascii);
        known.insert("Alice", 1);
        assert_eq!(known.name("aLICE"), Some("Alice"));
        known.insert("ALICE", 2);
        known.insert("bob", 3);
        assert_eq!(
            known.iter().collect::<Vec<_>>(),
            [("ALICE", &2), ("bob", &3)]
        );
        assert_eq!(known.values().collect::<Vec<_>>(), [&2, &3]);
        assert_eq!(known.name("carol"), None);
        let key = Folding::Ascii.name("Alice");
        assert_eq!(
            (key.as_str(), key.to_string()),
            ("alice", "alice".to_owned())
        );
        assert_eq!(key, Folding::Ascii.name("ALICE"));
    }
}
