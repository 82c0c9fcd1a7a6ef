//! Bytes as hexadecimal digits.

use std::fmt::Write as _;

/// Formats bytes as lower-case hexadecimal digits, two for each.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Parses hexadecimal digits of either case; `None` if there are other characters, or an odd number.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    // `from_str_radix` accepts signs as well.
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_digits_and_digits_bytes() {
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(from_hex("000FA0ff"), Some(vec![0, 0x0f, 0xa0, 0xff]));
        assert_eq!(from_hex(""), Some(vec![]));
        for wrong in ["0", "0g", "+1", "ä", "00 1"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
