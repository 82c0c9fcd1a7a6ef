//! Paths of documents and folders, draft-dejong-remotestorage-26 section 4.

use std::fmt;

/// The longest name of one item, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 768;
/// The longest path, in bytes of UTF-8, decoded, slashes included.
pub const MAX_PATH_BYTES: usize = 2048;

/// The first segment of everything that can be read without a token.
pub(super) const PUBLIC: &str = "public";

/// Path of a document as decoded segments: `["notes","a b.txt"]`, `["public","notes","x"]`, or
/// `["x"]` for a document directly in the root. Never empty.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DocumentPath {
    segments: Vec<String>,
}

/// Path of a folder as decoded segments; empty for the root.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FolderPath {
    segments: Vec<String>,
}

/// A document or a folder, distinguished in URLs by the trailing slash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ItemPath {
    /// The path ends without a slash.
    Document(DocumentPath),
    /// The path ends with a slash.
    Folder(FolderPath),
}

/// The text is not a valid path, with the reason in one sentence: an empty name, `.`, `..`, NUL, wrong
/// percent-encoding, not UTF-8, or too long.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidPath {
    /// It cannot be a path, whatever its length.
    #[error("{0}")]
    Malformed(String),
    /// The path, or a name in it, exceeds [`MAX_PATH_BYTES`] or [`MAX_NAME_BYTES`] (414).
    #[error("{0}")]
    TooLong(String),
}

impl ItemPath {
    /// Parses the part of a URL after `/storage/<account>`, percent-encoded, such as
    /// `/notes/a%20b.txt` or `/notes/`. Every segment is decoded once.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub fn parse(url_path: &str) -> Result<Self, InvalidPath> {
        let Some(rest) = url_path.strip_prefix('/') else {
            return Err(InvalidPath::Malformed(
                "a path begins with a slash".to_owned(),
            ));
        };
        if rest.is_empty() {
            let segments = Vec::new();
            return Ok(Self::Folder(FolderPath { segments }));
        }
        let (items, is_folder) = match rest.strip_suffix('/') {
            Some(items) => (items, true),
            None => (rest, false),
        };
        if items.len() > 3 * MAX_PATH_BYTES {
            return Err(too_long());
        }
        let segments = items.split('/').map(decode).collect::<Result<_, _>>()?;
        if is_folder {
            FolderPath::from_segments(segments).map(Self::Folder)
        } else {
            DocumentPath::from_segments(segments).map(Self::Document)
        }
    }

    /// Returns the module: the first segment, or the one after `public`. `None` for `/`, `/public/` and documents
    /// directly in one of these.
    #[must_use]
    pub fn module(&self) -> Option<&str> {
        let (segments, is_folder) = match self {
            Self::Document(path) => (&path.segments, false),
            Self::Folder(path) => (&path.segments, true),
        };
        let at = usize::from(segments.first().is_some_and(|first| first == PUBLIC));
        let below = segments.len() > at + 1 || is_folder;
        segments.get(at).filter(|_| below).map(String::as_str)
    }

    /// Returns whether everyone may read it: `/public/` and everything below.
    #[must_use]
    pub fn is_public(&self) -> bool {
        match self {
            Self::Document(path) => path.is_public(),
            Self::Folder(path) => path.is_public(),
        }
    }
}

impl fmt::Display for ItemPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(path) => path.fmt(f),
            Self::Folder(path) => path.fmt(f),
        }
    }
}

impl DocumentPath {
    /// Creates a path from decoded names.
    ///
    /// # Errors
    /// If there is no name, or one is not valid for an item.
    pub fn from_segments(segments: Vec<String>) -> Result<Self, InvalidPath> {
        if segments.is_empty() {
            return Err(InvalidPath::Malformed("a document has a name".to_owned()));
        }
        check(&segments)?;
        Ok(Self { segments })
    }

    /// Returns the decoded names, at least one.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Returns whether everyone may read it: it is below `/public/`.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.segments.len() > 1 && self.segments.first().is_some_and(|first| first == PUBLIC)
    }
}

/// Decoded, with a leading slash: `/notes/a b.txt`.
impl fmt::Display for DocumentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments
            .iter()
            .try_for_each(|name| write!(f, "/{name}"))
    }
}

impl FolderPath {
    /// Creates a path from decoded names; none for the root.
    ///
    /// # Errors
    /// If a name is not valid for an item.
    pub fn from_segments(segments: Vec<String>) -> Result<Self, InvalidPath> {
        check(&segments)?;
        Ok(Self { segments })
    }

    /// Returns the decoded names; none for the root.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Returns whether it is `/public/` or below it.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.segments.first().is_some_and(|first| first == PUBLIC)
    }
}

/// Decoded, with a slash at both ends: `/notes/`.
impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments
            .iter()
            .try_for_each(|name| write!(f, "/{name}"))?;
        f.write_str("/")
    }
}

fn too_long() -> InvalidPath {
    InvalidPath::TooLong(format!("a path has at most {MAX_PATH_BYTES} bytes"))
}

fn check(segments: &[String]) -> Result<(), InvalidPath> {
    for name in segments {
        let wrong = match name.as_str() {
            "" => "a path has no empty names",
            "." | ".." => "a path has no names \".\" and \"..\"",
            _ if name.contains('\0') => "a name has no NUL character",
            _ if name.contains('/') => "a name has no slash",
            _ if name.len() > MAX_NAME_BYTES => {
                return Err(InvalidPath::TooLong(format!(
                    "a name has at most {MAX_NAME_BYTES} bytes"
                )));
            }
            _ => continue,
        };
        return Err(InvalidPath::Malformed(wrong.to_owned()));
    }
    let length: usize = segments.iter().map(|name| name.len() + 1).sum();
    if length > MAX_PATH_BYTES {
        return Err(too_long());
    }
    Ok(())
}

fn decode(segment: &str) -> Result<String, InvalidPath> {
    if !segment.contains('%') {
        return Ok(segment.to_owned());
    }
    let wrong =
        || InvalidPath::Malformed("a % in a path is followed by two hexadecimal digits".to_owned());
    let digit = |byte: Option<u8>| {
        byte.and_then(|b| char::from(b).to_digit(16))
            .ok_or_else(wrong)
    };
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| InvalidPath::Malformed("a path is UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(path: &str) -> Vec<String> {
        match ItemPath::parse(path) {
            Ok(ItemPath::Document(path)) => path.segments,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn decodes_each_segment_once() {
        assert_eq!(document("/notes/a%20b.txt"), ["notes", "a b.txt"]);
        assert_eq!(document("/notes/50%2525"), ["notes", "50%25"]);
        assert_eq!(document("/%E2%82%AC/ä+?"), ["€", "ä+?"]);
        let root = ItemPath::parse("/").unwrap();
        assert_eq!(root.to_string(), "/");
        assert_eq!(ItemPath::parse("/a/b/").unwrap().to_string(), "/a/b/");
    }

    #[test]
    fn refuses_what_is_no_path() {
        let long = format!("/{}", "a".repeat(MAX_NAME_BYTES + 1));
        let deep = format!("/{}", "a/".repeat(MAX_PATH_BYTES / 2 + 1));
        for bad in [
            "", "a", "//", "/a//b", "/a//", "/.", "/a/..", "/a/../b", "/%2e%2E/", "/a%00b",
            "/a%2Fb", "/%", "/%4", "/%zz", "/%+1", "/%ff", &long, &deep,
        ] {
            let error = ItemPath::parse(bad).unwrap_err();
            let too_long = matches!(error, InvalidPath::TooLong(_));
            assert_eq!(too_long, bad.len() > MAX_NAME_BYTES, "{bad}: {error}");
        }
        let longest = format!("/{}", "ä".repeat(MAX_NAME_BYTES / 2));
        assert!(ItemPath::parse(&longest).is_ok());
    }

    #[test]
    fn tells_module_and_public() {
        for (path, module, public) in [
            ("/", None, false),
            ("/x", None, false),
            ("/notes/", Some("notes"), false),
            ("/notes/x", Some("notes"), false),
            ("/public", None, false),
            ("/public/", None, true),
            ("/public/x", None, true),
            ("/public/notes/", Some("notes"), true),
            ("/public/notes/a/b", Some("notes"), true),
        ] {
            let parsed = ItemPath::parse(path).unwrap();
            assert_eq!(
                (parsed.module(), parsed.is_public()),
                (module, public),
                "{path}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_yields_valid_names(path in "\\PC{0,40}|[/.%0-9a-f]{0,30}") {
            if let Ok(parsed) = ItemPath::parse(&path) {
                let segments = match &parsed {
                    ItemPath::Document(path) => path.segments(),
                    ItemPath::Folder(path) => path.segments(),
                };
                prop_assert!(check(segments).is_ok());
            }
        }

        #[test]
        fn every_list_of_names_has_a_url(names in prop::collection::vec("[^/\\x00]{1,20}", 1..6)) {
            prop_assume!(names.iter().all(|name| name != "." && name != ".."));
            let url: String = names
                .iter()
                .map(|name| name.bytes().fold("/".to_owned(), |url, b| format!("{url}%{b:02X}")))
                .collect();
            prop_assert_eq!(document(&url), names);
        }
    }
}
