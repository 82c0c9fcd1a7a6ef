//! Converts between keys of the store and keys in the bucket.
//!
//! R2 normalises keys to Unicode's normal form C: two keys that differ in nothing else would be one object, and a
//! listing would return a key that nobody wrote. So the characters of a name that is not in that form are written as
//! `~u` and six hexadecimal digits. All other keys stay unchanged.

use std::borrow::Cow;

use storage_adapter::StoreError;

/// The longest key that R2 allows, in bytes.
const MAX_KEY_BYTES: usize = 1024;
/// Digits of an escaped character.
const DIGITS: usize = 6;

/// Returns whether a text is in normal form C.
pub(crate) type IsNormal = fn(&str) -> bool;

/// Returns the key in the bucket.
///
/// # Errors
/// [`StoreError::Refused`] if the key is malformed, or too long for R2.
pub(crate) fn full(key: &str, is_normal: IsNormal) -> Result<String, StoreError> {
    let well_formed =
        !key.contains('\0') && key.split('/').all(|name| !matches!(name, "" | "." | ".."));
    if !well_formed {
        return Err(StoreError::refused("the key is malformed"));
    }
    let full = encode(key, is_normal);
    if full.len() > MAX_KEY_BYTES {
        return Err(StoreError::refused(format_args!(
            "a key of {} bytes is longer than the {MAX_KEY_BYTES} that R2 allows",
            full.len()
        )));
    }
    Ok(full.into_owned())
}

/// Returns the bucket prefix for all keys that begin with `prefix`; it may also match others.
pub(crate) fn prefix(prefix: &str, is_normal: IsNormal) -> String {
    let (folders, name) = prefix
        .rsplit_once('/')
        .map_or(("", prefix), |(folders, _)| {
            prefix.split_at(folders.len() + 1)
        });
    // Whether the name is escaped depends on its remainder.
    let plain = name
        .find(|c: char| !c.is_ascii() || c == '~')
        .unwrap_or(name.len());
    format!("{}{}", encode(folders, is_normal), &name[..plain])
}

fn encode(key: &str, is_normal: IsNormal) -> Cow<'_, str> {
    if key.is_ascii() && !key.contains("~u") {
        return Cow::Borrowed(key);
    }
    let mut all = String::with_capacity(key.len());
    for (number, name) in key.split('/').enumerate() {
        if number > 0 {
            all.push('/');
        }
        let normal = name.is_ascii() || is_normal(name);
        for (at, c) in name.char_indices() {
            let escape = if c == '~' {
                escaped(&name[at..]).is_some()
            } else {
                !normal && !c.is_ascii()
            };
            if escape {
                all.push_str(&format!("~u{:06x}", u32::from(c)));
            } else {
                all.push(c);
            }
        }
    }
    Cow::Owned(all)
}

/// Returns the store's key for one in the bucket.
pub(crate) fn own(full: &str) -> String {
    let mut key = String::with_capacity(full.len());
    let mut rest = full;
    while let Some(at) = rest.find("~u") {
        key.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(c) = escaped(rest) {
            key.push(c);
            rest = &rest[2 + DIGITS..];
        } else {
            key.push_str("~u");
            rest = &rest[2..];
        }
    }
    key.push_str(rest);
    key
}

/// Parses the escaped character at the start of a text.
fn escaped(text: &str) -> Option<char> {
    let digits = text.strip_prefix("~u")?.get(..DIGITS)?;
    let hex = digits
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    hex.then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
        .and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stand-in: a combining acute accent can be composed.
    fn is_normal(text: &str) -> bool {
        !text.contains('\u{301}')
    }

    #[test]
    fn only_names_that_r2_would_change_are_written_otherwise() {
        for key in [
            "a", "a/é/b", "~", "~user/x", "~u12", "a@1", "100%", "~u00030g",
        ] {
            assert_eq!(full(key, is_normal).unwrap(), key);
            assert_eq!(own(key), key);
        }
        let full = |key| full(key, is_normal).unwrap();
        assert_eq!(full("é/e\u{301}x"), "é/e~u000301x");
        assert_eq!(full("ée\u{301}"), "~u0000e9e~u000301");
        assert_eq!(full("~u000301"), "~u00007eu000301");
    }

    #[test]
    fn malformed_and_long_keys_are_refused() {
        for key in ["", "/", "a//b", "a/", "..", "a/./b", "a\0"] {
            assert!(full(key, is_normal).is_err(), "{key:?}");
        }
        assert!(full(&"n".repeat(1024), is_normal).is_ok());
        assert!(full(&"n".repeat(1025), is_normal).is_err());
        assert!(full(&"e\u{301}".repeat(200), is_normal).is_err());
    }

    proptest! {
        #[test]
        fn keys_come_back(key in "([a-fu~0-9é\u{301}]{1,12}/?){1,3}[~ué]") {
            let stored = encode(&key, is_normal).into_owned();
            prop_assert_eq!(own(&stored), key);
            prop_assert!(stored.split('/').all(is_normal));
        }

        #[test]
        fn prefixes_lose_nothing(key in "([u~03é\u{301}]{1,9}/?){1,3}x", at in 0_usize..20) {
            let at = key.char_indices().map(|(at, _)| at).nth(at).unwrap_or(key.len());
            let stored = encode(&key, is_normal).into_owned();
            prop_assert!(stored.starts_with(&prefix(&key[..at], is_normal)));
        }
    }
}
