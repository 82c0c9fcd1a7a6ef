//! Errors as responses: RFC 9457 problem details with one sentence.

use std::borrow::Cow;

use http::header::{self, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use protocol::Problem;
use storage_adapter::{BodyError, StoreError, TreeError};

use crate::kernel::body::Body;
use crate::kernel::etag::quoted;
use crate::kernel::methods::Methods;

/// Why a request fails.
///
/// Failures of request bodies are the sender's mistakes ([`BodyError`], 400 and 413); data that the store cannot
/// deliver completely is [`StoreError::Unavailable`] instead, and a stored record that is too large is
/// [`StoreError::Damaged`].
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) detail: Cow<'static, str>,
    /// A list, since there are two at most and failures are moved a lot.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether only one account is affected: its own store, or one of its records, is what failed.
    pub(crate) own: bool,
    /// The error from the installation's store, for its operator only.
    pub(crate) store: Option<String>,
    /// Whether the installation's disk is full.
    full: bool,
}

/// Among the extensions of a response: the installation's own disk is full, which must be reported to its operator.
#[derive(Clone, Copy, Debug)]
pub struct DiskFull;

/// What handlers return.
pub(crate) type Answer = Result<Response<Body>, Failure>;

impl Failure {
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            headers: Vec::new(),
            own: false,
            store: None,
            full: false,
        }
    }

    /// The installation's store failed: its error is for the operator only.
    fn of_store(self, error: &StoreError) -> Self {
        Self {
            store: Some(error.to_string()),
            ..self
        }
    }

    /// Whether the installation's disk is full, which affects everyone.
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    /// Returns the reason, for the operator only.
    pub(crate) fn reason(&self) -> &str {
        self.store.as_deref().unwrap_or(&self.detail)
    }

    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub(crate) fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// The request has no valid token (RFC 6750, section 3).
    pub(crate) fn unauthorized(detail: impl Into<Cow<'static, str>>, token_came: bool) -> Self {
        let challenge = if token_came {
            "Bearer realm=\"subspace\", error=\"invalid_token\""
        } else {
            "Bearer realm=\"subspace\""
        };
        Self::new(StatusCode::UNAUTHORIZED, detail).with(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        )
    }

    /// Too many requests; `seconds` until a retry is worthwhile.
    pub(crate) fn too_many(detail: impl Into<Cow<'static, str>>, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Returns the seconds after which a retry is worthwhile, if known.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        let mut named = self
            .headers
            .iter()
            .filter(|(name, _)| name == header::RETRY_AFTER);
        named.next()?.1.to_str().ok()?.parse().ok()
    }

    /// The method is not supported there; `methods` are.
    pub(crate) fn method(methods: Methods) -> Self {
        let failure = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("this address does not support this method; it supports {methods}"),
        );
        failure.with(header::ALLOW, methods.value())
    }

    pub(crate) fn busy(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// The account's own store failed, or is being moved.
    fn own(detail: String) -> Self {
        Self {
            own: true,
            ..Self::busy(detail)
        }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Converts it to problem details.
    pub(crate) fn into_response(self) -> Response<Body> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let problem = Problem::new(self.status.as_u16(), title, self.detail);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        if self.full {
            response.extensions_mut().insert(DiskFull);
        }
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than the {limit} bytes that are allowed here"),
            ),
            BodyError::Broken(reason) => {
                Self::bad_request(format!("the body did not arrive completely: {reason}"))
            }
            BodyError::Busy => {
                Self::busy("too many large requests are being read at once; please try again")
            }
            other => Self::bad_request(other.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Body(error) => error.into(),
            StoreError::NotFound => Self::not_found("there is no such record, or it was deleted"),
            // Handlers that use conditions handle this themselves; what remains is a lost race.
            StoreError::Precondition | StoreError::NotModified => {
                Self::busy("others changed the same thing at the same time; please try again")
            }
            StoreError::Account(detail) | StoreError::AccountUnavailable(detail) => {
                Self::own(detail)
            }
            StoreError::Full(words) => Self {
                full: true,
                ..Self::new(StatusCode::INSUFFICIENT_STORAGE, words)
            },
            StoreError::Unavailable(_) => {
                Self::busy("the object store does not answer right now; please try again")
                    .of_store(&error)
            }
            // Only its account waits; nobody else is affected.
            StoreError::Damaged(detail) => Self {
                own: true,
                ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            },
            StoreError::Denied(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the object store denies access; the operator must check its credentials and permissions, and finds \
                 the reason in the log",
            )
            .of_store(&error),
            StoreError::Refused(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the object store refuses this; the operator can find the reason in the log",
            )
            .of_store(&error),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the object store failed"),
        }
    }
}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::NotFound => Self::not_found("there is no such document"),
            TreeError::Precondition { current } => {
                let failure = Self::new(
                    StatusCode::PRECONDITION_FAILED,
                    "the document does not have the version that the request names",
                );
                match current.as_ref().map(quoted) {
                    Some(Ok(etag)) => failure.with(header::ETAG, etag),
                    _ => failure,
                }
            }
            TreeError::Conflict(detail) => Self::conflict(detail),
            TreeError::Quota { limit, used } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                format!(
                    "the account's quota of {limit} bytes does not allow this; {used} bytes are used"
                ),
            ),
            TreeError::Range { length } => {
                let range = HeaderValue::try_from(format!("bytes */{length}"));
                let failure = Self::new(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    format!("the range lies outside of the document's {length} bytes"),
                );
                match range {
                    Ok(range) => failure.with(header::CONTENT_RANGE, range),
                    Err(_) => failure,
                }
            }
            TreeError::Body(error) => error.into(),
            TreeError::Busy => {
                Self::busy("too many others write to the same module at once; please try again")
            }
            TreeError::Late => Self::busy(
                "it took too long until the document could be stored, and nothing was changed; please try again",
            ),
            TreeError::Store(error) => error.into(),
            TreeError::Format(detail) => Self {
                own: true,
                ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            },
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the storage failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was not decided in time, by nobody's fault: the same request may succeed.
    #[test]
    fn who_came_too_late_may_try_again() {
        assert_eq!(Failure::from(TreeError::Late).status, 503);
        assert_eq!(Failure::from(TreeError::Busy).status, 503);
    }
}
