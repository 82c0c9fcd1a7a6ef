//! CORS: every response can be read from every origin, whatever its status. Access depends on bearer tokens only, never
//! on cookies, so this exposes nothing.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::kernel::body::Body;
use crate::kernel::methods::Methods;

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Content-Length, Content-Type, Content-Range, Accept-Ranges, Last-Modified, Retry-After, \
     WWW-Authenticate",
);
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Length, Content-Type, Origin, X-Requested-With, If-Match, If-None-Match, \
     If-Range, Range",
);
const ANY: HeaderValue = HeaderValue::from_static("*");
const VARY: HeaderValue = HeaderValue::from_static("Origin");
/// How long browsers may cache a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// Adds the headers that let pages of any origin read the response.
pub(crate) fn open(origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        origin.cloned().unwrap_or(ANY),
    );
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(header::VARY, VARY);
}

/// Responds to OPTIONS, preflight or not.
pub(crate) fn preflight(methods: Methods) -> Response<Body> {
    let methods = methods.value();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, methods.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// Turns a response to GET into one to HEAD: no body, but its length.
pub(crate) fn strip_for_head(method: &Method, response: &mut Response<Body>) {
    if method != Method::HEAD {
        return;
    }
    let length = response.body().length();
    let bodiless = matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    let headers = response.headers_mut();
    if !bodiless && !headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
}
