//! Versions of documents as entity tags.

use http::HeaderValue;
use http::header::InvalidHeaderValue;
use storage_adapter::Version;

/// Writes a version as a strong entity tag (RFC 9110, section 8.8.3).
pub(crate) fn quoted(version: &Version) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut text = String::with_capacity(version.0.len() + 2);
    text.push('"');
    text.push_str(&version.0);
    text.push('"');
    HeaderValue::try_from(text)
}
