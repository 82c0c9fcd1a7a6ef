//! Converts between keys of the store and keys in the bucket.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use storage_adapter::StoreError;

/// The longest key that S3 allows, in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// Returns whether this is a valid key by the contract of [`storage_adapter::ObjectStore`].
pub(crate) fn is_well_formed(key: &str) -> bool {
    !key.contains('\0') && key.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

/// Returns the key in the bucket.
///
/// # Errors
/// [`StoreError::Refused`] if the key is malformed, or too long for S3.
pub(crate) fn full(prefix: &str, key: &str) -> Result<String, StoreError> {
    if !is_well_formed(key) {
        return Err(StoreError::refused("the key is malformed"));
    }
    let full = below(prefix, key);
    if full.len() > MAX_KEY_BYTES {
        return Err(StoreError::refused(format_args!(
            "a key of {} bytes is longer than the {MAX_KEY_BYTES} that S3 allows",
            full.len()
        )));
    }
    Ok(full)
}

/// Prepends the prefix to a possibly incomplete key.
pub(crate) fn below(prefix: &str, rest: &str) -> String {
    match prefix {
        "" => rest.to_owned(),
        prefix => format!("{prefix}/{rest}"),
    }
}

/// Returns the store's key for one in the bucket; `None` for foreign ones, such as the empty objects ending in `/` that
/// S3 browsers create as folders.
pub(crate) fn own<'a>(prefix: &str, full: &'a str) -> Option<&'a str> {
    let key = match prefix {
        "" => full,
        prefix => full.strip_prefix(prefix)?.strip_prefix('/')?,
    };
    is_well_formed(key).then_some(key)
}

/// Decodes `encoding-type=url`, which is form encoding: XML 1.0 cannot represent every character.
pub(crate) fn decode(encoded: &str) -> Option<String> {
    let spaces: Cow<'_, str> = if encoded.contains('+') {
        encoded.replace('+', " ").into()
    } else {
        encoded.into()
    };
    let decoded = percent_decode_str(&spaces).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_comes_and_goes() {
        assert_eq!(full("", "a/b").unwrap(), "a/b");
        assert_eq!(full("p/q", "a/b").unwrap(), "p/q/a/b");
        assert_eq!(own("p/q", "p/q/a/b"), Some("a/b"));
        assert_eq!(own("p/q", "p/qa"), None);
        assert_eq!(own("", "a/"), None);
        assert_eq!(own("p", "p/a//b"), None);
        assert_eq!(below("p", ""), "p/");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for key in ["", "/", "a//b", "..", "a/./b", "a\0"] {
            assert!(
                matches!(full("", key), Err(StoreError::Refused(_))),
                "{key:?}"
            );
        }
        assert!(full("", &"k".repeat(1024)).is_ok());
        let refused = full("p", &"k".repeat(1023)).unwrap_err().to_string();
        assert!(refused.contains("1025 bytes"), "{refused}");
    }

    /// As observed on AWS: blanks become `+`, everything else but `/` and a few is percent-encoded.
    #[test]
    fn listed_keys_are_decoded() {
        assert_eq!(decode("a+b%2Bc%25/%ED%95%9C%0A").unwrap(), "a b+c%/한\n");
        assert_eq!(decode("%ff"), None);
    }
}
