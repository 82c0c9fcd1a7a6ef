//! WebFinger (RFC 7033): from a user address to the storage and its authorization endpoints.

use crate::kernel::host::Host;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use protocol::AccountName;
use serde_json::json;
use storage_adapter::ObjectStore;

use crate::identity::Identity;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, named, parameters};

/// The link relation of remoteStorage; an identifier, `http:` included.
pub(crate) const REL: &str = "http://tools.ietf.org/id/draft-dejong-remotestorage";
/// The announced version; without it remotestorage.js sends no conditional requests.
const VERSION: &str = "draft-dejong-remotestorage-26";
/// The most characters of an address that an error repeats.
const MAX_SHOWN: usize = 100;

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// `GET /.well-known/webfinger?resource=acct:alice@chat.example.org`.
    pub(crate) async fn webfinger(&self, parts: &Parts) -> Answer {
        let resource = resource(parts)?;
        let unknown = || {
            let shown: String = resource.chars().take(MAX_SHOWN).collect();
            Failure::not_found(format!("nobody here has the address \"{shown}\""))
        };
        let name = self.local_part(&resource).ok_or_else(unknown)?;
        if self.account(&name).await?.is_none() {
            return Err(unknown());
        }
        let document = self.descriptor(&name);
        let mut response = answer(StatusCode::OK, &document);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/jrd+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }

    /// Returns the local account that `acct:name@host` names.
    fn local_part(&self, resource: &str) -> Option<AccountName> {
        let scheme = resource.get(..5)?;
        if !scheme.eq_ignore_ascii_case("acct:") {
            return None;
        }
        let (name, host) = resource[5..].rsplit_once('@')?;
        // `acct:` URIs have no port (RFC 7565, section 4), but clients that were given one keep it.
        let ours = [
            &*self.kernel.config().origin,
            self.kernel.config().storage_origin(),
        ]
        .into_iter()
        .filter_map(|origin| Some(origin.split_once("://")?.1))
        .any(|authority| {
            host.eq_ignore_ascii_case(authority)
                || host.eq_ignore_ascii_case(without_port(authority))
        });
        if !ours {
            return None;
        }
        name.to_ascii_lowercase().parse().ok()
    }

    fn descriptor(&self, name: &AccountName) -> serde_json::Value {
        let origin = &self.kernel.config().origin;
        let authorize = format!("{origin}/oauth/authorize/{name}");
        json!({
            "subject": format!("acct:{name}@{}", self.kernel.config().authority()),
            "links": [{
                "rel": REL,
                "href": self.kernel.config().storage_root(name),
                "properties": {
                    "http://remotestorage.io/spec/version": VERSION,
                    "http://tools.ietf.org/html/rfc6749#section-4.2": authorize,
                    "http://tools.ietf.org/html/rfc6749#section-3.1": authorize,
                    "http://tools.ietf.org/html/rfc6749#section-3.2": format!("{origin}/oauth/token"),
                    "http://tools.ietf.org/html/rfc7636": "S256",
                    "http://tools.ietf.org/html/rfc7233": "GET",
                    "http://tools.ietf.org/html/rfc6750#section-2.3": null,
                    "http://remotestorage.io/spec/web-authoring": null,
                }
            }]
        })
    }
}

/// Returns the only `resource` of the query (RFC 7033, section 4.2), if it is a URI.
fn resource(parts: &Parts) -> Result<String, Failure> {
    let query = parts.uri.query().unwrap_or_default();
    let pairs = parameters(query.as_bytes());
    let mut given = named(&pairs, "resource").map(str::to_owned);
    let (Some(resource), None) = (given.next(), given.next()) else {
        return Err(Failure::bad_request(
            "the query must have resource once; expected ?resource=acct:name@host",
        ));
    };
    let scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
    };
    let is_uri = |rest: &str| !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace());
    let is_account = |rest: &str| {
        rest.rsplit_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
    };
    let good = resource.split_once(':').is_some_and(|(name, rest)| {
        scheme(name) && is_uri(rest) && (!name.eq_ignore_ascii_case("acct") || is_account(rest))
    });
    if good {
        return Ok(resource);
    }
    let shown: String = resource.chars().take(MAX_SHOWN).collect();
    Err(Failure::bad_request(format!(
        "\"{shown}\" is not a user address; expected ?resource=acct:name@host"
    )))
}

/// Returns the host of `host:port`.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // Not inside an IPv6 address.
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{functions, functions_with};

    #[test]
    fn webfinger_describes_the_account() {
        let functions = functions();
        functions.sign_up("alice");
        for resource in [
            "acct:alice@chat.example.org",
            "acct%3Aalice%40chat.example.org",
            "acct:Alice@CHAT.example.org",
        ] {
            let target = format!("/.well-known/webfinger?resource={resource}");
            let reply = functions.request("GET", &target, &[("origin", "https://app.example")], "");
            assert_eq!(reply.status, 200, "{resource}");
            assert_eq!(reply.header("content-type"), "application/jrd+json");
            assert_eq!(
                reply.header("access-control-allow-origin"),
                "https://app.example"
            );
            let jrd = reply.json();
            let link = &jrd["links"][0];
            assert_eq!(
                link["rel"],
                "http://tools.ietf.org/id/draft-dejong-remotestorage"
            );
            assert_eq!(link["href"], "https://chat.example.org/storage/alice");
            let properties = link["properties"].as_object().unwrap();
            assert_eq!(properties.len(), 8);
            assert_eq!(
                properties["http://remotestorage.io/spec/version"],
                "draft-dejong-remotestorage-26"
            );
            assert_eq!(
                properties["http://tools.ietf.org/html/rfc6749#section-4.2"],
                "https://chat.example.org/oauth/authorize/alice"
            );
            assert_eq!(properties["http://tools.ietf.org/html/rfc7636"], "S256");
            assert_eq!(properties["http://tools.ietf.org/html/rfc7233"], "GET");
        }
        for unknown in [
            "acct:bob@chat.example.org",
            "acct:alice@other.example",
            "acct:1x@chat.example.org",
            "https://chat.example.org/",
        ] {
            let target = format!("/.well-known/webfinger?resource={unknown}");
            let reply = functions.request("GET", &target, &[], "");
            assert_eq!(reply.status, 404, "{unknown}");
            assert_eq!(reply.header("access-control-allow-origin"), "*");
        }
        for garbage in [
            "",
            "?resource=",
            "?resource=x",
            "?resource=garbage",
            "?resource=acct:alice",
            "?resource=acct:@chat.example.org",
            "?resource=acct:alice@",
            "?resource=1:a@b",
            "?resource=a:b%20c",
            "?resource=%F0%9F%98%80aaa",
            "?resource=acct:alice@chat.example.org&resource=acct:bob@chat.example.org",
        ] {
            let target = format!("/.well-known/webfinger{garbage}");
            let reply = functions.request("GET", &target, &[], "");
            assert_eq!(reply.status, 400, "{garbage}");
            assert_eq!(reply.header("access-control-allow-origin"), "*");
        }
    }

    #[test]
    fn an_address_needs_no_port() {
        for (origin, good, bad) in [
            (
                "http://127.0.0.1:6700",
                ["127.0.0.1", "127.0.0.1:6700"],
                "127.0.0.1:6701",
            ),
            ("http://[::1]:6700", ["[::1]", "[::1]:6700"], "[::1"),
            (
                "https://chat.example.org",
                ["chat.example.org", "CHAT.example.org"],
                "chat.example",
            ),
        ] {
            let f = functions_with(|config| {
                *config = crate::kernel::config::Config::new(origin, [7; 32]).unwrap();
            });
            f.sign_up("alice");
            let ask = |host: &str| {
                let target = format!("/.well-known/webfinger?resource=acct:alice%40{host}");
                f.request("GET", &target, &[], "").status
            };
            assert_eq!(good.map(ask), [200, 200], "{origin}");
            assert_eq!(ask(bad), 404, "{origin}");
        }
    }
}
