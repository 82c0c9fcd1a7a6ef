//! Converts a Worker's request to one of [`http`].

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use functions_core::ClientAddress;
use futures_util::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasm_bindgen::JsCast;
use worker::ByteStream;
use worker::send::SendWrapper;
use worker::worker_sys::web_sys;

/// The header in which Cloudflare puts the client's address; a value sent by the client is replaced.
const CLIENT: &str = "cf-connecting-ip";
/// The most that is read of an unwanted body, in bytes.
const MAX_DRAIN: usize = 256 * 1024;

/// Converts a request; also returns the client's address and the requested origin.
///
/// # Errors
/// One sentence: what is malformed.
pub(crate) fn translate(
    request: &web_sys::Request,
) -> Result<(Request<Incoming>, ClientAddress, String), String> {
    let url = request.url();
    let uri: Uri = url
        .parse()
        .map_err(|error| format!("the address is malformed: {error}"))?;
    let origin = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        _ => return Err("the address has no host".to_owned()),
    };
    let method = Method::from_bytes(request.method().as_bytes())
        .map_err(|_| "the method is malformed".to_owned())?;
    let headers = headers(&request.headers())?;
    let address = headers.get(CLIENT).and_then(|value| value.to_str().ok());
    let client = address.map_or(ClientAddress::UNKNOWN, ClientAddress::parse);
    let body = Incoming::new(request.body().map(ByteStream::from));
    let mut translated = Request::new(body);
    *translated.method_mut() = method;
    *translated.uri_mut() = uri;
    *translated.headers_mut() = headers;
    Ok((translated, client, origin))
}

fn headers(headers: &web_sys::Headers) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for entry in headers.entries() {
        let entry: js_sys::Array = entry
            .map_err(|_| "the headers are malformed".to_owned())?
            .unchecked_into();
        let text = |at| entry.get(at).as_string().unwrap_or_default();
        let name = HeaderName::from_bytes(text(0).as_bytes());
        // JavaScript has one character per byte.
        let value: Option<Vec<u8>> = text(1).chars().map(|c| u8::try_from(c).ok()).collect();
        let value = value.and_then(|value| HeaderValue::from_bytes(&value).ok());
        match (name, value) {
            (Ok(name), Some(value)) => map.append(name, value),
            _ => return Err(format!("the header {} is malformed", text(0))),
        };
    }
    Ok(map)
}

/// The body of a request as it arrives. Clones share the body.
#[derive(Clone)]
pub(crate) struct Incoming(SendWrapper<Rc<RefCell<Option<ByteStream>>>>);

impl Incoming {
    fn new(stream: Option<ByteStream>) -> Self {
        Self(SendWrapper(Rc::new(RefCell::new(stream))))
    }

    /// Reads and discards the rest, up to a limit: otherwise the next request on the same connection may wait for it.
    pub(crate) async fn drain(mut self) {
        let mut left = MAX_DRAIN;
        while let Some(Ok(frame)) = self.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = worker::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut body = self.0.borrow_mut();
        let Some(stream) = &mut *body else {
            return Poll::Ready(None);
        };
        let piece = std::task::ready!(Pin::new(stream).poll_next(cx));
        if !matches!(piece, Some(Ok(_))) {
            *body = None;
        }
        Poll::Ready(piece.map(|piece| piece.map(|piece| Frame::data(Bytes::from(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.borrow().is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}
