//! Which character set bytes have if the mail's declaration is missing or wrong.

use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, ISO_2022_JP, SHIFT_JIS, UTF_8, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

use super::work::look;

/// Decodes bytes in the declared character set, or in the one they must be in.
pub(crate) fn decode(bytes: &[u8], label: Option<&str>) -> String {
    look(bytes.len());
    let label = label.map(normal).filter(|label| !label.is_empty());
    let Some(label) = label.filter(|label| {
        !matches!(
            label.as_str(),
            "us-ascii" | "ascii" | "unknown-8bit" | "8bit" | "default"
        )
    }) else {
        return guess(bytes).decode(bytes).0.into_owned();
    };
    let known = match label.as_str() {
        "cp932" | "ms932" => Some(SHIFT_JIS),
        "cp936" | "ms936" => Some(GBK),
        "cp949" | "ms949" => Some(EUC_KR),
        "cp950" | "ms950" => Some(BIG5),
        other if other.starts_with("iso-2022-jp") => Some(ISO_2022_JP),
        // Encodings that browsers do not support are handled below.
        other => Encoding::for_label_no_replacement(other.as_bytes()),
    };
    let Some(encoding) = known else {
        return match charset_decoder(label.as_bytes()) {
            Some(decoder) => decoder(bytes),
            None => guess(bytes).decode(bytes).0.into_owned(),
        };
    };
    let seven_bits = bytes.is_ascii();
    // 7-bit data is always valid as UTF-8, but may be Japanese nevertheless.
    let encoding = match encoding {
        e if e == UTF_8 && seven_bits && is_japanese(bytes) => ISO_2022_JP,
        e if e == ISO_2022_JP && !seven_bits => guess(bytes),
        e => e,
    };
    let (text, _, failed) = encoding.decode(bytes);
    if failed && encoding != UTF_8 && std::str::from_utf8(bytes).is_ok() {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    if failed && encoding == UTF_8 {
        return guess(bytes).decode(bytes).0.into_owned();
    }
    text.into_owned()
}

fn normal(label: &str) -> String {
    let label =
        label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ','));
    let label = label.to_ascii_lowercase();
    // RFC 2231 section 5: a language may follow in an encoded word.
    label.split('*').next().unwrap_or_default().to_owned()
}

/// UTF-8, 7-bit Japanese, or the former encoding of Western Europe.
fn guess(bytes: &[u8]) -> &'static Encoding {
    if bytes.is_ascii() {
        return if is_japanese(bytes) {
            ISO_2022_JP
        } else {
            UTF_8
        };
    }
    // A truncated mail, or one with a single wrong byte among many correct ones, is still UTF-8.
    let (mut right, mut wrong) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        right += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        wrong += usize::from(!chunk.invalid().is_empty());
    }
    if wrong == 0 || right > wrong {
        UTF_8
    } else {
        WINDOWS_1252
    }
}

/// Returns whether it contains the escape sequences that start and end Japanese characters (RFC 1468).
fn is_japanese(bytes: &[u8]) -> bool {
    let has = |escape: &[u8]| bytes.windows(3).any(|window| window == escape);
    (has(b"\x1b$B") || has(b"\x1b$@")) && (has(b"\x1b(B") || has(b"\x1b(J"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_and_what_it_is() {
        let japanese = b"\x1b$B$3$s$K$A$O\x1b(B";
        for (bytes, label, text) in [
            (&b"f\xfcr"[..], Some("iso-8859-1"), "für"),
            (b"f\xfcr", None, "für"),
            (b"f\xfcr", Some("us-ascii"), "für"),
            (b"f\xfcr", Some("utf-8"), "für"),
            (b"f\xfcr", Some("no-such-thing"), "für"),
            ("für".as_bytes(), None, "für"),
            ("für".as_bytes(), Some("'UTF8'"), "für"),
            ("für".as_bytes(), Some("x-unknown"), "für"),
            (japanese, Some("iso-2022-jp"), "こんにちは"),
            (japanese, None, "こんにちは"),
            (japanese, Some("us-ascii"), "こんにちは"),
            (japanese, Some("utf-8"), "こんにちは"),
            ("こんにちは".as_bytes(), Some("iso-2022-jp"), "こんにちは"),
            (b"\x82\xb1\x82\xf1", Some("cp932"), "こん"),
            (b"\xc4\xe3\xba\xc3", Some("gb2312"), "你好"),
            (b"\x80", Some("windows-1252"), "€"),
            (b"+AOk-", Some("utf-7"), "é"),
        ] {
            assert_eq!(decode(bytes, label), text, "{label:?}");
        }
        let mut cut = "größer, schöner, über alles".as_bytes().to_vec();
        cut.push(0xc3);
        assert!(decode(&cut, Some("utf-8")).starts_with("größer, schöner, über alles"));
    }
}
