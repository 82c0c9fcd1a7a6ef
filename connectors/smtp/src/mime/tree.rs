//! The structure of a mail (RFC 2045, RFC 2046), found in one pass over its lines.
//!
//! No other parser sees an untrusted mail before this one, and this one has no recursion: its work is linear in the
//! mail, its memory is bounded by [`MAX_PARTS`], and it stops at any exceeded limit.

use std::ops::Range;

use super::excess::{Excess, MAX_FIELDS, MAX_HEADER, MAX_NESTING, MAX_PARTS};
use super::header::{self, Field};
use super::parameters::Parameterized;
use super::work::look;

/// Maximum length of a boundary. RFC 2046 allows 70.
const MAX_BOUNDARY: usize = 200;

/// A part's kind of content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Other parts; the subtype, in lower case.
    Multipart(String),
    /// A mail, whose parts follow.
    Message,
    /// Bytes.
    Leaf,
}

/// A part.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) parent: Option<usize>,
    depth: usize,
    pub(crate) header: Range<usize>,
    pub(crate) body: Range<usize>,
    pub(crate) kind: Kind,
    /// Its Content-Type; the default given by its parent if it has none.
    pub(crate) content: Parameterized,
    /// Its Content-Disposition.
    pub(crate) disposition: Parameterized,
    /// Content-Transfer-Encoding, in lower case.
    pub(crate) encoding: String,
}

/// A mail with its parts, each after its parent.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) parts: Vec<Part>,
}

/// The position of the walk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    Header,
    Body,
    /// Before the first or after the last part of a multipart.
    Between,
}

struct Open {
    part: usize,
    /// `None` if it is not a multipart, or its parts have ended.
    boundary: Option<Vec<u8>>,
}

struct Walk<'a> {
    bytes: &'a [u8],
    parts: Vec<Part>,
    open: Vec<Open>,
    mode: Mode,
    fields: usize,
    header_bytes: usize,
}

impl<'a> Tree<'a> {
    /// Finds the parts of a mail.
    ///
    /// # Errors
    /// The mail exceeds a limit.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, Excess> {
        let mut walk = Walk {
            bytes,
            parts: Vec::new(),
            open: Vec::new(),
            mode: Mode::Header,
            fields: 0,
            header_bytes: 0,
        };
        walk.begin(0)?;
        let mut at = 0;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let length = rest
                .iter()
                .position(|&b| b == b'\n')
                .map_or(rest.len(), |n| n + 1);
            look(length);
            walk.line(at..at + length)?;
            at += length;
        }
        walk.close(0, bytes.len());
        Ok(Self {
            bytes,
            parts: walk.parts,
        })
    }

    /// A part's header fields.
    pub(crate) fn fields(&self, part: &Part) -> impl Iterator<Item = Field<'a>> {
        header::fields(self.bytes.get(part.header.clone()).unwrap_or_default())
    }

    /// The first field with a name, given in lower case.
    pub(crate) fn field(&self, part: &Part, name: &str) -> Option<Field<'a>> {
        self.fields(part).find(|field| field.is(name))
    }

    /// A part's bytes as they are in the mail.
    pub(crate) fn body(&self, part: &Part) -> &'a [u8] {
        self.bytes.get(part.body.clone()).unwrap_or_default()
    }

    /// Whether a part lies in no mail that lies in this one: what does goes with that.
    pub(crate) fn is_outside(&self, part: &Part) -> bool {
        let mut parent = part.parent.and_then(|index| self.parts.get(index));
        while let Some(part) = parent {
            if part.kind == Kind::Message {
                return false;
            }
            parent = part.parent.and_then(|index| self.parts.get(index));
        }
        true
    }

    /// The direct children of a part.
    pub(crate) fn children(&self, of: usize) -> impl Iterator<Item = usize> {
        let parts = self.parts.iter().enumerate();
        parts
            .filter(move |(_, part)| part.parent == Some(of))
            .map(|(index, _)| index)
    }
}

impl Walk<'_> {
    fn begin(&mut self, at: usize) -> Result<(), Excess> {
        let parent = self.open.last().map(|open| open.part);
        let depth = parent
            .and_then(|parent| self.parts.get(parent))
            .map_or(0, |part| part.depth + 1);
        if depth > MAX_NESTING {
            return Err(Excess::Nesting);
        }
        if self.parts.len() >= MAX_PARTS {
            return Err(Excess::Parts);
        }
        self.open.push(Open {
            part: self.parts.len(),
            boundary: None,
        });
        self.parts.push(Part {
            parent,
            depth,
            header: at..at,
            body: at..at,
            kind: Kind::Leaf,
            content: Parameterized::default(),
            disposition: Parameterized::default(),
            encoding: String::new(),
        });
        self.mode = Mode::Header;
        self.fields = 0;
        Ok(())
    }

    fn line(&mut self, at: Range<usize>) -> Result<(), Excess> {
        let line = self.bytes.get(at.clone()).unwrap_or_default();
        if line.starts_with(b"--")
            && let Some((level, last)) = self.delimiter(line)
        {
            // The preceding line end is part of it (RFC 2046 section 5.1.1).
            let before = self.bytes.get(..at.start).unwrap_or_default();
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            let end = before.strip_suffix(b"\r").unwrap_or(before).len();
            self.close(level + 1, end);
            if !last {
                return self.begin(at.end);
            }
            if let Some(open) = self.open.last_mut() {
                open.boundary = None;
            }
            self.mode = Mode::Between;
            return Ok(());
        }
        if self.mode != Mode::Header {
            return Ok(());
        }
        if matches!(line, b"\r\n" | b"\n") {
            return self.header_ended(at.start, at.end);
        }
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        // A part without fields, and without the empty line that should take their place.
        if self.fields == 0 && self.open.len() > 1 && !continues && !line.contains(&b':') {
            self.header_ended(at.start, at.start)?;
            return if self.mode == Mode::Header {
                self.line(at)
            } else {
                Ok(())
            };
        }
        self.fields += usize::from(!continues);
        self.header_bytes += line.len();
        if self.fields > MAX_FIELDS {
            return Err(Excess::Fields);
        }
        if self.header_bytes > MAX_HEADER {
            return Err(Excess::Header);
        }
        if let Some(part) = self.current() {
            part.header.end = at.end;
        }
        Ok(())
    }

    /// The innermost multipart whose boundary a line is, and whether it is the closing one.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.get(2..).unwrap_or_default().trim_ascii_end();
        for (level, open) in self.open.iter().enumerate().rev() {
            let Some(boundary) = &open.boundary else {
                continue;
            };
            look(boundary.len().min(line.len()));
            match line.strip_prefix(boundary.as_slice()) {
                Some(b"") => return Some((level, false)),
                Some(b"--") => return Some((level, true)),
                _ => {}
            }
        }
        None
    }

    /// Closes everything above a level.
    fn close(&mut self, level: usize, end: usize) {
        for open in self.open.drain(level.min(self.open.len())..) {
            if let Some(part) = self.parts.get_mut(open.part) {
                part.header.end = part.header.end.min(end).max(part.header.start);
                part.body.start = part.body.start.max(part.header.end);
                part.body.end = end.max(part.body.start);
            }
        }
    }

    fn header_ended(&mut self, end: usize, body: usize) -> Result<(), Excess> {
        self.mode = Mode::Body;
        let Some(index) = self.open.last().map(|open| open.part) else {
            return Ok(());
        };
        let digest = self
            .parts
            .get(index)
            .and_then(|part| part.parent)
            .is_some_and(|parent| {
                self.parts
                    .get(parent)
                    .is_some_and(|parent| parent.kind == Kind::Multipart("digest".to_owned()))
            });
        let bytes = self.bytes;
        let Some(part) = self.parts.get_mut(index) else {
            return Ok(());
        };
        part.header.end = end.max(part.header.start);
        part.body = body..body;
        for field in header::fields(bytes.get(part.header.clone()).unwrap_or_default()) {
            if field.is("content-type") && part.content.value.is_empty() {
                part.content = Parameterized::of(field.value)?;
            } else if field.is("content-transfer-encoding") && part.encoding.is_empty() {
                part.encoding = Parameterized::of(field.value)?.value;
            } else if field.is("content-disposition") && part.disposition.value.is_empty() {
                part.disposition = Parameterized::of(field.value)?;
            }
        }
        if part.content.value.is_empty() {
            let default = if digest {
                "message/rfc822"
            } else {
                "text/plain"
            };
            default.clone_into(&mut part.content.value);
        }
        let plain = !matches!(part.encoding.as_str(), "base64" | "quoted-printable");
        match part.content.value.split_once('/') {
            Some(("multipart", subtype)) => {
                let boundary = part
                    .content
                    .get("boundary")
                    .map(|text| text.trim_end().as_bytes().to_vec());
                if let Some(boundary) = boundary.filter(|b| (1..=MAX_BOUNDARY).contains(&b.len())) {
                    part.kind = Kind::Multipart(subtype.to_owned());
                    if let Some(open) = self.open.last_mut() {
                        open.boundary = Some(boundary);
                    }
                    self.mode = Mode::Between;
                } else {
                    // Without a boundary it has no parts.
                    "text/plain".clone_into(&mut part.content.value);
                }
            }
            Some(("message", "rfc822" | "global")) if plain => {
                part.kind = Kind::Message;
                self.begin(body)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn current(&mut self) -> Option<&mut Part> {
        let index = self.open.last()?.part;
        self.parts.get_mut(index)
    }
}
