//! Extracts what people read from a mail: the author, the subject, the text, and the attachments.

mod body;
mod bounds;
mod calendar;
mod charset;
mod excess;
mod flowed;
mod header;
mod html;
mod parameters;
mod people;
mod stub;
mod transfer;
mod tree;
mod words;
pub(crate) mod work;

use mail_parser::DateTime;
use protocol::{MAX_MAIL_FILES, MAX_MAIL_TEXT, MailFile, Timestamp};

use body::Body;
pub(crate) use bounds::{Refusal, check};
pub(crate) use excess::Excess;
pub(crate) use transfer::decode;
use tree::Part;
pub(crate) use tree::{Kind, Tree};

/// Maximum length of a subject, or of a list of people, in characters.
const MAX_LINE: usize = 500;
/// Maximum length of an attachment's name, in characters.
const MAX_NAME: usize = 100;
/// Maximum number of people shown per field.
const MAX_PEOPLE: usize = 20;
const ESCAPE: u8 = 0x1b;
/// Maximum length of a date, in bytes.
const MAX_DATE: usize = 200;

/// A mail's content.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) date: Option<Timestamp>,
    pub(crate) text: String,
    /// With each file's bytes.
    pub(crate) files: Vec<(MailFile, Vec<u8>)>,
}

/// Parses a mail. If the bytes are not a mail, the content is empty.
///
/// # Errors
/// It exceeds a limit.
pub(crate) fn read(bytes: &[u8]) -> Result<Content, Excess> {
    let tree = Tree::of(bytes)?;
    let Some(root) = tree.parts.first() else {
        return Ok(Content::default());
    };
    let value = |name: &str| {
        tree.field(root, name)
            .map(|field| field.value)
            .unwrap_or_default()
    };
    let body = Body::of(&tree);
    let said = match headless(&tree, root) {
        Some(bytes) => charset::decode(bytes, None),
        None => body.text.clone(),
    };
    let said = match calendar::invitation(&tree) {
        Some(invitation) => format!("{invitation}\n\n{}", said.trim_start()),
        None => said,
    };
    Ok(Content {
        from: people(value("from")),
        to: people(value("to")),
        subject: line(&words::decode(value("subject")), MAX_LINE),
        date: date(value("date")),
        text: text(&said),
        files: files(&tree, &body),
    })
}

/// The whole of a mail that has no header other than what was prepended in transit. (Only for what is shown: the
/// checks treat every line before the first empty one as a field, as other recipients may.)
fn headless<'a>(tree: &Tree<'a>, root: &Part) -> Option<&'a [u8]> {
    const OWN: [&str; 6] = [
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "content-type",
    ];
    let header = tree.bytes.get(root.header.clone())?;
    if tree
        .fields(root)
        .any(|field| OWN.iter().any(|name| field.is(name)))
    {
        return None;
    }
    let mut at = root.header.start;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") && !line.contains(&b':') {
            return tree
                .bytes
                .get(at..)?
                .get(..MAX_MAIL_TEXT.min(tree.bytes.len() - at));
        }
        at += line.len();
    }
    None
}

fn date(value: &[u8]) -> Option<Timestamp> {
    let text = String::from_utf8_lossy(value.get(..MAX_DATE).unwrap_or(value));
    let date = DateTime::parse_rfc822(text.trim())?;
    date.is_valid()
        .then(|| Timestamp::from_millis(date.to_timestamp().saturating_mul(1000)))
}

/// The text as shown: readable characters, few empty lines, limited length.
fn text(text: &str) -> String {
    let mut out = String::new();
    let mut blank = 0;
    for line in text.lines() {
        let room = MAX_MAIL_TEXT.saturating_sub(out.len() + 1);
        let line: String = line
            .chars()
            .filter(|c| is_readable(*c) || *c == '\t')
            .take(room)
            .collect();
        let line = line.trim_end();
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank > 2 || (blank > 0 && out.is_empty()) {
            continue;
        }
        if line.len() > room {
            out.push_str(
                line.get(..line.floor_char_boundary(room))
                    .unwrap_or_default(),
            );
            break;
        }
        out.push_str(line);
        out.push('\n');
        if room == 0 {
            break;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn files(tree: &Tree<'_>, body: &Body) -> Vec<(MailFile, Vec<u8>)> {
    tree.parts
        .iter()
        .zip(&body.used)
        .filter(|(part, used)| {
            !**used && !matches!(part.kind, Kind::Multipart(_)) && tree.is_outside(part)
        })
        .filter(|(part, _)| part.parent.is_some() || !part.body.is_empty())
        .take(MAX_MAIL_FILES)
        .enumerate()
        .map(|(index, (part, _))| {
            let given = part
                .disposition
                .get("filename")
                .or_else(|| part.content.get("name"));
            let default = match part.kind {
                Kind::Message => "message.eml",
                _ => default_name(&part.content.value),
            };
            let name =
                Some(line(given.unwrap_or_default(), MAX_NAME)).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| default.to_owned());
            let bytes = decode(tree.body(part), &part.encoding);
            let file = MailFile {
                document: format!("{}-{}", index + 1, document_name(&name)),
                name,
                content_type: media_type(&part.content.value),
                size: bytes.len() as u64,
            };
            (file, bytes)
        })
        .collect()
}

/// The name for a part of which only the type is known.
fn default_name(kind: &str) -> &'static str {
    match kind {
        "text/calendar" => "invite.ics",
        "text/vcard" | "text/x-vcard" => "contact.vcf",
        "text/plain" => "text.txt",
        "text/html" => "page.html",
        "image/png" => "image.png",
        "image/jpeg" => "image.jpg",
        "image/gif" => "image.gif",
        "image/webp" => "image.webp",
        "image/svg+xml" => "image.svg",
        "application/pdf" => "attachment.pdf",
        "application/zip" => "attachment.zip",
        "application/pgp-signature" => "signature.asc",
        _ => "attachment",
    }
}

/// A name that is valid for documents on every store and for files on every disk.
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

fn people(value: &[u8]) -> String {
    // The Japanese escape sequences look like comments.
    let japanese = value
        .contains(&ESCAPE)
        .then(|| charset::decode(value, None).into_bytes());
    let value = japanese.as_deref().unwrap_or(value);
    let people: Vec<String> = people::people(value, MAX_PEOPLE)
        .iter()
        .map(|person| {
            let name = line(&person.name, MAX_NAME);
            let address = line(&person.address, 320);
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
    let mut count = 0;
    for c in text.chars() {
        if count >= most {
            break;
        }
        let before = out.len();
        if c.is_whitespace() || c.is_control() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if is_readable(c) {
            out.push(c);
        }
        count += usize::from(out.len() > before);
    }
    out.truncate(out.trim_end().len());
    out
}

/// Neither a control character nor one that changes the direction of the following text.
fn is_readable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
