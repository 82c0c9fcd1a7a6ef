//! Conversion to text: one safe line of untrusted text, bytes as digits.

/// One line of limited length, without control characters or characters that change the text direction.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for c in text.chars() {
        let c = if c.is_whitespace() || c.is_control() {
            ' '
        } else {
            c
        };
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if turns || (c == ' ' && (out.is_empty() || out.ends_with(' '))) {
            continue;
        }
        if count == most {
            out.push('…');
            break;
        }
        out.push(c);
        count += 1;
    }
    out.truncate(out.trim_end().len());
    out
}
