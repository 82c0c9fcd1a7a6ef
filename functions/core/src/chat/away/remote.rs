//! A client of an external remoteStorage server (draft-dejong-remotestorage), over [`Host::fetch`].

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::Timestamp;
use serde_json::Value;
use storage_adapter::{TreeError, Version, WriteCondition};

use super::retry_after::retry_after;
use crate::kernel::host::Destination;
use crate::kernel::host::FetchError;
use crate::kernel::host::FetchLimits;
use crate::kernel::host::Host;

/// The largest document that is read, in bytes; a day's archive is far smaller.
pub(crate) const MAX_DOCUMENT: u64 = 16 * 1024 * 1024;
/// The largest folder listing, in bytes.
const MAX_LISTING: u64 = 4 * 1024 * 1024;
/// How long one request may take, in milliseconds.
const TIMEOUT: u64 = 10_000;
/// Seconds to wait before a retry, unless the server gives another time.
const RETRY_AFTER: u64 = 5;
/// Characters that are not escaped in names: those that every server takes literally.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Why a request failed; each is one sentence for the user.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum AwayError {
    /// The token is no longer valid (401, 403).
    #[error("{0} no longer accepts the authorisation (status {1}); authorise again")]
    Renew(String, u16),
    /// No space (507), or the document is too large (413).
    #[error("{0} has no space left for archives (status {1}); free some there")]
    Full(String, u16),
    /// No response, or one that reports a temporary failure.
    #[error("{reason}")]
    Unreachable {
        /// What happened.
        reason: String,
        /// Seconds.
        retry_after: u64,
        /// Whether to retry once at once: a connection broke, or the server failed without giving a time.
        again: bool,
    },
    /// There was not enough time to write everything; the rest follows.
    #[error("{0} takes its time; the rest follows")]
    Unfinished(String),
    /// A document is where a folder must be, or vice versa (409).
    #[error("{0}")]
    Conflict(String),
    /// The precondition failed (412).
    #[error("others keep writing to the same archive; it will be retried")]
    Precondition,
}

impl AwayError {
    fn unreachable(reason: impl Into<String>) -> Self {
        Self::Unreachable {
            reason: reason.into(),
            retry_after: RETRY_AFTER,
            again: false,
        }
    }
}

impl From<FetchError> for AwayError {
    fn from(error: FetchError) -> Self {
        Self::Unreachable {
            reason: error.to_string(),
            retry_after: RETRY_AFTER,
            // Not after a timeout, as others are waiting.
            again: matches!(error, FetchError::Unreachable(..)),
        }
    }
}

impl From<TreeError> for AwayError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Conflict(reason) => Self::Conflict(reason),
            other => Self::unreachable(other.to_string()),
        }
    }
}

/// A document as it was found.
pub(crate) enum Document {
    Absent,
    /// Bytes, content type, version.
    Here(Bytes, String, Version),
    TooLarge,
}

/// One user's storage on an external server.
pub(crate) struct Remote<'a, H> {
    host: &'a H,
    /// Without a trailing slash.
    root: &'a str,
    token: &'a str,
    /// No request runs past this deadline.
    until: Timestamp,
}

impl<'a, H: Host> Remote<'a, H> {
    pub(crate) const fn new(host: &'a H, root: &'a str, token: &'a str, until: Timestamp) -> Self {
        Self {
            host,
            root,
            token,
            until,
        }
    }

    /// Reads a document.
    pub(crate) async fn get(&self, path: &[String]) -> Result<Document, AwayError> {
        let request = self.request(Method::GET, path, false);
        let answer = match self.send(request, Bytes::new(), MAX_DOCUMENT).await {
            Ok(answer) => answer,
            Err(Sent::TooLarge) => return Ok(Document::TooLarge),
            Err(Sent::Failed(error)) => return Err(error),
        };
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(Document::Absent),
            StatusCode::OK => {
                let version = version(answer.headers()).ok_or_else(|| {
                    AwayError::unreachable(format!(
                        "{} gives documents without ETag, so it cannot be written to safely",
                        self.name()
                    ))
                })?;
                let kind = answer.headers().get(header::CONTENT_TYPE);
                let kind = kind.and_then(|kind| kind.to_str().ok());
                let kind = kind.unwrap_or("application/octet-stream").to_owned();
                Ok(Document::Here(answer.into_body(), kind, version))
            }
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Lists the names in a folder, subfolders with a trailing slash. A missing folder is an empty one.
    pub(crate) async fn list(&self, path: &[String]) -> Result<Vec<String>, AwayError> {
        let request = self.request(Method::GET, path, true);
        let answer = match self.send(request, Bytes::new(), MAX_LISTING).await {
            Ok(answer) => answer,
            Err(Sent::TooLarge) => {
                return Err(AwayError::unreachable(format!(
                    "a folder at {} has more entries than can be read",
                    self.name()
                )));
            }
            Err(Sent::Failed(error)) => return Err(error),
        };
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(Vec::new()),
            StatusCode::OK => {
                // Its size in memory is bounded as well, whatever the server sends.
                let listing = hooks::parse_json(answer.body()).ok();
                let listing = listing.as_ref().and_then(Value::as_object);
                let listing = listing.ok_or_else(|| self.nonsense("a listing that is not JSON"))?;
                // Before draft-dejong-remotestorage-02 the document itself was the map of entries.
                let items = listing.get("items").and_then(Value::as_object);
                Ok(items.unwrap_or(listing).keys().cloned().collect())
            }
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Writes a document; returns its version. A success response without one cannot be relied on.
    pub(crate) async fn put(
        &self,
        path: &[String],
        content_type: &str,
        body: Bytes,
        condition: &WriteCondition,
    ) -> Result<Version, AwayError> {
        let mut request = self.request(Method::PUT, path, false);
        let headers = request.headers_mut();
        if let Ok(kind) = HeaderValue::try_from(content_type) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        condition_headers(headers, condition);
        let answer = self.send(request, body, MAX_LISTING).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => {
                version(answer.headers())
                    .ok_or_else(|| self.nonsense("a write that succeeded without ETag"))
            }
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Deletes a document; succeeds if it does not exist.
    pub(crate) async fn delete(
        &self,
        path: &[String],
        condition: &WriteCondition,
    ) -> Result<(), AwayError> {
        let mut request = self.request(Method::DELETE, path, false);
        condition_headers(request.headers_mut(), condition);
        let answer = self.send(request, Bytes::new(), MAX_LISTING).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// The server's name, for people.
    pub(crate) fn name(&self) -> &str {
        let rest = self
            .root
            .split_once("://")
            .map_or(self.root, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    fn nonsense(&self, what: &str) -> AwayError {
        AwayError::unreachable(format!("{} answered with {what}", self.name()))
    }

    fn request(&self, method: Method, path: &[String], folder: bool) -> Request<Bytes> {
        let mut uri = self.root.to_owned();
        for segment in path {
            uri.push('/');
            uri.extend(utf8_percent_encode(segment, NAME));
        }
        if folder {
            uri.push('/');
        }
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        // Both were checked when the storage was connected.
        *request.uri_mut() = uri.parse().unwrap_or_default();
        if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", self.token)) {
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        // Compression in transit changes ETags.
        request.headers_mut().insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        request
    }

    async fn send(
        &self,
        mut request: Request<Bytes>,
        body: Bytes,
        max_body: u64,
    ) -> Result<Response<Bytes>, Sent> {
        let left = self.until.millis() - self.host.now().millis();
        let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else {
            return Err(Sent::Failed(AwayError::Unfinished(self.name().to_owned())));
        };
        *request.body_mut() = body;
        let limits = FetchLimits {
            destination: Destination::Public,
            max_body,
            timeout: left.min(TIMEOUT),
        };
        match self.host.fetch(request, limits).await {
            Ok(answer) => Ok(answer),
            Err(FetchError::TooLarge(..)) => Err(Sent::TooLarge),
            Err(error) => Err(Sent::Failed(error.into())),
        }
    }

    /// What an unsuccessful response means.
    fn refusal(&self, answer: &Response<Bytes>) -> AwayError {
        let (status, name) = (answer.status(), self.name());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                AwayError::Renew(name.to_owned(), status.as_u16())
            }
            StatusCode::INSUFFICIENT_STORAGE | StatusCode::PAYLOAD_TOO_LARGE => {
                AwayError::Full(name.to_owned(), status.as_u16())
            }
            StatusCode::PRECONDITION_FAILED => AwayError::Precondition,
            StatusCode::CONFLICT => AwayError::Conflict(format!(
                "{name} has a document where a folder has to be, or the other way round"
            )),
            _ if status.is_redirection() => AwayError::unreachable(format!(
                "{name} redirects (status {status}), which is not followed with a token"
            )),
            _ => {
                let wait = retry_after(answer.headers(), self.host.now());
                AwayError::Unreachable {
                    reason: format!("{name} answered with status {status}"),
                    retry_after: wait.unwrap_or(RETRY_AFTER),
                    again: wait.is_none() && status.is_server_error(),
                }
            }
        }
    }
}

/// Why there is no response.
enum Sent {
    TooLarge,
    Failed(AwayError),
}

impl From<Sent> for AwayError {
    fn from(sent: Sent) -> Self {
        match sent {
            Sent::TooLarge => Self::unreachable("the server's response is too large"),
            Sent::Failed(error) => error,
        }
    }
}

/// The strong tag: some proxies weaken it, but the server itself compares its own.
fn version(headers: &HeaderMap) -> Option<Version> {
    let tag = headers.get(header::ETAG)?.to_str().ok()?.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    (!tag.is_empty()).then(|| Version(tag.to_owned()))
}

fn condition_headers(headers: &mut HeaderMap, condition: &WriteCondition) {
    let list = |versions: &[Version]| {
        let tags: Vec<&str> = versions.iter().map(|version| version.0.as_str()).collect();
        HeaderValue::try_from(tags.join(", ")).ok()
    };
    let (name, value) = match condition {
        WriteCondition::None => return,
        WriteCondition::IfAbsent => (header::IF_NONE_MATCH, Some(HeaderValue::from_static("*"))),
        WriteCondition::IfExists => (header::IF_MATCH, Some(HeaderValue::from_static("*"))),
        WriteCondition::IfMatch(versions) => (header::IF_MATCH, list(versions)),
        WriteCondition::IfNoneOf(versions) => (header::IF_NONE_MATCH, list(versions)),
    };
    if let Some(value) = value {
        headers.insert(name, value);
    }
}
