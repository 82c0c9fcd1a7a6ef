//! Finds a user's storage from their address: WebFinger (RFC 7033), as in section 10 of draft-dejong-remotestorage.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use protocol::ArchiveFound;
use serde_json::Value;
use url::Url;

use crate::identity::webfinger::REL;
use crate::kernel::host::Destination;
use crate::kernel::host::FetchError;
use crate::kernel::host::FetchLimits;
use crate::kernel::host::Host;

/// The largest descriptor, in bytes.
const MAX_DESCRIPTOR: u64 = 256 * 1024;
/// How long a request may take, in milliseconds.
const TIMEOUT: u64 = 8_000;
/// Redirects that are followed: the entire well-known path may be elsewhere.
const MAX_REDIRECTS: usize = 3;
/// The longest address, in bytes.
const MAX_ADDRESS: usize = 320;
/// Where a user authorises apps (RFC 6749, section 4.2: the implicit grant).
const AUTHORIZE: &str = "http://tools.ietf.org/html/rfc6749#section-4.2";

/// Why there is no storage; each is one sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("\"{0}\" is not a user address; expected a form like alice@example.org")]
    Address(String),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("{0} knows no user \"{1}\" (WebFinger answered with status {2})")]
    Unknown(String, String, u16),
    #[error("{0} has no remoteStorage for \"{1}\"")]
    NoStorage(String, String),
    #[error(
        "\"{0}\" cannot be the address of a storage; expected https://, without query or password"
    )]
    Root(String),
}

/// Whether a host is this machine, where plain HTTP cannot be intercepted.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Validates the address of a storage, as named by a descriptor or a user; returns it without a trailing slash.
pub(crate) fn storage_root(text: &str) -> Result<String, DiscoveryError> {
    let invalid = || DiscoveryError::Root(text.chars().take(200).collect());
    let url = safe(text).ok_or_else(invalid)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// An address to which a token may be sent: https, or this machine.
fn safe(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let encrypted = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(host));
    (encrypted && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Asks the user's server where their storage is.
pub(crate) async fn discover<H: Host>(
    host: &H,
    user_address: &str,
) -> Result<ArchiveFound, DiscoveryError> {
    let address = user_address.trim();
    let shown = || address.chars().take(80).collect::<String>();
    let invalid = || DiscoveryError::Address(shown());
    let (name, server) = address.rsplit_once('@').ok_or_else(invalid)?;
    let clean = |c: char| !c.is_whitespace() && !c.is_control() && !"/?#@\\".contains(c);
    if address.len() > MAX_ADDRESS
        || name.is_empty()
        || server.is_empty()
        || !name.chars().all(clean)
        || !server.chars().all(clean)
    {
        return Err(invalid());
    }
    let bare = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let scheme = if is_loopback(bare) { "http" } else { "https" };
    let mut url =
        Url::parse(&format!("{scheme}://{server}/.well-known/webfinger")).map_err(|_| invalid())?;
    url.query_pairs_mut()
        .append_pair("resource", &format!("acct:{address}"));
    let descriptor = fetch(host, url, server, name).await?;
    let none = || DiscoveryError::NoStorage(server.to_owned(), name.to_owned());
    let links = descriptor.get("links").and_then(Value::as_array);
    // "remotestorage" is what the drafts before 2014 called it.
    let link = links
        .into_iter()
        .flatten()
        .find(|link| matches!(link["rel"].as_str(), Some(REL | "remotestorage")))
        .ok_or_else(none)?;
    let root = storage_root(link["href"].as_str().ok_or_else(none)?)?;
    let authorize = link["properties"][AUTHORIZE].as_str().and_then(safe);
    Ok(ArchiveFound {
        user_address: address.to_owned(),
        root,
        authorize: authorize.map(String::from),
    })
}

async fn fetch<H: Host>(
    host: &H,
    mut url: Url,
    server: &str,
    name: &str,
) -> Result<Value, DiscoveryError> {
    let unknown = |status: u16| DiscoveryError::Unknown(server.to_owned(), name.to_owned(), status);
    for _ in 0..=MAX_REDIRECTS {
        let request = Request::get(url.as_str())
            .header(header::ACCEPT, "application/jrd+json, application/json")
            .body(Bytes::new())
            .map_err(|_| DiscoveryError::Address(server.to_owned()))?;
        let limits = FetchLimits {
            destination: Destination::Public,
            max_body: MAX_DESCRIPTOR,
            timeout: TIMEOUT,
        };
        let answer = host.fetch(request, limits).await?;
        let status = answer.status();
        if status == StatusCode::OK {
            return hooks::parse_json(answer.body())
                .map_err(|_| DiscoveryError::NoStorage(server.to_owned(), name.to_owned()));
        }
        let to = answer
            .headers()
            .get(header::LOCATION)
            .filter(|_| status.is_redirection())
            .and_then(|to| to.to_str().ok())
            .and_then(|to| url.join(to).ok())
            .and_then(|to| safe(to.as_str()));
        url = to.ok_or_else(|| unknown(status.as_u16()))?;
    }
    Err(unknown(StatusCode::LOOP_DETECTED.as_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_where_nobody_listens_only() {
        for (text, root) in [
            (
                "https://s.example/storage/a/",
                "https://s.example/storage/a",
            ),
            ("https://s.example", "https://s.example"),
            (
                "http://127.0.0.1:8000/storage/a",
                "http://127.0.0.1:8000/storage/a",
            ),
            ("http://[::1]:8000/a", "http://[::1]:8000/a"),
            ("http://localhost/a", "http://localhost/a"),
        ] {
            assert_eq!(storage_root(text).as_deref(), Ok(root), "{text}");
        }
        for bad in [
            "",
            "s.example",
            "http://s.example/a",
            "http://localhost.example/a",
            "ftp://s.example/a",
            "https://a:b@s.example/",
            "https://a@s.example/",
            "https://s.example/?x",
            "https://s.example/#x",
            "javascript:alert(1)",
        ] {
            assert!(storage_root(bad).is_err(), "{bad}");
        }
    }
}
