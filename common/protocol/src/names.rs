//! Names that people read: of guests, hooks, networks, tokens. One validation for all of them.
//!
//! A name must be visible and appear as it is: no name looks empty, hides a part of itself, changes the direction of
//! the text around it, or stacks marks over the line above.

use crate::marks::is_mark;

/// The most marks on one character (UTS #39, section 5.4).
const MOST_MARKS: usize = 4;

/// Why a text is not a readable name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnreadableName {
    /// It is empty, or invisible.
    #[error("a name needs visible characters")]
    Empty,
    /// It is too long.
    #[error("a name takes at most {0} characters")]
    TooLong(usize),
    /// A line break or another control character.
    #[error("a name is one line without control characters")]
    Control,
    /// An invisible character, or one that changes how others are displayed.
    #[error(
        "a name has no characters that are invisible or change the direction of text (found U+{0:04X})"
    )]
    Invisible(u32),
    /// A mark without a base character, or too many on one character.
    #[error(
        "a name has no accents or other marks on nothing, and at most {MOST_MARKS} on one character"
    )]
    Marks,
}

/// Counts the marks of a text.
#[derive(Debug, Default)]
struct Piles {
    /// How many there are on the preceding character; `None` if there is no such character.
    on: Option<usize>,
}

impl Piles {
    /// Processes the next character; false if it is one mark too many. Invisible characters between marks do not reset
    /// the count.
    fn fits(&mut self, c: char) -> bool {
        if is_mark(c) {
            self.on = self.on.map(|on| on + 1);
            return self.on.is_some_and(|on| on <= MOST_MARKS);
        }
        if !is_invisible(c) {
            self.on = (!c.is_whitespace()).then_some(0);
        }
        true
    }
}

/// Returns a text without marks that have no base character, and without those that are too many for one character.
#[must_use]
pub fn without_piles(text: &str) -> String {
    let mut piles = Piles::default();
    text.chars().filter(|&c| piles.fits(c)).collect()
}

/// Returns a name in the form in which it is stored: trimmed, with multiple spaces reduced to one.
///
/// # Errors
/// Why it is not valid.
pub fn readable_name(text: &str, most: usize) -> Result<String, UnreadableName> {
    // Longer texts are not examined: apart from blanks, they are too long.
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().nth(most).is_some() {
        return Err(UnreadableName::TooLong(most));
    }
    let mut before = None;
    let mut piles = Piles::default();
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_control() {
            return Err(UnreadableName::Control);
        }
        let after = rest.peek().copied();
        if is_invisible(c) && !is_joined(before, c, after) {
            return Err(UnreadableName::Invisible(u32::from(c)));
        }
        if !piles.fits(c) {
            return Err(UnreadableName::Marks);
        }
        before = Some(c);
    }
    if name.chars().all(|c| is_blank(c) || is_invisible(c)) {
        return Err(UnreadableName::Empty);
    }
    Ok(name)
}

/// Whether an invisible character has a function here: emoji consist of several characters joined by U+200D and
/// followed by U+FE0F, and some scripts need U+200C and U+200D within words. Among ASCII characters they only hide.
fn is_joined(before: Option<char>, c: char, after: Option<char>) -> bool {
    let beside = |c: Option<char>| {
        c.is_some_and(|c| {
            !c.is_ascii() && !c.is_whitespace() && (c == '\u{fe0f}' || !is_invisible(c))
        })
    };
    match c {
        '\u{200c}' | '\u{200d}' => beside(before) && beside(after),
        // Digits, # and * form emoji as well.
        '\u{fe0f}' => before.is_some_and(|c| !c.is_whitespace() && !is_invisible(c)),
        _ => false,
    }
}

/// Whether a character is blank although it is not a space: U+2800 is a Braille pattern without dots.
const fn is_blank(c: char) -> bool {
    matches!(c, '\u{2800}') || c.is_whitespace()
}

/// Whether a character is invisible, or changes how others are displayed: `Default_Ignorable_Code_Point` of the Unicode
/// Character Database (version 16), line and paragraph separators, and interlinear annotation characters.
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_seen_as_they_are() {
        for (text, name) in [
            ("  Zoë   of Mars ", "Zoë of Mars"),
            ("🚀 Ünïcode Bot", "🚀 Ünïcode Bot"),
            ("❤\u{fe0f} #\u{fe0f}\u{20e3}", "❤\u{fe0f} #\u{fe0f}\u{20e3}"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("🏳\u{fe0f}\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("עברית and more", "עברית and more"),
            ("\u{2801}\u{2800}", "\u{2801}\u{2800}"),
            ("Zoe\u{308} ก\u{e34}\u{e49}", "Zoe\u{308} ก\u{e34}\u{e49}"),
            (
                "ש\u{5c1}\u{5bc}\u{5b8}\u{591}",
                "ש\u{5c1}\u{5bc}\u{5b8}\u{591}",
            ),
        ] {
            assert_eq!(readable_name(text, 40).as_deref(), Ok(name));
            assert_eq!(without_piles(text), text);
        }
    }

    #[test]
    fn names_that_look_empty_hide_or_turn_are_refused() {
        for empty in ["", " ", "\u{3000}", "\u{2800}", "\u{2800} \u{2800}"] {
            assert_eq!(readable_name(empty, 40), Err(UnreadableName::Empty));
        }
        for c in [
            '\u{3164}',
            '\u{ffa0}',
            '\u{115f}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0041}',
            '\u{180e}',
            '\u{fffb}',
        ] {
            let refused = Err(UnreadableName::Invisible(u32::from(c)));
            assert_eq!(readable_name(&format!("{c}"), 40), refused, "{c:?}");
            assert_eq!(readable_name(&format!("{c}alice"), 40), refused, "{c:?}");
            let within = readable_name(&format!("al{c}ice"), 40);
            assert_eq!(within == refused, c != '\u{fe0f}', "{c:?}");
        }
        for marks in [
            "\u{301}alice",
            "alice \u{301}",
            "a\u{301}\u{302}\u{303}\u{304}\u{305}lice",
            "a\u{301}\u{302}\u{303}\u{200d}\u{304}\u{305}lice",
            "al\u{e49}\u{e49}\u{e49}\u{e49}\u{e49}ice",
        ] {
            assert_eq!(readable_name(marks, 40), Err(UnreadableName::Marks));
            assert!(
                readable_name(&without_piles(marks), 40).is_ok(),
                "{marks:?}"
            );
        }
        assert_eq!(readable_name("a\u{0}b", 40), Err(UnreadableName::Control));
        assert_eq!(readable_name("a\nb", 40).as_deref(), Ok("a b"));
        assert_eq!(
            readable_name(&"x".repeat(41), 40),
            Err(UnreadableName::TooLong(40))
        );
    }
}
