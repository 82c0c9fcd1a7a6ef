//! Patterns with `*` (any characters) and `?` (one), as in filters and IRC masks (RFC 2812, section 2.5).

use std::collections::HashMap;

/// Positions of a pattern in one number.
const WORD: usize = u64::BITS as usize;

/// A compiled pattern: matching takes one step for each character of the text and each 64 characters of the pattern,
/// whatever they are. It is case-sensitive.
///
/// It is an automaton whose states are the positions in the pattern; the set of possible states is a bit set (the
/// "shift-and" algorithm of Baeza-Yates and Gonnet). There is no backtracking.
#[derive(Clone, Debug)]
pub struct Glob {
    /// For each character, the positions where it may occur.
    fits: HashMap<char, Vec<u64>>,
    /// The positions where any character may occur.
    any: Vec<u64>,
    /// The positions where a star permits it to stay.
    stays: Vec<u64>,
    /// The position after the last one.
    end: usize,
}

impl Glob {
    /// Compiles a pattern.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let end = pattern.chars().filter(|&c| c != '*').count();
        let none = vec![0; end / WORD + 1];
        let mut glob = Self {
            fits: HashMap::new(),
            any: none.clone(),
            stays: none.clone(),
            end,
        };
        let mut place = 0;
        for c in pattern.chars() {
            let places = match c {
                '*' => &mut glob.stays,
                '?' => &mut glob.any,
                c => glob.fits.entry(c).or_insert_with(|| none.clone()),
            };
            if let Some(word) = places.get_mut(place / WORD) {
                *word |= 1 << (place % WORD);
            }
            place += usize::from(c != '*');
        }
        glob
    }

    /// Returns whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matches_counting(text, |_| {})
    }

    /// Like [`Glob::matches`]; counts the steps, for tests of growth.
    pub fn matches_counting(&self, text: &str, mut look: impl FnMut(usize)) -> bool {
        let mut states = vec![0; self.any.len()];
        if let Some(first) = states.first_mut() {
            *first = 1;
        }
        for c in text.chars() {
            look(states.len());
            let fits = self.fits.get(&c);
            let (mut carried, mut all) = (0, 0);
            for (at, state) in states.iter_mut().enumerate() {
                let of = |places: &[u64]| places.get(at).copied().unwrap_or_default();
                let fits = of(&self.any) | fits.map_or(0, |fits| of(fits));
                let gone = *state & fits;
                *state = gone << 1 | carried | *state & of(&self.stays);
                carried = gone >> (WORD - 1);
                all |= *state;
            }
            if all == 0 {
                return false;
            }
        }
        let last = states.get(self.end / WORD).copied().unwrap_or_default();
        last >> (self.end % WORD) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns() {
        let long = &*"a".repeat(200);
        let (more, some) = (&*format!("{long}*?"), &*"?".repeat(64));
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
            (long, long, true),
            (long, &long[1..], false),
            (more, &*format!("{long}bc"), true),
            (more, long, false),
            (some, &long[..64], true),
            (some, &long[..63], false),
            (some, &long[..65], false),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), fits, "{pattern} {text}");
        }
    }

    /// The definition, however long it takes.
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some(('*', rest)), next) => {
                fits(rest, text) || next.is_some_and(|(_, text)| fits(pattern, text))
            }
            (Some((c, rest)), Some((t, text))) => (*c == '?' || c == t) && fits(rest, text),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn they_fit_what_is_meant(
            before in 0usize..130,
            pattern in "[ab*?ä]{0,8}",
            text in "[abä]{0,10}",
        ) {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let meant = fits(&chars(&pattern), &chars(&text));
            // Wherever the boundaries of numbers are.
            let before = "x".repeat(before);
            let glob = Glob::new(&format!("{before}{pattern}"));
            prop_assert_eq!(glob.matches(&format!("{before}{text}")), meant);
        }
    }

    #[test]
    fn twice_the_text_or_pattern_is_twice_the_work() {
        let steps = |pattern: &str, text: &str| {
            let mut steps = 0;
            Glob::new(pattern).matches_counting(text, |more| steps += more);
            steps
        };
        // A case in which backtracking is quadratic.
        let pattern = |n: usize| format!("*{}b*", "a".repeat(n));
        let text = |n: usize| "a".repeat(n);
        let once = steps(&pattern(500), &text(1_000));
        assert!(once <= 1_000 * 8, "{once}");
        assert_eq!(steps(&pattern(500), &text(2_000)), 2 * once);
        assert!(steps(&pattern(1_000), &text(1_000)) <= 2 * once + 1_000);
        let stars = "a*".repeat(500);
        assert!(steps(&stars, &text(1_000)) <= 1_000 * 8);
    }
}
