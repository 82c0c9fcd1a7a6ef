//! Parsing requests and writing simple responses.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kernel::body::Body;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::Failure;
use crate::kernel::work::look;

/// Reads and parses a JSON body.
pub(crate) async fn json<T: DeserializeOwned>(body: Incoming) -> Result<T, Failure> {
    parse_json(&body.whole().await?)
}

/// Parses JSON; errors about its structure name the position.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Failure::unprocessable(format!(
            "the body does not have the expected fields: {error}"
        )),
        _ => Failure::bad_request(format!("the body is not JSON: {error}")),
    })
}

/// Responds with JSON that must not be cached.
pub(crate) fn answer<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    // Code that does not depend on the type exists once, since every copy enlarges the edge builds.
    answer_json(status, serde_json::to_vec(value).unwrap_or_default())
}

fn answer_json(status: StatusCode, json: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Answers without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Returns a decoded parameter of the query; the first if there are several.
pub(crate) fn query(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .inspect(|(key, value)| look(key.len() + value.len()))
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// Parses the parameters of a query or a form, decoded, in their order.
pub(crate) fn parameters(bytes: &[u8]) -> Vec<(String, String)> {
    look(bytes.len());
    url::form_urlencoded::parse(bytes).into_owned().collect()
}

/// Returns the values of a parameter.
pub(crate) fn named<'a>(
    parameters: &'a [(String, String)],
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    parameters
        .iter()
        .inspect(|(key, _)| look(key.len()))
        .filter(move |(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Whatever type a browser takes a response for, nothing in it is run. Pages and documents set stricter headers before.
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
