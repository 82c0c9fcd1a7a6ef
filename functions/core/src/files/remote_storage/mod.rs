//! `/storage/<account>/…`: remoteStorage (draft-dejong-remotestorage-26).

mod access;
mod conditions;
mod delete;
mod folder;
mod get;
mod put;
mod range;
#[cfg(test)]
mod tests;

use crate::kernel::host::Host;
use http::header;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use protocol::{Access, AccountName};
use storage_adapter::{InvalidPath, ItemPath, ObjectStore, Version};

use crate::files::Files;
use crate::kernel::etag::quoted;
use crate::kernel::guard::ClientAddress;
use crate::kernel::incoming::Incoming;
use crate::kernel::methods::Methods;
use crate::kernel::problem::{Answer, Failure};

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const NO_CACHE_PUBLIC: HeaderValue = HeaderValue::from_static("no-cache, public");
/// Stored pages must not run scripts on this origin.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'",
);

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Serves everything below `/storage/`; `rest` is the remaining path.
    pub(crate) async fn answer_storage(
        &self,
        parts: &Parts,
        rest: &str,
        body: Incoming,
        client: ClientAddress,
    ) -> Answer {
        let (account, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        // An impossible account name gets the same response as any other that the token does not open.
        let account = account.parse::<AccountName>().ok();
        let item = match ItemPath::parse(path) {
            Ok(item) => item,
            Err(error) => {
                body.drain().await;
                return Err(invalid(&error));
            }
        };
        let access = match parts.method {
            Method::GET | Method::HEAD => Access::Read,
            _ => Access::ReadWrite,
        };
        if is_for_running(&parts.headers) {
            body.drain().await;
            return Err(Failure::forbidden(
                "what is stored here is not run as a script of this site",
            ));
        }
        let authorized = self
            .authorize_storage(&parts.headers, account.as_ref(), &item, access, client)
            .await;
        let account = match (authorized, account) {
            (Ok(()), Some(account)) => account,
            (Ok(()), None) => {
                body.drain().await;
                return Err(Failure::not_found("there is no such document"));
            }
            (Err(failure), _) => {
                body.drain().await;
                return Err(failure);
            }
        };
        if access == Access::Read {
            self.publish_before_read(&account, &item).await;
        }
        let public = item.is_public();
        match (&parts.method, item) {
            (&Method::GET | &Method::HEAD, ItemPath::Document(path)) => {
                self.get_document(parts, &account, &path, public).await
            }
            (&Method::GET | &Method::HEAD, ItemPath::Folder(path)) => {
                self.get_folder(parts, &account, &path, public).await
            }
            (&Method::PUT, ItemPath::Document(path)) => {
                Box::pin(self.put_document(parts, &account, &path, body)).await
            }
            (&Method::DELETE, ItemPath::Document(path)) => {
                Box::pin(self.delete_document(parts, &account, &path)).await
            }
            // The root, without the slash by which the table recognises folders.
            (_, _) => {
                body.drain().await;
                Err(Failure::method(Methods::READ))
            }
        }
    }
}

/// A path that does not name an item.
fn invalid(error: &InvalidPath) -> Failure {
    let status = match error {
        InvalidPath::TooLong(_) => StatusCode::URI_TOO_LONG,
        InvalidPath::Malformed(_) => StatusCode::BAD_REQUEST,
    };
    Failure::new(status, error.to_string())
}

/// Returns whether a page of this origin is about to execute the document: the client's own policy allows scripts of
/// its origin, and stored documents must not become such scripts (Fetch Metadata).
fn is_for_running(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_script = matches!(
        text("sec-fetch-dest"),
        Some(
            "script"
                | "worker"
                | "sharedworker"
                | "serviceworker"
                | "audioworklet"
                | "paintworklet"
        )
    );
    is_script && text("sec-fetch-site") == Some("same-origin")
}

/// Sets the headers of every successful response with content.
fn set_common(headers: &mut HeaderMap, version: &Version, public: bool) {
    if let Ok(etag) = quoted(version) {
        headers.insert(header::ETAG, etag);
    }
    let cache = if public { NO_CACHE_PUBLIC } else { NO_CACHE };
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
}
