//! Converts responses of [`functions_core`] to a Worker's.

use bytes::Bytes;
use functions_core::Body;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyStream;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::web_sys;
use worker::{Error, FixedLengthStream};

/// Headers of every response, the same as the functions' own.
const PROTECTION: [(&str, &str); 2] = [
    ("x-content-type-options", "nosniff"),
    (
        "content-security-policy",
        "sandbox; default-src 'none'; frame-ancestors 'none'",
    ),
];

/// Converts a response. Streams keep their length: a wrong one breaks the connection.
pub(crate) fn translate(response: Response<Body>) -> Result<web_sys::Response, Error> {
    let (mut parts, body) = response.into_parts();
    keep_as_it_is(&mut parts.headers);
    let body = match body.into_whole() {
        Ok(bytes) if bytes.is_empty() => None,
        Ok(bytes) => Some(JsValue::from(array(&bytes))),
        Err(stream) => {
            let length = stream.length();
            let frames = BodyStream::new(stream).filter_map(|frame| {
                std::future::ready(match frame {
                    Ok(frame) => frame.into_data().ok().map(|data| Ok(data.to_vec())),
                    Err(error) => Some(Err(Error::RustError(error.to_string()))),
                })
            });
            let stream = FixedLengthStream::wrap(frames, length);
            let stream: worker::worker_sys::FixedLengthStream = stream.into();
            Some(JsValue::from(stream.readable()))
        }
    };
    make(parts.status, &parts.headers, body.as_ref())
}

/// Prevents Cloudflare from transforming texts (RFC 9111, section 5.2.2.6): it would compress them and weaken their
/// ETags, and remoteStorage clients cannot use weak ones.
fn keep_as_it_is(headers: &mut HeaderMap) {
    if !headers.contains_key(header::ETAG) {
        return;
    }
    let others = headers.get(header::CACHE_CONTROL);
    let others = others.and_then(|value| value.to_str().ok());
    let all = others.map_or_else(
        || "no-transform".to_owned(),
        |others| format!("{others}, no-transform"),
    );
    if let Ok(all) = HeaderValue::from_str(&all) {
        headers.insert(header::CACHE_CONTROL, all);
    }
}

fn make(
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<&JsValue>,
) -> Result<web_sys::Response, Error> {
    let list = web_sys::Headers::new()?;
    for (name, value) in headers {
        // JavaScript has one character per byte.
        let value: String = value.as_bytes().iter().copied().map(char::from).collect();
        list.append(name.as_str(), &value)?;
    }
    let init = web_sys::ResponseInit::new();
    init.set_status(status.as_u16());
    init.set_headers(&list);
    // Stored bytes are sent unchanged, even if a header declares them compressed.
    if headers.contains_key(header::CONTENT_ENCODING) {
        js_sys::Reflect::set(&init, &"encodeBody".into(), &"manual".into())?;
    }
    Ok(
        match body.map(|body| (body, body.dyn_ref::<Uint8Array>())) {
            Some((_, Some(bytes))) => {
                web_sys::Response::new_with_opt_js_u8_array_and_init(Some(bytes), &init)?
            }
            Some((stream, None)) => web_sys::Response::new_with_opt_readable_stream_and_init(
                Some(stream.unchecked_ref()),
                &init,
            )?,
            None => web_sys::Response::new_with_opt_readable_stream_and_init(None, &init)?,
        },
    )
}

fn array(bytes: &Bytes) -> Uint8Array {
    Uint8Array::from(&bytes[..])
}

fn plain(status: StatusCode, text: &str) -> Result<web_sys::Response, Error> {
    let body = JsValue::from(Uint8Array::from(text.as_bytes()));
    let response = make(status, &HeaderMap::new(), Some(&body))?;
    let headers = response.headers();
    headers.set("content-type", "text/plain; charset=utf-8")?;
    headers.set("cache-control", "no-store")?;
    for (name, value) in PROTECTION {
        headers.set(name, value)?;
    }
    Ok(response)
}

/// Responds to a request that cannot be converted.
pub(crate) fn refused(reason: &str) -> Result<web_sys::Response, Error> {
    plain(StatusCode::BAD_REQUEST, &format!("{reason}\n"))
}

/// Responds for files that do not exist.
pub(crate) fn not_found() -> Result<web_sys::Response, Error> {
    plain(StatusCode::NOT_FOUND, "There is no such page.\n")
}

/// Responds to unsupported methods for files.
pub(crate) fn only_get() -> Result<web_sys::Response, Error> {
    let response = plain(
        StatusCode::METHOD_NOT_ALLOWED,
        "Only GET and HEAD are answered here.\n",
    )?;
    response.headers().set("allow", "GET, HEAD")?;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_an_etag_is_not_transformed() {
        let mut headers = HeaderMap::new();
        keep_as_it_is(&mut headers);
        assert!(headers.is_empty());
        headers.insert(header::ETAG, HeaderValue::from_static("\"a\""));
        keep_as_it_is(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "no-transform");
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        keep_as_it_is(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache, no-transform");
    }
}
