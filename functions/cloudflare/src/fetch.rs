//! Requests to other servers.
//!
//! Workers cannot connect to private networks: their requests leave from Cloudflare's machines, to public addresses
//! only, and names are resolved there. So only what can be seen without resolving is refused here: literal addresses,
//! and names that mean the machine itself.

use std::time::Duration;

use bytes::Bytes;
use functions_core::{Destination, FetchError, FetchLimits};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use js_sys::Uint8Array;
use protocol::Gathered;
use worker::{AbortController, Delay, Error, Fetch, Method, RequestInit, RequestRedirect};

pub(crate) async fn fetch(
    request: Request<Bytes>,
    limits: FetchLimits,
) -> Result<Response<Bytes>, FetchError> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    if limits.destination == Destination::Public && !protocol::may_be_public(&host) {
        return Err(FetchError::Forbidden(host));
    }
    let controller = AbortController::default();
    let signal = controller.signal();
    let exchange = std::pin::pin!(exchange(request, &signal, limits.max_body));
    let late = Delay::from(Duration::from_millis(limits.timeout));
    match select(exchange, std::pin::pin!(late)).await {
        Either::Left((Ok(Some(response)), _)) => Ok(response),
        Either::Left((Ok(None), _)) => {
            controller.abort();
            Err(FetchError::TooLarge(host, limits.max_body))
        }
        Either::Left((Err(error), _)) => Err(FetchError::Unreachable(host, error.to_string())),
        Either::Right(_) => {
            controller.abort();
            Err(FetchError::Timeout(host))
        }
    }
}

/// Sends the request and reads the response; `None` if it has more than `max_body` bytes.
async fn exchange(
    request: Request<Bytes>,
    signal: &worker::AbortSignal,
    max_body: u64,
) -> Result<Option<Response<Bytes>>, Error> {
    let headers = worker::Headers::new();
    for (name, value) in request.headers() {
        let value: String = value.as_bytes().iter().copied().map(char::from).collect();
        headers.append(name.as_str(), &value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::from(request.method().to_string()))
        .with_headers(headers)
        .with_redirect(RequestRedirect::Manual);
    if !request.body().is_empty() {
        init.with_body(Some(Uint8Array::from(&request.body()[..]).into()));
    }
    let outgoing = worker::Request::new_with_init(&request.uri().to_string(), &init)?;
    let mut answer = Fetch::Request(outgoing).send_with_signal(signal).await?;
    let mut body = Gathered::default();
    // A response without a body has no stream.
    if let Ok(mut pieces) = answer.stream() {
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            if (body.len() + piece.len()) as u64 > max_body {
                return Ok(None);
            }
            body.push(piece.into());
        }
    }
    let mut response = Response::new(body.finish());
    *response.status_mut() =
        StatusCode::from_u16(answer.status_code()).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in answer.headers() {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
        let value = value.and_then(|value| HeaderValue::from_bytes(&value).ok());
        // Headers that cannot be represented are left out: nothing here could use them.
        if let (Ok(name), Some(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(Some(response))
}
