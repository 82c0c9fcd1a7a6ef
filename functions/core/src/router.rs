//! From a request to its handler, and what every answer gets.

use crate::Host;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use storage_adapter::{MaybeSend, ObjectStore};

use crate::body::{Body, Incoming};
use crate::guard::ClientAddress;
use crate::problem::{Answer, Failure};
use crate::request::{answer, empty};
use crate::{Functions, cors};

/// The longest path with query, in bytes.
const MAX_TARGET: usize = 16 * 1024;

/// Returns whether a path belongs to the functions; a host may serve all others itself.
#[must_use]
pub fn is_ours(path: &str) -> bool {
    let below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    path == "/healthz"
        || path == "/.well-known/webfinger"
        || [
            "/storage",
            "/api",
            "/oauth",
            "/connector",
            "/hooks",
            "/notifications",
        ]
        .into_iter()
        .any(below)
}

/// Returns whether a request may take some 20 ms of processor time at a stretch (hashing a password), so
/// that a host with threads may want to handle it on one of its own.
#[must_use]
pub fn is_blocking(method: &Method, path: &str) -> bool {
    match *method {
        Method::PUT => path == "/api/password",
        Method::POST => {
            matches!(
                path,
                "/api/accounts" | "/api/session" | "/connector/authenticate"
            ) || path.starts_with("/oauth/authorize/")
        }
        _ => false,
    }
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Answers a request.
    pub async fn handle<B>(&self, request: Request<B>, client: ClientAddress) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + MaybeSend + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let body = Incoming::new(body, &self.bodies);
        let mut response = match self.route(&parts, body, client).await {
            Ok(response) => response,
            Err(failure) => failure.into_response(),
        };
        // Pages are for people, not for other pages.
        let path = parts.uri.path();
        if !path.starts_with("/oauth/authorize") && !path.starts_with("/notifications/") {
            cors::open(parts.headers.get(header::ORIGIN), response.headers_mut());
        }
        protect(response.headers_mut());
        cors::strip_for_head(&parts.method, &mut response);
        response
    }

    async fn route(&self, parts: &Parts, body: Incoming, client: ClientAddress) -> Answer {
        let path = parts.uri.path();
        let target = parts.uri.path_and_query().map_or(0, |p| p.as_str().len());
        if target > MAX_TARGET {
            return Err(Failure::new(
                StatusCode::URI_TOO_LONG,
                format!("the address is longer than {MAX_TARGET} bytes"),
            ));
        }
        if parts.method == Method::OPTIONS {
            return Ok(cors::preflight(path));
        }
        if let Some(rest) = path.strip_prefix("/storage/") {
            return self.answer_storage(parts, rest, body, client).await;
        }
        match path {
            "/.well-known/webfinger" => self.webfinger(parts).await,
            "/oauth/token" => self.oauth_token(parts, body).await,
            "/healthz" => health(parts),
            _ => {
                if let Some(account) = path.strip_prefix("/oauth/authorize/") {
                    self.authorize(parts, account, body, client).await
                } else if path == "/api" || path.starts_with("/api/") {
                    self.answer_api(parts, body, client).await
                } else if let Some(rest) = path.strip_prefix("/connector/") {
                    self.connector(parts, rest, body).await
                } else if let Some(rest) = path.strip_prefix("/notifications/") {
                    self.answer_notifications(parts, rest, body, client).await
                } else if let Some(rest) = path.strip_prefix("/hooks/") {
                    self.answer_hook(parts, rest, body, client).await
                } else {
                    Err(Failure::not_found("there is nothing at this address"))
                }
            }
        }
    }

    /// `GET /api`: what a client has to know before anybody has signed in.
    pub(crate) async fn about(&self) -> Answer {
        let needs_setup = self.config.setup_token.is_some() && self.needs_setup().await?;
        Ok(answer(
            StatusCode::OK,
            &serde_json::json!({
                "name": self.config.name,
                "version": env!("CARGO_PKG_VERSION"),
                "needs_setup": needs_setup,
                "storage": self.config.storage_origin(),
            }),
        ))
    }
}

/// Whatever a browser takes an answer for, it runs nothing in it. Pages and documents have said more.
pub(crate) fn protect(headers: &mut HeaderMap) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "sandbox; default-src 'none'; frame-ancestors 'none'",
        ));
}

fn health(parts: &Parts) -> Answer {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(Failure::method("GET, HEAD, OPTIONS"));
    }
    let mut response = empty(StatusCode::OK);
    *response.body_mut() = Body::from(&b"ok"[..]);
    Ok(response)
}

/// Forgets a body that will not be used, within bounds.
pub(crate) async fn discard(body: Incoming) {
    body.drain().await;
}
