//! Names on IRC are the same whatever their case, and what case is depends on the network (CASEMAPPING).

use std::collections::BTreeMap;

use serde_json::Value;

/// What a network takes for the same letter.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Folding {
    /// ASCII letters.
    Ascii,
    /// Also `[]\~` and `{}|^` (RFC 1459, section 2.2): what is taken until the network has said something else.
    #[default]
    Rfc1459,
    /// As RFC 1459 has it by the word: without `~` and `^`.
    Strict,
}

impl Folding {
    const ALL: [Self; 3] = [Self::Ascii, Self::Rfc1459, Self::Strict];

    /// Reads `casemapping` of a connection's state.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "ascii" => Some(Self::Ascii),
            "rfc1459" => Some(Self::Rfc1459),
            "rfc1459-strict" | "strict-rfc1459" => Some(Self::Strict),
            _ => None,
        }
    }

    /// The other way of `as u8`.
    pub(crate) fn from_number(number: u8) -> Self {
        let known = Self::ALL.into_iter().find(|one| *one as u8 == number);
        known.unwrap_or_default()
    }

    /// Folds a name, for comparison.
    pub(crate) fn fold(self, name: &str) -> String {
        let lower = |c: char| match c {
            '[' if self != Self::Ascii => '{',
            ']' if self != Self::Ascii => '}',
            '\\' if self != Self::Ascii => '|',
            '~' if self == Self::Rfc1459 => '^',
            c => c.to_ascii_lowercase(),
        };
        name.chars().map(lower).collect()
    }

    pub(crate) fn same(self, a: &str, b: &str) -> bool {
        self.fold(a) == self.fold(b)
    }
}

/// What is known by name, whatever its case. The names stay as they are, so that they can be folded anew.
#[derive(Clone, Debug)]
pub(crate) struct ByName<T> {
    folding: Folding,
    /// By folded name: the name, and what is known.
    known: BTreeMap<String, (String, T)>,
}

impl<T> ByName<T> {
    pub(crate) fn new(folding: Folding) -> Self {
        Self {
            folding,
            known: BTreeMap::new(),
        }
    }

    pub(crate) fn folding(&self) -> Folding {
        self.folding
    }

    /// Takes another folding; of names that are the same now, one is kept.
    pub(crate) fn refold(&mut self, folding: Folding) {
        self.folding = folding;
        let known = std::mem::take(&mut self.known).into_values();
        self.known = known
            .map(|(name, value)| (folding.fold(&name), (name, value)))
            .collect();
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.known
            .get(&self.folding.fold(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let known = self.known.get_mut(&self.folding.fold(name));
        known.map(|(_, value)| value)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Notes something; returns whether the name is new.
    pub(crate) fn insert(&mut self, name: &str, value: T) -> bool {
        let entry = (name.to_owned(), value);
        self.known.insert(self.folding.fold(name), entry).is_none()
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<T> {
        let known = self.known.remove(&self.folding.fold(name));
        known.map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }

    /// All names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.values().map(|(name, _)| name.as_str())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut T)> {
        let known = self.known.values_mut();
        known.map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.known.values_mut().map(|(_, value)| value)
    }
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
        ] {
            assert_eq!(Folding::parse(&name.into()), Some(folding));
            assert_eq!(folding.fold("#A[]\\~{}|^"), folded);
            assert_eq!(Folding::from_number(folding as u8), folding);
        }
        assert_eq!(Folding::parse(&"utf-8".into()), None);
    }

    #[test]
    fn names_are_found_again_under_another_folding() {
        let mut known = ByName::new(Folding::default());
        assert!(known.insert("#A[b]", 1));
        assert!(!known.insert("#a{b}", 2));
        known.refold(Folding::Ascii);
        assert_eq!((known.get("#A{B}"), known.get("#a[b]")), (Some(&2), None));
        assert!(known.insert("#a[b]", 3));
        assert_eq!(known.names().collect::<Vec<_>>(), ["#a[b]", "#a{b}"]);
        known.refold(Folding::Strict);
        assert_eq!((known.len(), known.contains("#a{B]")), (1, true));
    }
}
