//! Nicknames from the names that services send.

/// The longest nickname, in characters.
const LONGEST: usize = 20;

/// Latin letters and their base letters: those of Latin-1 and Latin Extended-A.
const LATIN: &[(&str, &str)] = &[
    ("ÀÁÂÃÄÅĀĂĄ", "A"),
    ("Æ", "AE"),
    ("ÇĆĈĊČ", "C"),
    ("ÐĎĐ", "D"),
    ("ÈÉÊËĒĔĖĘĚ", "E"),
    ("ĜĞĠĢ", "G"),
    ("ĤĦ", "H"),
    ("ÌÍÎÏĨĪĬĮİ", "I"),
    ("Ĵ", "J"),
    ("Ķ", "K"),
    ("ĹĻĽĿŁ", "L"),
    ("ÑŃŅŇŊ", "N"),
    ("ÒÓÔÕÖØŌŎŐ", "O"),
    ("Œ", "OE"),
    ("ŔŖŘ", "R"),
    ("ŚŜŞŠȘ", "S"),
    ("ẞ", "SS"),
    ("ŢŤŦȚ", "T"),
    ("Þ", "TH"),
    ("ÙÚÛÜŨŪŬŮŰŲ", "U"),
    ("Ŵ", "W"),
    ("ÝŶŸ", "Y"),
    ("ŹŻŽ", "Z"),
    ("àáâãäåāăą", "a"),
    ("æ", "ae"),
    ("çćĉċč", "c"),
    ("ðďđ", "d"),
    ("èéêëēĕėęě", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįı", "i"),
    ("ĵ", "j"),
    ("ķĸ", "k"),
    ("ĺļľŀł", "l"),
    ("ñńņňŉŋ", "n"),
    ("òóôõöøōŏő", "o"),
    ("œ", "oe"),
    ("ŕŗř", "r"),
    ("śŝşšș", "s"),
    ("ß", "ss"),
    ("ţťŧț", "t"),
    ("þ", "th"),
    ("ùúûüũūŭůűų", "u"),
    ("ŵ", "w"),
    ("ýÿŷ", "y"),
    ("źżž", "z"),
];

/// Creates a nickname from a text: no blanks, no characters with a meaning on IRC, at most 20 characters. Letters that
/// IRC does not allow are replaced by their base letters (`Ünïcode` becomes `Unicode`); others are left out.
#[must_use]
pub fn nick(text: &str) -> Option<String> {
    // The name is at the beginning, whatever follows.
    let characters = text.chars().take(LONGEST * 10);
    let mut name = String::new();
    for c in characters {
        match c {
            c if c.is_whitespace() || c == '_' => {
                // Between words, and only once.
                if !name.is_empty() && !name.ends_with('_') {
                    name.push('_');
                }
            }
            c if c.is_ascii_alphanumeric() || matches!(c, '-' | '[' | ']' | '^') => name.push(c),
            c => name.push_str(plain(c)),
        }
    }
    // It is all ASCII.
    name.truncate(LONGEST);
    let name = name.trim_matches(['-', '_']);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[');
    (begins_well && name.len() > 1).then(|| name.to_owned())
}

fn plain(letter: char) -> &'static str {
    let found = LATIN.iter().find(|(letters, _)| letters.contains(letter));
    found.map_or("", |(_, plain)| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_nicknames() {
        for (name, nickname) in [
            ("Build Bot!", Some("Build_Bot")),
            ("🚀 Ünïcode Bot", Some("Unicode_Bot")),
            ("Łódź  Straße", Some("Lodz_Strasse")),
            ("U\u{308}ber", Some("Uber")),
            ("[ci]", Some("[ci]")),
            ("", None),
            ("7", None),
            ("😀", None),
            ("Бот", None),
            ("#x", None),
            ("-", None),
        ] {
            assert_eq!(nick(name).as_deref(), nickname, "{name}");
        }
        assert_eq!(nick(&"æ".repeat(1_000)).unwrap_or_default().len(), LONGEST);
    }
}
