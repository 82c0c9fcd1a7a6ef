//! Keys as file names: readable, and no two keys to one file.
//!
//! - A segment is a name of its own; `%` and control characters are percent-encoded.
//! - A file's name contains an `@` before its end (`a.txt@7f3c`), or ends in `.json` (`account.json`), or
//!   has an `@` added (`notes` is `notes@`). In a folder's name `@` and the dot of a final `.json` are
//!   encoded. So the key `a` can be an object while `a/b` is one too.
//! - A name longer than 200 bytes is cut into pieces, each but the last a folder whose name ends in `%`.

use std::path::PathBuf;

/// Longest name of a file or folder, in bytes; file systems take 255.
const MAX_NAME: usize = 200;
/// Longest path below the store's folder, in bytes; Linux takes 4096 in all.
const MAX_PATH: usize = 3800;

/// Why a key has no file name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum InvalidKey {
    #[error("the key has an empty segment, `.`, `..` or NUL")]
    Malformed,
    #[error("the key is too long for a file name")]
    TooLong,
}

/// Returns the path of a key's file, relative to the folder of objects.
pub(crate) fn path(key: &str) -> Result<PathBuf, InvalidKey> {
    let mut path = String::with_capacity(key.len() + 8);
    let mut segments = key.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() || matches!(segment, "." | "..") || segment.contains('\0') {
            return Err(InvalidKey::Malformed);
        }
        if segments.peek().is_some() {
            push_pieces(&mut path, &folder_name(segment));
            path.push('/');
        } else {
            push_pieces(&mut path, &file_name(segment));
        }
    }
    if path.len() > MAX_PATH {
        return Err(InvalidKey::TooLong);
    }
    Ok(PathBuf::from(path))
}

/// Returns the path of the folder that holds the keys below `prefix/`, relative to the folder of objects.
pub(crate) fn folder_path(segments: &[&str]) -> PathBuf {
    let mut path = String::new();
    for segment in segments {
        push_pieces(&mut path, &folder_name(segment));
        path.push('/');
    }
    PathBuf::from(path)
}

fn folder_name(segment: &str) -> String {
    let stem = segment.strip_suffix(".json");
    let mut name = encode(stem.unwrap_or(segment), true);
    if stem.is_some() {
        name.push_str("%2Ejson");
    }
    name
}

fn file_name(segment: &str) -> String {
    let mut name = encode(segment, false);
    if name.ends_with('@') || !(name.contains('@') || name.ends_with(".json")) {
        name.push('@');
    }
    name
}

fn encode(segment: &str, encode_at: bool) -> String {
    let mut name = String::with_capacity(segment.len() + 1);
    for c in segment.chars() {
        if c == '%' || c.is_ascii_control() || (encode_at && c == '@') {
            name.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            name.push(c);
        }
    }
    name
}

fn push_pieces(path: &mut String, name: &str) {
    let mut rest = name;
    while rest.len() > MAX_NAME {
        let mut cut = MAX_NAME;
        while !rest.is_char_boundary(cut) || splits_escape(rest, cut) {
            cut -= 1;
        }
        let (piece, after) = rest.split_at(cut);
        path.push_str(piece);
        path.push_str("%/");
        rest = after;
    }
    path.push_str(rest);
}

/// A piece must not end inside `%XX`, or its end could be taken for the mark of a cut.
fn splits_escape(name: &str, cut: usize) -> bool {
    let before = name
        .as_bytes()
        .get(cut.saturating_sub(2)..cut)
        .unwrap_or_default();
    before.contains(&b'%')
}

/// What a name found in a folder stands for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Found {
    /// The last segment of a key.
    File(String),
    /// A segment before the last.
    Folder(String),
    /// The beginning of a segment that goes on in this folder, still encoded.
    Piece(String),
}

/// Reads a name; `begun` is what enclosing pieces gave. `None` for what this store does not write.
pub(crate) fn read(begun: &str, name: &str, is_folder: bool) -> Option<Found> {
    if is_folder {
        if let Some(piece) = name.strip_suffix('%') {
            return Some(Found::Piece(format!("{begun}{piece}")));
        }
        let segment = decode(&format!("{begun}{name}"))?;
        return Some(Found::Folder(segment));
    }
    let whole = format!("{begun}{name}");
    let stem = whole.strip_suffix('@').unwrap_or(&whole);
    decode(stem)
        .filter(|segment| !segment.is_empty())
        .map(Found::File)
}

fn decode(name: &str) -> Option<String> {
    let mut segment = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, after)) = rest.split_once('%') {
        segment.push_str(plain);
        let hex = after.get(..2)?;
        segment.push(char::from(u8::from_str_radix(hex, 16).ok()?));
        rest = after.get(2..)?;
    }
    segment.push_str(rest);
    Some(segment)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn text(key: &str) -> String {
        path(key).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn documents_and_folders_keep_their_names() {
        assert_eq!(
            text("accounts/alice/data/notes/a b.txt@7f"),
            "accounts/alice/data/notes/a b.txt@7f"
        );
        assert_eq!(
            text("accounts/alice/account.json"),
            "accounts/alice/account.json"
        );
        assert_eq!(
            text("accounts/alice/index/notes"),
            "accounts/alice/index/notes@"
        );
        assert_eq!(text("d/#kosmos@irc/x@1"), "d/#kosmos%40irc/x@1");
        assert_eq!(text("x.json/y.json"), "x%2Ejson/y.json");
        assert_eq!(text("100%@1"), "100%25@1");
    }

    #[test]
    fn an_object_and_a_folder_of_one_name_live_together() {
        for name in ["a", "a@1", "a.json", "a@", "a%", "%2Ejson"] {
            let file = path(name).unwrap();
            let inside = path(&format!("{name}/b")).unwrap();
            assert_ne!(inside.parent().unwrap(), file, "{name}");
        }
    }

    #[test]
    fn malformed_keys_have_no_path() {
        for key in ["", "/a", "a/", "a//b", ".", "a/..", "a/./b", "a\0"] {
            assert_eq!(path(key), Err(InvalidKey::Malformed), "{key:?}");
        }
        assert_eq!(
            path(&"ab/".repeat(2000).trim_end_matches('/')),
            Err(InvalidKey::TooLong)
        );
    }

    /// Follows a path back to its key.
    fn key(path: &str) -> String {
        let mut segments = Vec::new();
        let mut begun = String::new();
        let parts: Vec<&str> = path.split('/').collect();
        for (index, part) in parts.iter().enumerate() {
            match read(&begun, part, index + 1 < parts.len()).unwrap() {
                Found::Piece(piece) => begun = piece,
                Found::File(segment) | Found::Folder(segment) => {
                    segments.push(segment);
                    begun.clear();
                }
            }
        }
        segments.join("/")
    }

    proptest! {
        #[test]
        fn every_key_comes_back(
            segments in prop::collection::vec("[^/\0]{1,8}|[a-z@%.]{1,4}|(a|@|%|é|[.]json){1,5}|[%a@é]{190,300}", 1..4)
        ) {
            prop_assume!(segments.iter().all(|segment| !matches!(segment.as_str(), "." | "..")));
            let original = segments.join("/");
            let path = text(&original);
            prop_assert!(path.split('/').all(|name| name.len() <= 255 && !matches!(name, "" | "." | "..")));
            prop_assert_eq!(key(&path), original);
        }

        #[test]
        fn no_two_keys_share_a_path(keys in prop::collection::hash_set("[ab@%/.]{1,6}", 2..60)) {
            let mut seen = HashMap::new();
            for key in keys {
                if let Ok(path) = path(&key) {
                    prop_assert_eq!(seen.insert(path, key), None);
                }
            }
        }
    }
}
