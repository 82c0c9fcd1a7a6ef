//! The character set that older programs write.

/// Windows-1252, which browsers use for anything labelled Latin-1 (WHATWG, Encoding): it has quotation marks and euro
/// signs where Latin-1 has control characters.
#[must_use]
pub fn windows_1252(byte: u8) -> char {
    const OTHERS: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let other = byte.checked_sub(0x80).map(usize::from);
    let other = other.and_then(|index| OTHERS.get(index));
    other.copied().unwrap_or_else(|| char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_character() {
        let text: String = [0x00, 0x41, 0x7f, 0x80, 0x81, 0x93, 0x9f, 0xa0, 0xe9, 0xff]
            .map(windows_1252)
            .iter()
            .collect();
        assert_eq!(text, "\0A\u{7f}€\u{81}“Ÿ\u{a0}éÿ");
    }
}
