//! Networks whose people do not write UTF-8. What is no UTF-8 is read in the encoding of the connection, and what is sent is
//! written in it; without one, as windows-1252 and UTF-8 (`irc_codec::Message::parse_bytes`).

use std::borrow::Cow;

use encoding_rs::{EncoderResult, Encoding, UTF_8};

use super::Session;
use crate::record::Record as _;

/// The encoding of that name (<https://encoding.spec.whatwg.org/#names-and-labels>), if lines can be written in it.
fn encoding(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

impl Session {
    fn charset(&self) -> Option<&'static Encoding> {
        let label = self.assignment.connection.encoding()?;
        // Such a server takes nothing else.
        let only = self.link.isupport.has("UTF8ONLY");
        encoding(label).filter(|charset| *charset != UTF_8 && !only)
    }

    /// A line of the server as text, unless it is UTF-8 or there is no other encoding.
    pub(super) fn decoded(&self, line: &[u8]) -> Option<String> {
        if std::str::from_utf8(line).is_ok() {
            return None;
        }
        let (text, _) = self.charset()?.decode_without_bom_handling(line);
        // Whatever the bytes were, they are one line.
        let odd = |c: char| matches!(c, '\0' | '\r' | '\n');
        Some(text.replace(odd, " "))
    }

    /// A line as it is sent; what the encoding does not have becomes a question mark.
    #[must_use]
    pub fn encoded<'a>(&self, line: &'a str) -> Cow<'a, [u8]> {
        match self.charset() {
            Some(charset) if !line.is_ascii() => Cow::Owned(encoded(charset, line)),
            _ => Cow::Borrowed(line.as_bytes()),
        }
    }

    /// Tells that there is no encoding of the name in the settings.
    pub(super) fn check_encoding(&mut self) {
        if let Some(label) = self.assignment.connection.encoding()
            && encoding(label).is_none()
        {
            let sentence = format!(
                "There is no encoding called {label} for IRC: UTF-8 is used with {}. Change it in the settings.",
                self.server()
            );
            self.trouble(None, &sentence);
        }
    }
}

fn encoded(charset: &'static Encoding, line: &str) -> Vec<u8> {
    /// Bytes written at once.
    const ROOM: usize = 1024;
    let mut encoder = charset.new_encoder();
    let (mut rest, mut bytes) = (line, Vec::with_capacity(line.len()));
    loop {
        let mut piece = [0; ROOM];
        let (result, read, written) =
            encoder.encode_from_utf8_without_replacement(rest, &mut piece, true);
        bytes.extend_from_slice(piece.get(..written).unwrap_or_default());
        rest = rest.get(read..).unwrap_or_default();
        match result {
            EncoderResult::InputEmpty => return bytes,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => bytes.push(b'?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_length_are_written_and_nothing_is_made_up() {
        let koi = encoding("koi8-r").unwrap();
        assert_eq!(encoded(koi, "да 👍!"), b"\xc4\xc1 ?!");
        let long = "д".repeat(5_000);
        assert_eq!(encoded(koi, &long), vec![0xc4; 5_000]);
        for none in ["klingon", "", "utf-16le", "iso-2022-jp"] {
            assert!(encoding(none).is_none(), "{none}");
        }
    }
}
