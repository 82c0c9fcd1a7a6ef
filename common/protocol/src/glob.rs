//! Patterns with `*` (any characters) and `?` (one), as in filters and IRC masks (RFC 2812, section 2.5).

/// Positions of a pattern in one number.
const WORD: usize = u64::BITS as usize;

/// A compiled pattern: matching takes one step for each character of the text and each 64 characters of the pattern,
/// whatever they are. It is case-sensitive. It takes as much memory as it has characters, whichever they are: at most 16
/// bytes for each, and 16 for each 64 of them.
///
/// It is an automaton whose states are the positions in the pattern; the set of possible states is a bit set (the
/// "shift-and" algorithm of Baeza-Yates and Gonnet). There is no backtracking.
#[derive(Clone, Debug)]
pub struct Glob {
    /// Where characters may occur, in order: a character, the index of 64 positions, and those of them; none is empty.
    fits: Box<[(char, u32, u64)]>,
    /// The positions where any character may occur, and those where a star permits it to stay.
    free: Box<[(u64, u64)]>,
    /// The position after the last one.
    end: usize,
}

impl Glob {
    /// Compiles a pattern.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let end = pattern.chars().filter(|&c| c != '*').count();
        let mut free = vec![(0, 0); end / WORD + 1];
        let mut fits = Vec::with_capacity(end);
        let mut place = 0;
        for c in pattern.chars() {
            let (word, bit) = (place / WORD, 1 << (place % WORD));
            match (c, free.get_mut(word)) {
                ('*', Some((_, stays))) => *stays |= bit,
                ('?', Some((any, _))) => *any |= bit,
                // No pattern has 2^38 characters.
                _ => fits.push((c, word as u32, bit)),
            }
            place += usize::from(c != '*');
        }
        fits.sort_unstable();
        fits.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 |= next.2;
            }
            same
        });
        Self {
            fits: fits.into(),
            free: free.into(),
            end,
        }
    }

    /// Returns whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matches_counting(text, |_| {})
    }

    /// Like [`Glob::matches`]; counts the steps, for tests of growth.
    pub fn matches_counting(&self, text: &str, mut look: impl FnMut(usize)) -> bool {
        let mut states = vec![0; self.free.len()];
        if let Some(first) = states.first_mut() {
            *first = 1;
        }
        for c in text.chars() {
            look(states.len());
            let from = self.fits.partition_point(|(other, ..)| *other < c);
            let mut fits = self.fits.iter().skip(from).peekable();
            let (mut carried, mut all) = (0, 0);
            for (at, (state, (any, stays))) in states.iter_mut().zip(&*self.free).enumerate() {
                let own = fits.next_if(|(other, word, _)| *other == c && *word as usize == at);
                let gone = *state & (any | own.map_or(0, |(.., places)| *places));
                *state = gone << 1 | carried | *state & stays;
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

    /// The memory it takes on the heap, in bytes, for tests of growth.
    #[cfg(test)]
    fn memory(&self) -> usize {
        size_of_val(&*self.fits) + size_of_val(&*self.free)
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

    #[test]
    fn a_mask_of_an_irc_server_takes_little_memory() {
        assert!(Glob::new("bob!*@*").memory() <= 100);
        let all: String = (' '..='~').filter(|c| !"*?".contains(*c)).collect();
        let worst = format!("{all}{}", "ab".repeat(14));
        assert!(worst.len() > 120 && Glob::new(&worst).memory() <= 2_100);
        // Twice the pattern is twice the memory, whichever its characters are.
        let memory = |n: u32| {
            let pattern: String = (0..n).filter_map(|c| char::from_u32(0x4e00 + c)).collect();
            Glob::new(&pattern).memory()
        };
        assert!(memory(2_000) <= 2 * memory(1_000) && memory(1_000) <= 17_000);
    }
}
