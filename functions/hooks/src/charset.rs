//! Character encodings of bodies. Nearly all senders use UTF-8; some programs use legacy Windows encodings, with or
//! without declaring them.

use std::borrow::Cow;

use protocol::windows_1252;

use crate::work::look;
use crate::{Call, Unreadable};

/// Decodes UTF-8; invalid bytes are taken as Windows-1252, in which every byte is valid.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    look(bytes.len());
    if let Ok(text) = str::from_utf8(bytes) {
        return text.into();
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().copied().map(windows_1252));
    }
    out.into()
}

/// Returns the body of a request in UTF-8 if its `charset` or its byte order mark declares another encoding; otherwise
/// unchanged, for [`text`].
pub(crate) fn body<'a>(call: &Call<'a>) -> Result<Cow<'a, [u8]>, Unreadable> {
    let body = call.body;
    let label = call.parameter("charset").unwrap_or("").to_ascii_lowercase();
    let wide: Option<fn([u8; 2]) -> u16> = match (body, label.as_str()) {
        ([0xfe, 0xff, ..], _) | (_, "utf-16be") => Some(u16::from_be_bytes),
        ([0xff, 0xfe, ..], _) | (_, "utf-16" | "utf-16le") => Some(u16::from_le_bytes),
        _ => None,
    };
    let text: String = if let Some(unit) = wide {
        let units = body.as_chunks().0.iter().map(|pair| unit(*pair));
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    } else {
        match label.as_str() {
            "iso-8859-1" | "iso8859-1" | "latin1" | "windows-1252" | "cp1252" => {
                body.iter().copied().map(windows_1252).collect()
            }
            "" | "utf-8" | "utf8" | "us-ascii" | "ascii" => return Ok(body.into()),
            // ASCII is the same in all encodings but those with escape sequences.
            _ if body.is_ascii() && !body.contains(&0x1b) => return Ok(body.into()),
            _ => {
                let shown: String = label.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(Unreadable::Encoding(format!(
                    "the charset \"{shown}\" is not known here; send UTF-8"
                )));
            }
        }
    };
    look(body.len());
    Ok(text.into_bytes().into())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::{Source, read};

    fn said(kind: &str, body: &[u8]) -> Result<String, Unreadable> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_str(kind).unwrap());
        let call = Call {
            headers: &headers,
            rest: "",
            query: "",
            body,
        };
        read(Source::Json, &call, None).map(|event| event.lines.concat())
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn what_is_not_utf8_is_read_all_the_same() {
        let json = b"{\"text\":\"Gr\xfc\xdfe \x80 5\"}";
        let form = "application/x-www-form-urlencoded";
        let marked = |bytes| utf16("\u{feff}{\"text\":\"Grüße € 5\"}", bytes);
        let bare = utf16("Grüße € 5", u16::to_be_bytes);
        for (kind, body) in [
            ("application/json", &json[..]),
            ("application/json; charset=utf-8", json),
            ("application/json; Charset=\"ISO-8859-1\"", json),
            ("text/plain", b"Gr\xfc\xdfe \x80 5"),
            ("text/plain; charset=windows-1252", b"Gr\xfc\xdfe \x80 5"),
            (form, b"Gr\xfc\xdfe \x80 5"),
            (form, b"text=Gr%FC%DFe+%80+5"),
            (
                "application/x-www-form-urlencoded; charset=ISO-8859-1",
                b"text=Gr%FC%dfe%20%80 5",
            ),
            (form, "text=Gr%C3%BCße+€+5".as_bytes()),
            (form, b"payload=%7B%22text%22:%22Gr%FC%DFe+%80+5%22}"),
            (
                "multipart/form-data; boundary=b",
                b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n\xff\xff\r\n\
                  --b\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\nGr\xc3\xbc\xdfe \xe2\x82\xac 5\r\n--b--",
            ),
            ("application/json", &marked(u16::to_le_bytes)),
            ("application/json", &marked(u16::to_be_bytes)),
            ("text/plain; charset=utf-16", &marked(u16::to_le_bytes)),
            ("text/plain; charset=UTF-16BE", &bare),
        ] {
            let said = said(kind, body).unwrap();
            let said = said.strip_prefix("text: ").unwrap_or(&said);
            assert_eq!(said, "Grüße € 5", "{kind} {body:?}");
        }
        // A declared encoding counts even if the bytes could be UTF-8.
        let declared = said("text/plain; charset=iso-8859-1", b"\xabCAF\xc9\xbb");
        assert_eq!(declared.unwrap(), "«CAFÉ»");
    }

    #[test]
    fn what_is_not_known_is_refused_unless_it_makes_no_difference() {
        let plain = "text/plain; charset=Shift_JIS";
        assert_eq!(said(plain, b"Backup done").unwrap(), "Backup done");
        for (kind, body) in [
            (plain, &b"\x83e\x83X\x83g"[..]),
            ("text/plain; charset=iso-2022-jp", b"\x1b$B%F\x1b(B"),
        ] {
            let refused = said(kind, body);
            assert!(
                matches!(refused, Err(Unreadable::Encoding(_))),
                "{refused:?}"
            );
        }
    }
}
