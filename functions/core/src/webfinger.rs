//! WebFinger (RFC 7033): from a user address to the storage and its authorisation endpoints.

use crate::Host;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use model::AccountName;
use serde_json::json;
use storage_adapter::ObjectStore;

use crate::Functions;
use crate::problem::{Answer, Failure};
use crate::request::{answer, query};

/// The link relation of remoteStorage; an identifier, `http:` included.
pub(crate) const REL: &str = "http://tools.ietf.org/id/draft-dejong-remotestorage";
/// The version that is announced; without it remotestorage.js sends no conditions.
const VERSION: &str = "draft-dejong-remotestorage-26";

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// `GET /.well-known/webfinger?resource=acct:alice@chat.example.org`.
    pub(crate) async fn webfinger(&self, parts: &Parts) -> Answer {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Failure::method("GET, HEAD, OPTIONS"));
        }
        let Some(resource) = query(parts, "resource") else {
            return Err(Failure::bad_request(
                "the query lacks resource; expected ?resource=acct:name@host",
            ));
        };
        let unknown = || Failure::not_found(format!("nobody here has the address \"{resource}\""));
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

    /// Returns the account that `acct:name@host` names here.
    fn local_part(&self, resource: &str) -> Option<AccountName> {
        let scheme = resource.get(..5)?;
        if !scheme.eq_ignore_ascii_case("acct:") {
            return None;
        }
        let (name, host) = resource[5..].rsplit_once('@')?;
        let storage = self.config.storage_origin();
        let storage = storage.split_once("://").map_or(storage, |(_, host)| host);
        let ours = host.eq_ignore_ascii_case(self.config.authority())
            || host.eq_ignore_ascii_case(storage);
        if !ours {
            return None;
        }
        name.to_ascii_lowercase().parse().ok()
    }

    fn descriptor(&self, name: &AccountName) -> serde_json::Value {
        let origin = &self.config.origin;
        let authorize = format!("{origin}/oauth/authorize/{name}");
        json!({
            "subject": format!("acct:{name}@{}", self.config.authority()),
            "links": [{
                "rel": REL,
                "href": self.config.storage_root(name),
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

#[cfg(test)]
mod tests {
    use crate::testing::functions;

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
            "https://chat.example.org/",
            "%F0%9F%98%80aaa",
            "x",
        ] {
            let target = format!("/.well-known/webfinger?resource={unknown}");
            let reply = functions.request("GET", &target, &[], "");
            assert_eq!(reply.status, 404, "{unknown}");
            assert_eq!(reply.header("access-control-allow-origin"), "*");
        }
        assert_eq!(
            functions
                .request("GET", "/.well-known/webfinger", &[], "")
                .status,
            400
        );
    }
}
