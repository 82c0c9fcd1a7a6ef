//! `Content-Type` and `Content-Disposition`: a value and its parameters (RFC 2045 section 5.1, RFC 2231).

use super::charset;
use super::excess::{Excess, MAX_PARAMETERS};
use super::words;
use super::work::look;

/// A value in lower case, with its parameters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Parameterized {
    pub(crate) value: String,
    parameters: Vec<(String, String)>,
}

/// A piece of a parameter: its number, whether it is percent-encoded, and its bytes.
struct Piece {
    name: String,
    number: u32,
    encoded: bool,
    bytes: Vec<u8>,
}

impl Parameterized {
    /// Parses a field.
    ///
    /// # Errors
    /// It has too many parameters.
    pub(crate) fn of(field: &[u8]) -> Result<Self, Excess> {
        let mut reader = Reader { rest: field };
        let (value, _) = reader.until(b";");
        let value: String = String::from_utf8_lossy(&value)
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect::<String>()
            .to_ascii_lowercase();
        let mut pieces: Vec<Piece> = Vec::new();
        while !reader.rest.is_empty() {
            let (name, end) = reader.until(b"=;");
            if end != Some(b'=') {
                continue;
            }
            let (bytes, _) = reader.until(b";");
            let name = String::from_utf8_lossy(&name).trim().to_ascii_lowercase();
            if name.is_empty() {
                continue;
            }
            if pieces.len() >= MAX_PARAMETERS {
                return Err(Excess::Parameters);
            }
            pieces.push(Piece::new(&name, bytes));
        }
        Ok(Self {
            value,
            parameters: join(pieces),
        })
    }

    /// A parameter, by its name in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Piece {
    /// `name`, `name*`, `name*2` and `name*2*`.
    fn new(name: &str, bytes: Vec<u8>) -> Self {
        let (whole, encoded) = match name.strip_suffix('*') {
            Some(whole) => (whole, true),
            None => (name, false),
        };
        let numbered = whole
            .split_once('*')
            .and_then(|(name, number)| Some((name, number.parse().ok()?)));
        let (name, number) = numbered.unwrap_or((whole, 0));
        Self {
            name: name.to_owned(),
            number,
            encoded,
            bytes,
        }
    }
}

/// Joins pieces before decoding them: a character may be split between two.
fn join(mut pieces: Vec<Piece>) -> Vec<(String, String)> {
    pieces.sort_by(|a, b| (&a.name, a.number).cmp(&(&b.name, b.number)));
    let mut parameters: Vec<(String, String)> = Vec::new();
    for group in pieces.chunk_by(|a, b| a.name == b.name) {
        let Some(first) = group.first() else { continue };
        // Some mails give a name twice, plain and encoded: the encoded one has a known character set.
        let encoded: Vec<&Piece> = group.iter().filter(|piece| piece.encoded).collect();
        let plain_too = group
            .iter()
            .filter(|piece| piece.number == first.number)
            .count()
            > 1;
        let chosen: Vec<&Piece> = match plain_too {
            true if !encoded.is_empty() => encoded,
            true => vec![first],
            false => group.iter().collect(),
        };
        let (mut bytes, mut label) = (Vec::new(), None);
        for (index, piece) in chosen.iter().enumerate() {
            let mut raw = piece.bytes.as_slice();
            if piece.encoded
                && index == 0
                && let Some((name, text)) = charset_of(raw)
            {
                label = Some(String::from_utf8_lossy(name).into_owned());
                raw = text;
            }
            if piece.encoded {
                percent_decoded(raw, &mut bytes);
            } else {
                bytes.extend_from_slice(raw);
            }
        }
        let text = match label {
            Some(label) => charset::decode(&bytes, Some(&label)),
            // Not allowed in a parameter, but common practice.
            None => words::decode(&bytes),
        };
        parameters.push((first.name.clone(), text));
    }
    parameters
}

/// `charset'language'text`.
fn charset_of(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = bytes.splitn(3, |&b| b == b'\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    Some((charset, text))
}

fn percent_decoded(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let pair = after.first_chunk::<2>().filter(|_| byte == b'%');
        match pair.and_then(|pair| super::transfer::hex(pair[0], pair[1])) {
            Some(value) => {
                out.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// The text before one of some bytes, without quotes, comments and line ends.
    fn until(&mut self, ends: &[u8]) -> (Vec<u8>, Option<u8>) {
        let mut out = Vec::new();
        let (mut quoted, mut comments) = (false, 0_u32);
        while let Some((&byte, after)) = self.rest.split_first() {
            self.rest = after;
            look(1);
            match byte {
                b'\r' | b'\n' => {}
                b'\\' if quoted || comments > 0 => {
                    if let Some((&next, after)) = after.split_first() {
                        self.rest = after;
                        if quoted {
                            // Windows file names contain backslashes that are not doubled.
                            if !matches!(next, b'"' | b'\\') {
                                out.push(byte);
                            }
                            out.push(next);
                        }
                    }
                }
                b'"' if comments == 0 => quoted = !quoted,
                _ if quoted => out.push(byte),
                b'(' => comments = comments.saturating_add(1),
                b')' if comments > 0 => comments -= 1,
                _ if comments > 0 => {}
                _ if ends.contains(&byte) => return (trimmed(out), Some(byte)),
                _ => out.push(byte),
            }
        }
        (trimmed(out), None)
    }
}

fn trimmed(bytes: Vec<u8>) -> Vec<u8> {
    let inner = bytes.trim_ascii();
    if inner.len() == bytes.len() {
        bytes
    } else {
        inner.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parameterized {
        Parameterized::of(text.as_bytes()).unwrap()
    }

    #[test]
    fn values_quotes_and_comments() {
        let read =
            read(" Multipart/Mixed (yes;no);\r\n\tboundary=\"a;b=\\\"c\"; Charset=UTF-8 (x)\r\n");
        assert_eq!(read.value, "multipart/mixed");
        assert_eq!(read.get("boundary"), Some("a;b=\"c"));
        assert_eq!(read.get("charset"), Some("UTF-8"));
        assert_eq!(read.get("name"), None);
    }

    #[test]
    fn names_over_several_pieces_even_within_a_character() {
        for (text, name) in [
            (
                "attachment; filename*0*=utf-8''Gr%C3; filename*1*=%BC%C3%9Fe; filename*2=.txt",
                "Grüße.txt",
            ),
            (
                "attachment; filename*2=c; filename*0=a; filename*1=b",
                "abc",
            ),
            ("attachment; filename*=iso-8859-1'de'f%FCr", "für"),
            (
                "attachment; filename=plain.txt; filename*=utf-8''besser%20%C3%BC",
                "besser ü",
            ),
            (
                "attachment; filename=\"=?utf-8?B?R3LDvMM=?= =?utf-8?B?n2U=?=\"",
                "Grüße",
            ),
            ("attachment; filename=\"C:\\a.txt\"", "C:\\a.txt"),
            (
                "attachment; filename*0*=utf-8''%e2%82; filename*1*=%ac",
                "€",
            ),
            ("attachment; filename=Grüße.pdf", "Grüße.pdf"),
        ] {
            assert_eq!(read(text).get("filename"), Some(name), "{text}");
        }
    }

    #[test]
    fn more_parameters_than_anybody_needs_are_refused() {
        let many = |count: usize| format!("text/plain{}", ";a*1*=b".repeat(count));
        assert!(Parameterized::of(many(MAX_PARAMETERS).as_bytes()).is_ok());
        assert_eq!(
            Parameterized::of(many(MAX_PARAMETERS + 1).as_bytes()),
            Err(Excess::Parameters)
        );
    }
}
