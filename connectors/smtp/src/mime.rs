//! From a mail to what people read: who wrote, about what, the text, and the attachments.

use mail_parser::{Address, Message, MessageParser, MimeHeaders};
use model::{MAX_MAIL_FILES, MAX_MAIL_TEXT, MailFile, Timestamp};

/// Longest subject, and longest list of people, characters.
const MAX_LINE: usize = 500;
/// Longest name of an attachment, characters.
const MAX_NAME: usize = 100;
/// Deepest MIME structure: mails inside mails are attachments, not texts.
const MAX_PEOPLE: usize = 20;

/// What a mail says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) date: Option<Timestamp>,
    pub(crate) text: String,
    /// With the bytes of each.
    pub(crate) files: Vec<(MailFile, Vec<u8>)>,
}

/// Reads a mail. Bytes that are no mail have an empty one.
pub(crate) fn read(bytes: &[u8]) -> Content {
    let Some(message) = MessageParser::default().parse(bytes) else {
        return Content::default();
    };
    Content {
        from: people(message.from()),
        to: people(message.to()),
        subject: line(message.subject().unwrap_or_default(), MAX_LINE),
        date: message
            .date()
            .map(|date| Timestamp::from_millis(date.to_timestamp().saturating_mul(1000))),
        text: text(&message),
        files: files(&message),
    }
}

/// The text; of a mail that has HTML only, what it says.
fn text(message: &Message<'_>) -> String {
    let text = message.body_text(0).unwrap_or_default();
    let mut out = String::new();
    let mut blank = 0;
    for line in text.lines() {
        let line: String = line
            .chars()
            .filter(|c| is_readable(*c) || *c == '\t')
            .collect();
        let line = line.trim_end();
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank > 2 || (blank > 0 && out.is_empty()) {
            continue;
        }
        if out.len() + line.len() + 1 > MAX_MAIL_TEXT {
            break;
        }
        out.push_str(line);
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

fn files(message: &Message<'_>) -> Vec<(MailFile, Vec<u8>)> {
    message
        .attachments()
        .take(MAX_MAIL_FILES)
        .enumerate()
        .map(|(index, part)| {
            let name = line(part.attachment_name().unwrap_or("attachment"), MAX_NAME);
            let bytes = part.contents().to_vec();
            let content_type = part.content_type().map_or_else(
                || "application/octet-stream".to_owned(),
                |kind| match kind.subtype() {
                    Some(subtype) => format!("{}/{subtype}", kind.ctype()),
                    None => kind.ctype().to_owned(),
                },
            );
            let file = MailFile {
                document: format!("{}-{}", index + 1, document_name(&name)),
                name,
                content_type: media_type(&content_type),
                size: bytes.len() as u64,
            };
            (file, bytes)
        })
        .collect()
}

/// A name that is a document's on every store and a file's on every disk.
fn document_name(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if "/\\:*?\"<>|%".contains(c) { '_' } else { c })
        .collect();
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() {
        "attachment".to_owned()
    } else {
        name.to_owned()
    }
}

fn media_type(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let fits = text.len() <= 100
        && text.matches('/').count() == 1
        && !text.starts_with('/')
        && !text.ends_with('/')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/.+-_".contains(&b));
    if fits {
        text
    } else {
        "application/octet-stream".to_owned()
    }
}

fn people(address: Option<&Address<'_>>) -> String {
    let Some(address) = address else {
        return String::new();
    };
    let people: Vec<String> = address
        .iter()
        .take(MAX_PEOPLE)
        .map(|person| {
            let name = line(person.name().unwrap_or_default(), MAX_NAME);
            let address = line(person.address().unwrap_or_default(), 320);
            match (name.is_empty(), address.is_empty()) {
                (true, _) => address,
                (false, true) => name,
                (false, false) => format!("{name} <{address}>"),
            }
        })
        .collect();
    line(&people.join(", "), MAX_LINE)
}

/// One line of readable characters.
fn line(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.chars().count() >= most {
            break;
        }
        if c.is_whitespace() || c.is_control() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if is_readable(c) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Neither a control character nor one that turns the direction of what follows.
fn is_readable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mail_with_text_and_an_attachment() {
        let content = read(
            b"From: =?utf-8?q?J=C3=B6rg?= <joerg@a.example>\r\nTo: a@b.example, Bea <b@b.example>\r\n\
              Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n two\r\nDate: Thu, 15 Jan 2026 10:00:00 +0100\r\n\
              MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
              Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
              \r\n\r\nf=FCr dich\x1b[31m=0D=0Azwei\r\n--x\r\nContent-Type: image/png\r\n\
              Content-Disposition: attachment; filename=\"../a:b.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
              AAEC\r\n--x--\r\n",
        );
        assert_eq!(content.from, "Jörg <joerg@a.example>");
        assert_eq!(content.to, "a@b.example, Bea <b@b.example>");
        assert_eq!(content.subject, "Grüße two");
        assert_eq!(content.date, Some("2026-01-15T09:00:00Z".parse().unwrap()));
        assert_eq!(content.text, "für dich[31m\nzwei");
        let [(file, bytes)] = content.files.as_slice() else {
            panic!("{content:?}");
        };
        assert_eq!(
            (file.name.as_str(), file.document.as_str()),
            ("../a:b.png", "1-_a_b.png")
        );
        assert_eq!((file.content_type.as_str(), file.size), ("image/png", 3));
        assert_eq!(bytes, &[0, 1, 2]);
    }

    #[test]
    fn html_alone_is_read_as_text() {
        let content = read(
            b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
              <style>p{}</style><p>Hello <b>you</b> &amp; me</p><script>alert(1)</script>\r\n",
        );
        assert!(content.text.contains("Hello you & me"), "{}", content.text);
        assert!(!content.text.contains('<'), "{}", content.text);
    }

    proptest! {
        #[test]
        fn any_bytes_give_bounded_readable_content(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let content = read(&bytes);
            prop_assert!(content.text.len() <= MAX_MAIL_TEXT);
            for line in [&content.from, &content.to, &content.subject] {
                prop_assert!(line.chars().all(|c| !c.is_control()));
            }
            for (file, _) in &content.files {
                prop_assert!(!file.document.contains('/') && file.document.len() < 500);
            }
        }

        #[test]
        fn any_header_is_one_line(subject in "\\PC{0,80}", name in ".{0,50}") {
            let mail = format!("Subject: {subject}\r\nFrom: {name} <a@b.example>\r\n\r\n");
            let content = read(mail.as_bytes());
            prop_assert!(content.subject.chars().count() <= MAX_LINE);
            prop_assert!(!content.from.contains(['\r', '\n']));
        }
    }
}
