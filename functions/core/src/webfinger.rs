//! WebFinger (RFC 7033): from a user address to the storage and its authorisation endpoints.

use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use model::AccountName;
use serde_json::json;
use storage_adapter::{Host, ObjectStore};

use crate::Functions;
use crate::problem::{Answer, Failure};
use crate::request::{answer, query};

/// The link relation of remoteStorage; an identifier, `http:` included.
const REL: &str = "http://tools.ietf.org/id/draft-dejong-remotestorage";
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
