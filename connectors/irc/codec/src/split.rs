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

/// The beginning of a text, of at most `max` bytes, cut as [`split_text`] does within a word.
pub(crate) fn beginning(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let limit = floor_boundary(text, max);
    text.get(..cluster_boundary(text, limit))
        .unwrap_or_default()
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
        let head = text.get(..at).unwrap_or_default();
        let before = head.chars().next_back();
        if !next.is_some_and(|next| is_one(head, before, next)) {
            return at;
        }
        at -= before.map_or(1, char::len_utf8);
    }
    limit
}

const ZERO_WIDTH_JOINER: char = '\u{200D}';

/// Flags are pairs of these, and a text of many counts them from where they begin; more are not looked at.
const MAX_FLAGS: usize = 64;

/// Returns whether a character is displayed together with the ones before it: the extended grapheme clusters of UAX #29, as
/// far as what people type needs them.
fn is_one(head: &str, before: Option<char>, next: char) -> bool {
    let Some(before) = before else { return false };
    if joins(next) || before == ZERO_WIDTH_JOINER || is_prepended(before) {
        return true;
    }
    if is_flag(before) && is_flag(next) {
        let flags = head.chars().rev().take(MAX_FLAGS);
        return flags.take_while(|c| is_flag(*c)).count() % 2 == 1;
    }
    match (hangul(before), hangul(next)) {
        (
            Some(Hangul::Leading),
            Some(Hangul::Leading | Hangul::Vowel | Hangul::Open | Hangul::Closed),
        )
        | (Some(Hangul::Vowel | Hangul::Open), Some(Hangul::Vowel | Hangul::Trailing))
        | (Some(Hangul::Trailing | Hangul::Closed), Some(Hangul::Trailing)) => true,
        _ => conjoins(before, next),
    }
}

/// Regional indicators.
const fn is_flag(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// Signs that stand before what they belong to.
const fn is_prepended(c: char) -> bool {
    matches!(
        c,
        '\u{0600}'..='\u{0605}' | '\u{06DD}' | '\u{070F}' | '\u{08E2}' | '\u{110BD}'
    )
}

/// The parts of Korean syllables.
enum Hangul {
    Leading,
    Vowel,
    Trailing,
    /// A syllable without a final consonant.
    Open,
    /// A syllable with one.
    Closed,
}

const fn hangul(c: char) -> Option<Hangul> {
    /// Syllables with the same beginning.
    const FINALS: u32 = 28;
    match c {
        '\u{1100}'..='\u{115F}' | '\u{A960}'..='\u{A97C}' => Some(Hangul::Leading),
        '\u{1160}'..='\u{11A7}' | '\u{D7B0}'..='\u{D7C6}' => Some(Hangul::Vowel),
        '\u{11A8}'..='\u{11FF}' | '\u{D7CB}'..='\u{D7FB}' => Some(Hangul::Trailing),
        '\u{AC00}'..='\u{D7A3}' if (c as u32 - 0xAC00).is_multiple_of(FINALS) => Some(Hangul::Open),
        '\u{AC00}'..='\u{D7A3}' => Some(Hangul::Closed),
        _ => None,
    }
}

/// Consonants of Indic scripts that a virama ties together.
const fn conjoins(before: char, next: char) -> bool {
    matches!(
        before,
        '\u{094D}' | '\u{09CD}' | '\u{0ACD}' | '\u{0B4D}' | '\u{0C4D}' | '\u{0D4D}'
    ) && matches!(next, '\u{0900}'..='\u{0D7F}')
}

/// Returns whether a character is displayed together with the previous one: combining and spacing marks of the common
/// blocks, variation selectors, joiners, emoji modifiers and tags.
const fn joins(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}' | '\u{05BF}'
        | '\u{05C1}'..='\u{05C2}' | '\u{05C4}'..='\u{05C5}' | '\u{05C7}'
        | '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{06D6}'..='\u{06DC}'
        | '\u{06DF}'..='\u{06E4}' | '\u{06E7}'..='\u{06E8}' | '\u{06EA}'..='\u{06ED}'
        | '\u{0711}' | '\u{0730}'..='\u{074A}' | '\u{07A6}'..='\u{07B0}' | '\u{0900}'..='\u{0903}'
        | '\u{093A}'..='\u{093C}' | '\u{093E}'..='\u{094F}' | '\u{0951}'..='\u{0957}'
        | '\u{0962}'..='\u{0963}' | '\u{0981}'..='\u{0983}' | '\u{09BC}' | '\u{09BE}'..='\u{09CD}'
        | '\u{09D7}' | '\u{0A01}'..='\u{0A03}' | '\u{0A3C}'..='\u{0A4D}' | '\u{0A70}'..='\u{0A71}'
        | '\u{0A81}'..='\u{0A83}' | '\u{0ABC}' | '\u{0ABE}'..='\u{0ACD}' | '\u{0B01}'..='\u{0B03}'
        | '\u{0B3C}' | '\u{0B3E}'..='\u{0B57}' | '\u{0B82}' | '\u{0BBE}'..='\u{0BCD}' | '\u{0BD7}'
        | '\u{0C00}'..='\u{0C04}' | '\u{0C3E}'..='\u{0C56}' | '\u{0C81}'..='\u{0C83}' | '\u{0CBC}'
        | '\u{0CBE}'..='\u{0CD6}' | '\u{0D00}'..='\u{0D03}' | '\u{0D3B}'..='\u{0D3C}'
        | '\u{0D3E}'..='\u{0D4D}' | '\u{0D57}' | '\u{0DCA}'..='\u{0DDF}'
        | '\u{0E31}' | '\u{0E33}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}' | '\u{0EB1}'
        | '\u{0EB3}'..='\u{0EBC}' | '\u{0EC8}'..='\u{0ECE}' | '\u{0F18}'..='\u{0F19}'
        | '\u{0F39}' | '\u{0F71}'..='\u{0F84}' | '\u{0F8D}'..='\u{0FBC}' | '\u{102B}'..='\u{103E}'
        | '\u{17B4}'..='\u{17D3}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{200C}'
        | ZERO_WIDTH_JOINER | '\u{20D0}'..='\u{20FF}' | '\u{302A}'..='\u{302F}' | '\u{3099}' | '\u{309A}'
        | '\u{A66F}'..='\u{A672}' | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}'
        | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
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

    #[test]
    fn what_is_shown_as_one_is_sent_as_one() {
        for (one, count) in [
            ("🇩🇪", 9),
            ("👍🏽", 9),
            ("1\u{fe0f}\u{20e3}", 9),
            ("\u{1112}\u{1161}\u{11ab}", 9),
            ("\u{ac00}\u{11ab}", 9),
            ("\u{915}\u{94d}\u{937}\u{93f}", 9),
            ("\u{e19}\u{e49}\u{e33}", 9),
            (
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                4,
            ),
        ] {
            let text = one.repeat(count);
            for max in 2 * one.len()..3 * one.len() {
                let pieces = split_text(&text, max);
                assert_eq!(pieces.concat(), text);
                for piece in pieces {
                    let whole = piece.len().is_multiple_of(one.len());
                    assert!(whole, "{one:?} at {max}: {piece:?}");
                }
            }
        }
        // Nothing that never ends is looked at for ever.
        let flags = "🇩".repeat(100_000);
        assert!(
            split_text(&flags, 400)
                .iter()
                .all(|piece| piece.len() <= 400)
        );
    }
}
