//! Patterns with `*` (any characters) and `?` (one).

use std::collections::HashMap;

use crate::work::look;

/// The most characters of a pattern, stars left out, that can be compared with.
const MOST: usize = 127;

/// A pattern, prepared: comparing takes one step for each character of the text, whatever the pattern is.
///
/// It is an automaton whose states are the places in the pattern; all states that it may be in are the bits of one
/// number (the "shift-and" way of Baeza-Yates and Gonnet).
pub(crate) struct Glob {
    /// For each character the places where it may stand.
    fits: HashMap<char, u128>,
    /// The places where any character may stand.
    any: u128,
    /// The places where a star lets it stay.
    stays: u128,
    end: u128,
}

impl Glob {
    /// Prepares a pattern; `None` if it is longer than any may be.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let mut glob = Self {
            fits: HashMap::new(),
            any: 0,
            stays: 0,
            end: 1,
        };
        let mut place = 0;
        for c in pattern.chars() {
            if c == '*' {
                glob.stays |= 1 << place;
                continue;
            }
            if place == MOST {
                return None;
            }
            match c {
                '?' => glob.any |= 1 << place,
                c => *glob.fits.entry(c).or_default() |= 1 << place,
            }
            place += 1;
        }
        glob.end = 1 << place;
        Some(glob)
    }

    /// Returns whether the whole text fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut states: u128 = 1;
        for c in text.chars() {
            look(1);
            let fits = self.any | self.fits.get(&c).copied().unwrap_or_default();
            states = (states & fits) << 1 | states & self.stays;
            if states == 0 {
                return false;
            }
        }
        states & self.end != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("main", "main", true),
            ("main", "maine", false),
            ("main", "mai", false),
            ("release/*", "release/1/2", true),
            ("release/*", "release/", true),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxabc", false),
            ("v?.*", "v1.22", true),
            ("v?.*", "v.22", false),
            ("*", "", true),
            ("**", "ä", true),
            ("?", "ä", true),
            ("", "", true),
            ("", "a", false),
            ("*?ä*", "xä", true),
        ] {
            assert_eq!(
                Glob::new(pattern).is_some_and(|glob| glob.matches(text)),
                fits,
                "{pattern} {text}"
            );
        }
        let longest = "a".repeat(MOST);
        assert!(Glob::new(&longest).is_some_and(|glob| glob.matches(&longest)));
        assert!(Glob::new(&format!("{longest}a")).is_none());
    }
}
