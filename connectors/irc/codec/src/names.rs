//! Masks and host names.

use protocol::Glob;

/// Returns whether a name matches a mask: `*` stands for any text, `?` for one character, everything else for itself
/// (RFC 2812, section 2.5). Case-sensitive: fold both first. To compare a mask with many names, prepare it as a
/// [`Glob`].
#[must_use]
pub fn mask_matches(mask: &str, name: &str) -> bool {
    Glob::new(mask).matches(name)
}

/// Returns whether a string can be a host name as servers show it: RFC 952 and 1123, with at least one dot.
#[must_use]
pub fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}
