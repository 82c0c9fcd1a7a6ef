//! Maps keys to file names, losslessly.
//!
//! A key `a/b/c` is the file `c` in the folders `a` and `b`. An object `a/b` may exist too, so file and folder names
//! must differ: a file's name contains an `@` or ends in `.json`, a folder's does neither.
//!
//! - `%` and control characters are always percent-encoded, and so is the dot of a name that begins with `.subspace`,
//!   which is where the store keeps its own files;
//! - in folder names every `@` is, and the dot of a trailing `.json`;
//! - a file's name gets a trailing `@`, unless it contains one before its last character or ends in `.json`. Documents
//!   (`name@version`) and records (`account.json`) stay as they are;
//! - a name that exceeds the file system's limit is split: all but the last part are folders whose name ends in `%~`.
//!
//! Where the file system does not distinguish upper and lower case, upper-case and all non-ASCII characters are
//! percent-encoded as well.

use std::fmt::Write;

use storage_adapter::StoreError;

/// The folder of the store's own files.
pub(crate) const OWN: &str = ".subspace";
/// The longest name on disk, in bytes; most file systems allow 255.
const MAX_NAME: usize = 255;
/// The length of each part of a longer one, in bytes.
const PART: usize = 240;
/// The suffix of every part but the last.
pub(crate) const CONTINUED: &str = "%~";

/// The spelling of names on this file system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Spelling {
    /// Different names are different files.
    Exact,
    /// The file system does not distinguish upper and lower case.
    Folded,
}

/// Checks a key's form.
pub(crate) fn check(key: &str) -> Result<(), StoreError> {
    let malformed =
        key.contains('\0') || key.split('/').any(|name| matches!(name, "" | "." | ".."));
    if malformed {
        return Err(StoreError::refused("the key is malformed"));
    }
    Ok(())
}

/// Appends `/` and the file's relative path to `path`.
pub(crate) fn push_key(path: &mut String, key: &str, spelling: Spelling) -> Result<(), StoreError> {
    check(key)?;
    let mut names = key.split('/').peekable();
    while let Some(name) = names.next() {
        path.push('/');
        if names.peek().is_some() {
            push_folder(path, name, spelling);
        } else {
            push_file(path, name, spelling);
        }
    }
    Ok(())
}

/// Appends a folder's name.
pub(crate) fn push_folder(path: &mut String, name: &str, spelling: Spelling) {
    let start = path.len();
    let (stem, json) = match name.strip_suffix(".json") {
        Some(stem) => (stem, "%2Ejson"),
        None => (name, ""),
    };
    escape(path, stem, spelling, true);
    path.push_str(json);
    split(path, start);
}

fn push_file(path: &mut String, name: &str, spelling: Spelling) {
    let start = path.len();
    escape(path, name, spelling, false);
    if !is_marked(name) {
        path.push('@');
    }
    split(path, start);
}

/// Whether a file's name shows that it is one.
fn is_marked(name: &str) -> bool {
    name.ends_with(".json") || (name.contains('@') && !name.ends_with('@'))
}

fn escape(out: &mut String, name: &str, spelling: Spelling, folder: bool) {
    let plain = |c: char| match c {
        '%' | '\0'..='\x1f' | '\x7f' => false,
        '@' => !folder,
        _ => spelling == Spelling::Exact || (c.is_ascii() && !c.is_ascii_uppercase()),
    };
    let mut rest = name;
    if name
        .get(..OWN.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(OWN))
    {
        out.push_str("%2E");
        rest = &name[1..];
    }
    for c in rest.chars() {
        if plain(c) {
            out.push(c);
        } else {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// Splits the path's last name, which starts at `start`, if it is too long.
fn split(path: &mut String, start: usize) {
    if path.len() - start <= MAX_NAME {
        return;
    }
    let name = path.split_off(start);
    let mut rest = name.as_str();
    while rest.len() > MAX_NAME {
        let mut end = PART;
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        // Not within an escape, and no part may be `.` or empty: escapes are ASCII.
        if let Some(back) = rest[..end].rfind('%').filter(|at| end - at < 3) {
            end = back;
        }
        path.push_str(&rest[..end]);
        path.push_str(CONTINUED);
        path.push('/');
        rest = &rest[end..];
    }
    path.push_str(rest);
}

/// Returns the key's name for a file or folder on disk, whose parts have been joined; `None` if it is not one of ours.
pub(crate) fn decode(name: &str, folder: bool, spelling: Spelling) -> Option<String> {
    let escaped = if folder {
        name
    } else {
        name.strip_suffix('@').unwrap_or(name)
    };
    let decoded = unescape(escaped)?;
    let mut again = String::with_capacity(name.len());
    if folder {
        push_folder(&mut again, &decoded, spelling);
    } else {
        push_file(&mut again, &decoded, spelling);
    }
    let again = if again.contains('/') {
        again.replace("%~/", "")
    } else {
        again
    };
    (again == name && check(&decoded).is_ok()).then_some(decoded)
}

fn unescape(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            out.push((digit()? * 16 + digit()?) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn path(key: &str, spelling: Spelling) -> String {
        let mut path = String::new();
        push_key(&mut path, key, spelling).unwrap();
        path
    }

    #[test]
    fn what_an_account_is_made_of_is_readable() {
        for (key, expected) in [
            (
                "accounts/alice/account.json",
                "/accounts/alice/account.json",
            ),
            ("accounts/alice/index/notes", "/accounts/alice/index/notes@"),
            (
                "accounts/alice/data/notes/a b.txt@01hf",
                "/accounts/alice/data/notes/a b.txt@01hf",
            ),
            (
                "accounts/alice/data/v1.0/ä@01hf",
                "/accounts/alice/data/v1.0/ä@01hf",
            ),
            (".subspace/tmp", "/%2Esubspace/tmp@"),
            ("a@b/x.json/50%", "/a%40b/x%2Ejson/50%25@"),
        ] {
            assert_eq!(path(key, Spelling::Exact), expected);
        }
        assert_eq!(
            path("README/ä", Spelling::Folded),
            "/%52%45%41%44%4D%45/%C3%A4@"
        );
    }

    proptest! {
        /// No two keys map to one file, no file to another key's folder, and all names are short enough.
        #[test]
        fn names_are_apart_and_come_back(keys in prop::collection::vec("([a@%.~]|\\.json|[A-Zé\\x01]|a{250}|(%|é){90}){1,4}(/([a@%.~]|\\.json|a{250}){1,4}){0,2}", 1..20)) {
            for spelling in [Spelling::Exact, Spelling::Folded] {
                let (mut files, mut folders) = (HashMap::new(), HashMap::new());
                for key in &keys {
                    if check(key).is_err() {
                        continue;
                    }
                    let path = path(key, spelling);
                    for name in path.split('/').skip(1) {
                        prop_assert!(!name.is_empty() && name.len() <= MAX_NAME && name != "." && name != "..");
                    }
                    let last = path.replace("%~/", "");
                    let last = last.rsplit('/').next().unwrap();
                    let decoded = decode(last, false, spelling);
                    prop_assert_eq!(decoded.as_deref(), key.rsplit('/').next());
                    for (at, _) in path.match_indices('/').skip(1) {
                        folders.insert(path[..at].to_owned(), key.clone());
                    }
                    if let Some(other) = files.insert(path, key.clone()) {
                        prop_assert_eq!(&other, key);
                    }
                }
                for (file, key) in &files {
                    prop_assert!(!folders.contains_key(file), "{:?} is a folder too", key);
                }
            }
        }
    }
}
