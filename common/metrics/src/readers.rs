//! Who may read metrics on a port that serves everyone.

use std::net::IpAddr;

use http::HeaderMap;
use http::uri::Authority;

/// Headers with which a proxy reveals that it forwards a request (RFC 9110, section 7.6.3, and RFC 7239).
const PROXIED: [&str; 3] = ["x-forwarded-for", "forwarded", "via"];

/// The response to a rebound request ([`is_rebound`]); the status is 403.
pub const REBOUND: &str =
    "From this machine metrics are read by the name localhost or a loopback address.\n";

/// Returns whether a program on this machine asks directly: not through a proxy, and not from a page that lured a
/// browser here by a host name of its owner's (DNS rebinding). How busy the server is concerns its operator only.
#[must_use]
pub fn is_local(peer: IpAddr, headers: &HeaderMap) -> bool {
    let host = headers.get(http::header::HOST);
    let authority = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    peer.to_canonical().is_loopback()
        && authority.is_some_and(|authority| is_loopback(authority.host()))
        && !PROXIED.iter().any(|name| headers.contains_key(*name))
}

/// Returns whether a page may have lured a browser on this machine here by a host name of its owner's (DNS rebinding):
/// the request comes from this machine and names another host. Programs that name none are not browsers.
#[must_use]
pub fn is_rebound(peer: IpAddr, host: Option<&str>) -> bool {
    let is_other = |host: &str| {
        let authority = host.parse::<Authority>();
        !authority.is_ok_and(|authority| is_loopback(authority.host()))
    };
    peer.to_canonical().is_loopback() && host.is_some_and(is_other)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_name_of_somebody_elses_leads_nobody_here() {
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        let other: IpAddr = "192.0.2.7".parse().unwrap();
        for host in ["rebound.example.org", "rebound.example.org:9100", "", "a b"] {
            assert!(is_rebound(local, Some(host)), "{host}");
            // From elsewhere, names are the operator's, like that of a container.
            assert!(!is_rebound(other, Some(host)), "{host}");
        }
        for host in [Some("localhost:9100"), Some("[::1]:9100"), None] {
            assert!(!is_rebound(local, host), "{host:?}");
        }
    }

    #[test]
    fn metrics_are_for_this_machine() {
        let headers = |host: &'static str, proxied: bool| {
            let mut headers = HeaderMap::new();
            headers.insert("host", HeaderValue::from_static(host));
            if proxied {
                headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
            }
            headers
        };
        let local: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        for host in [
            "127.0.0.1:6700",
            "localhost",
            "LOCALHOST:6700",
            "[::1]:6700",
        ] {
            assert!(is_local(local, &headers(host, false)), "{host}");
            assert!(!is_local(local, &headers(host, true)), "{host}");
            assert!(!is_local(
                "192.0.2.1".parse().unwrap(),
                &headers(host, false)
            ));
        }
        for host in [
            "chat.example.org",
            "127.0.0.1.example.org",
            "192.0.2.1",
            "localhost.example.org",
        ] {
            assert!(!is_local(local, &headers(host, false)), "{host}");
        }
        assert!(!is_local(local, &HeaderMap::new()));
    }
}
