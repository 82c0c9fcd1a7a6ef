//! Encoded words in header fields (RFC 2047), including malformed ones: too long, or split within a character.

use super::work::look;
use super::{charset, transfer};

/// Maximum length of an encoded word, in bytes; RFC 2047 allows 75. The limit keeps the work linear for words that
/// never end.
const MAX_WORD: usize = 1_000;
/// Maximum bytes of a field that are processed.
const MAX_VALUE: usize = 16 * 1024;
/// Maximum length of a character set's name.
const MAX_CHARSET: usize = 60;

struct Word<'a> {
    charset: &'a [u8],
    bytes: Vec<u8>,
    length: usize,
}

/// Decodes a field's value: unfolded, with its encoded words.
pub(crate) fn decode(value: &[u8]) -> String {
    let mut out = String::new();
    let mut plain: Vec<u8> = Vec::new();
    // Words with the same character set are joined first: a character may be split between two.
    let mut pending: Option<(Vec<u8>, Vec<u8>)> = None;
    let mut rest = value.get(..MAX_VALUE).unwrap_or(value);
    while let Some((&byte, after)) = rest.split_first() {
        look(1);
        let Some(word) = rest.starts_with(b"=?").then(|| word(rest)).flatten() else {
            if !matches!(byte, b'\r' | b'\n') {
                plain.push(byte);
            }
            rest = after;
            continue;
        };
        rest = rest.get(word.length..).unwrap_or_default();
        let between = std::mem::take(&mut plain);
        let touching = pending.is_some() && between.iter().all(u8::is_ascii_whitespace);
        match &mut pending {
            Some((charset, bytes)) if touching && charset.eq_ignore_ascii_case(word.charset) => {
                bytes.extend(word.bytes);
            }
            _ => {
                flush(&mut out, &mut pending);
                if !touching {
                    out.push_str(&charset::decode(&between, None));
                }
                pending = Some((word.charset.to_vec(), word.bytes));
            }
        }
    }
    flush(&mut out, &mut pending);
    out.push_str(&charset::decode(&plain, None));
    out
}

fn flush(out: &mut String, pending: &mut Option<(Vec<u8>, Vec<u8>)>) {
    if let Some((charset, bytes)) = pending.take() {
        out.push_str(&charset::decode(
            &bytes,
            Some(&String::from_utf8_lossy(&charset)),
        ));
    }
}

/// The length of the encoded word at the beginning.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    word(bytes).map(|word| word.length)
}

/// `=?charset?B?text?=` at the beginning.
fn word(bytes: &[u8]) -> Option<Word<'_>> {
    let inner = bytes
        .get(..bytes.len().min(MAX_WORD))?
        .strip_prefix(b"=?")?;
    let charset_end = inner.iter().take(MAX_CHARSET).position(|&b| b == b'?')?;
    let (charset, after) = inner.split_at(charset_end);
    let [b'?', encoding, b'?', text @ ..] = after else {
        return None;
    };
    if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let end = text.windows(2).position(|pair| pair == b"?=");
    look(end.unwrap_or(text.len()));
    let end = end?;
    let text = text.get(..end)?;
    let decoded = match encoding {
        b'b' | b'B' => transfer::base64(text),
        b'q' | b'Q' => transfer::quoted_printable(text, true),
        _ => return None,
    };
    Some(Word {
        charset,
        bytes: decoded,
        length: 2 + charset_end + 3 + end + 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_what_is_between_them() {
        for (value, text) in [
            (" =?utf-8?q?Gr=C3=BC=C3=9Fe?=", " Grüße"),
            ("=?utf-8?q?Gr=C3=BC=C3?=\r\n =?utf-8?q?=9Fe?=", "Grüße"),
            ("=?utf-8?B?R3LDvMM=?= =?UTF-8?B?n2U=?=", "Grüße"),
            ("=?iso-8859-1?q?a?= =?utf-8?q?=C3=BC?= b", "aü b"),
            ("=?utf-8?q?a_b?= c =?utf-8?q?d?=", "a b c d"),
            ("=?utf-8?q?with blanks?=", "with blanks"),
            ("=?us-ascii*en?q?Keith?=", "Keith"),
            (
                "a =?utf-8?x?b?= =?utf-8?q?open",
                "a =?utf-8?x?b?= =?utf-8?q?open",
            ),
            ("Grüße", "Grüße"),
            ("=?=?utf-8?q?x?=", "=?x"),
        ] {
            assert_eq!(decode(value.as_bytes()), text, "{value}");
        }
        assert_eq!(decode(b"f\xfcr"), "für");
    }
}
