//! Content-Transfer-Encoding (RFC 2045 section 6): any input is decoded to something.

use super::work::look;

/// A part's decoded bytes.
pub(crate) fn decode(bytes: &[u8], encoding: &str) -> Vec<u8> {
    match encoding {
        "base64" => base64(bytes),
        "quoted-printable" => quoted_printable(bytes, false),
        _ => bytes.to_vec(),
    }
}

/// Decodes base64. Bytes outside its alphabet are ignored (section 6.8), padding may be missing, and a mailing list's
/// footer is not data.
pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    look(bytes.len());
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let (mut bits, mut count, mut ended) = (0_u32, 0_u8, false);
    for line in bytes.split(|&b| b == b'\n') {
        let line = line.trim_ascii();
        if is_footer(line) || (ended && !line.iter().all(|&b| digit(b).is_some() || b == b'=')) {
            break;
        }
        for &byte in line {
            if let Some(value) = digit(byte) {
                bits = (bits << 6) | u32::from(value);
                count += 1;
                if count == 4 {
                    let [_, a, b, c] = bits.to_be_bytes();
                    out.extend([a, b, c]);
                    (bits, count) = (0, 0);
                }
            } else if byte == b'=' && count > 0 {
                flush(&mut out, bits, count);
                (bits, count, ended) = (0, 0, true);
            }
        }
    }
    flush(&mut out, bits, count);
    out
}

fn flush(out: &mut Vec<u8>, bits: u32, count: u8) {
    match count {
        2 => out.extend(u8::try_from((bits >> 4) & 0xff)),
        3 => out.extend(
            [bits >> 10, bits >> 2]
                .into_iter()
                .flat_map(|byte| u8::try_from(byte & 0xff)),
        ),
        _ => {}
    }
}

/// A line of characters outside the base64 alphabet only, as lists put above their footers.
fn is_footer(line: &[u8]) -> bool {
    line.len() >= 2
        && line
            .iter()
            .all(|b| matches!(b, b'-' | b'_' | b'*' | b'=' | b'~' | b'#' | b' '))
        && !line.iter().all(|&b| b == b'=')
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Decodes quoted-printable; invalid input stays unchanged. In an encoded word `_` is a space (RFC 2047).
pub(crate) fn quoted_printable(bytes: &[u8], word: bool) -> Vec<u8> {
    look(bytes.len());
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let text = line
            .strip_suffix(b"\n")
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        // Spaces at the end of a line were added in transit (section 6.7, rule 3).
        let (text, end) = match text {
            Some(text) if !word => (text.trim_ascii_end(), &line[text.len()..]),
            _ => (line, &b""[..]),
        };
        let (text, end) = match text.strip_suffix(b"=") {
            Some(text) if !word => (text, &b""[..]),
            _ => (text, end),
        };
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            let value = match (byte, after) {
                (b'=', [high, low, ..]) => hex(*high, *low),
                _ => None,
            };
            rest = if value.is_some() {
                after.get(2..).unwrap_or_default()
            } else {
                after
            };
            out.push(match value {
                Some(value) => value,
                None if word && byte == b'_' => b' ',
                None => byte,
            });
        }
        out.extend_from_slice(end);
    }
    out
}

/// The byte for two hexadecimal digits.
pub(crate) fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    Some((digit(high)? << 4) | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_however_it_came() {
        for (text, read) in [
            ("SGVsbG8gd29ybGQ=", "Hello world"),
            ("SGVsbG8gd29ybGQ", "Hello world"),
            ("SGVsbG8gd29ybA==", "Hello worl"),
            ("SGVsbG8gd29ybA", "Hello worl"),
            ("SGVs\r\nbG8g!\r\nd29y bGQ=\r\n", "Hello world"),
            (
                "SGVsbG8gd29ybGQ=\r\n_______________________________________________\r\nlist mailing list\r\n",
                "Hello world",
            ),
            (
                "SGVsbG8gd29ybGQh\r\n-- \r\nsent by nobody\r\n",
                "Hello world!",
            ),
            (
                "SGVsbG8gd29ybGQ=\r\nThis list is read by many\r\n",
                "Hello world",
            ),
            ("SGVsbG8=\r\nIHdvcmxk\r\n", "Hello world"),
            ("\u{feff}SGVsbG8gd29ybGQ=", "Hello world"),
            ("====", ""),
            ("", ""),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&base64(text.as_bytes())),
                read,
                "{text}"
            );
        }
    }

    #[test]
    fn quoted_printable_is_read_however_it_came() {
        for (text, read) in [
            ("a=C3=BC=\r\nb \t\r\nc=3d=3D", "aüb\r\nc=="),
            ("5=x =", "5=x "),
            ("a= \r\nb", "ab"),
            ("100=", "100"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&quoted_printable(text.as_bytes(), false)),
                read,
                "{text}"
            );
        }
        assert_eq!(quoted_printable(b"a_b=20c", true), b"a b c");
    }
}
