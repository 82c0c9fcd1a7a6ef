//! OAuth 2.0 (RFC 6749) as remoteStorage uses it: the implicit grant, and authorization code with PKCE (RFC 7636).
//! Clients are not registered: an app is identified by the origin of its redirect URI.

mod ask;
mod authorize;
mod code;
mod page;
pub(crate) use self::page::{escape, page};
#[cfg(test)]
mod tests;
mod token;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but unreserved characters (RFC 3986, section 2.3): remotestorage.js splits at a raw `=` and does not
/// decode `+` as a space.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Writes `key=value&…` with every value percent-encoded.
fn encode_pairs(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (key, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(key);
        out.push('=');
        out.extend(utf8_percent_encode(value, UNRESERVED));
    }
    out
}
