//! Splits text into pieces that fit into a line.

/// Splits a text without line breaks into pieces of at most `max` bytes.
///
/// Splits at a space if there is one in the second half of the piece (the space is left out), otherwise before a
/// character that does not combine with the previous one, and in any case between code points. A limit below the
/// length of one code point counts as 4 bytes. An empty text yields no pieces.
#[must_use]
pub fn split_text(text: &str, max: usize) -> Vec<&str> {
    let max = max.max(4);
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > max {
        let limit = floor_boundary(rest, max);
        // A space right after the limit is as good as one within it.
        let window = floor_boundary(rest, max + 1);
        let cut = match rest.get(..window).and_then(|head| head.rfind(' ')) {
            Some(blank) if blank >= limit / 2 && blank > 0 => blank,
            _ => cluster_boundary(rest, limit),
        };
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// Moves back to a position between two characters.
pub(crate) fn floor_boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Moves back from `limit` to a position that does not split a combining sequence, unless that is too far.
fn cluster_boundary(text: &str, limit: usize) -> usize {
    let mut at = limit;
    while at > limit / 2 {
        let next = text.get(at..).and_then(|rest| rest.chars().next());
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        if !next.is_some_and(joins) && before != Some(ZERO_WIDTH_JOINER) {
            return at;
        }
        at -= before.map_or(1, char::len_utf8);
    }
    limit
}

const ZERO_WIDTH_JOINER: char = '\u{200D}';

/// Returns whether a character is displayed together with the previous one: combining marks of the common blocks,
/// variation selectors, joiners and emoji modifiers.
const fn joins(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}'
        | '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0900}'..='\u{0903}'
        | '\u{093A}'..='\u{094D}' | '\u{0E31}' | '\u{0E34}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}'
        | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | ZERO_WIDTH_JOINER
        | '\u{20D0}'..='\u{20FF}' | '\u{3099}' | '\u{309A}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FE20}'..='\u{FE2F}' | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}'
        | '\u{E0100}'..='\u{E01EF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_between_words_where_it_can() {
        assert_eq!(split_text("one two three", 8), ["one two", "three"]);
        assert_eq!(split_text("one two three", 7), ["one two", "three"]);
        assert_eq!(split_text("onetwothree", 4), ["onet", "woth", "ree"]);
        assert_eq!(split_text("a bcdefghijkl", 8), ["a bcdefg", "hijkl"]);
        assert_eq!(split_text("", 8), [""; 0]);
        assert_eq!(split_text("short", 8), ["short"]);
    }

    #[test]
    fn never_cuts_a_character_nor_its_accent() {
        assert_eq!(split_text("ääää", 5), ["ää", "ää"]);
        assert_eq!(split_text("abcde\u{301}fg", 6), ["abcd", "e\u{301}fg"]);
        let family = "x👩\u{200D}👩\u{200D}👧";
        let long = family.repeat(3);
        for piece in split_text(&long, 30) {
            let joined = |c| c == ZERO_WIDTH_JOINER;
            assert!(
                !piece.starts_with(joined) && !piece.ends_with(joined),
                "{piece:?}"
            );
        }
        assert_eq!(split_text("👍👍", 1), ["👍", "👍"]);
    }
}
