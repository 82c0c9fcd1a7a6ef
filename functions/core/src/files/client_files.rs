//! Serves the web client's files; the host supplies the bytes.
//!
//! ```
//! use functions_core::client_files::{self, Wanted};
//!
//! let request = http::Request::get("/").body(()).unwrap();
//! let wanted = Wanted::by(&request).unwrap();
//! assert_eq!(wanted.name(), "index.html");
//! let answer = wanted.found(b"<!doctype html>".to_vec().into(), false);
//! assert_eq!(answer.status(), 200);
//! ```

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

/// Scripts and styles are the client's own; it connects to the storage and connectors that the account uses, which may
/// be anywhere, and shows images that people link to.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; connect-src 'self' https: wss:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// Content types of the files in a build of the client.
const TYPES: [(&str, &str); 15] = [
    ("css", "text/css; charset=utf-8"),
    ("gif", "image/gif"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("webmanifest", "application/manifest+json"),
    ("woff2", "font/woff2"),
];

/// A file that a request asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    name: String,
    gzip: bool,
    known: Vec<String>,
    /// The only versions that may be served, if given (RFC 9110, section 13.1.1).
    only: Option<Vec<String>>,
    head: bool,
}

impl Wanted {
    /// Parses a request for a file.
    ///
    /// # Errors
    /// The response to an invalid request: a method other than GET and HEAD, or a malformed path.
    pub fn by<B>(request: &Request<B>) -> Result<Self, Box<Response<Bytes>>> {
        let head = request.method() == Method::HEAD;
        if !head && request.method() != Method::GET {
            let mut response = text(
                StatusCode::METHOD_NOT_ALLOWED,
                "Only GET and HEAD are answered here.\n",
                false,
            );
            let methods = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, methods);
            return Err(Box::new(response));
        }
        let Some(name) = relative(request.uri().path()) else {
            let response = text(StatusCode::BAD_REQUEST, "The path is malformed.\n", head);
            return Err(Box::new(response));
        };
        let only = request.headers().contains_key(IF_MATCH).then(|| {
            let tags = list(request.headers(), &IF_MATCH);
            tags.map(str::to_owned).collect()
        });
        Ok(Self {
            name,
            only,
            gzip: list(request.headers(), &ACCEPT_ENCODING)
                .any(|coding| coding.starts_with("gzip")),
            known: list(request.headers(), &IF_NONE_MATCH)
                .map(str::to_owned)
                .collect(),
            head,
        })
    }

    /// Returns its name relative to the client's folder: plain names, joined by `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the file of this name with `.gz` appended may be sent instead, if it exists.
    #[must_use]
    pub const fn takes_gzip(&self) -> bool {
        self.gzip
    }

    /// Responds with the file's bytes; `gzip` if they are compressed.
    #[must_use]
    pub fn found(&self, bytes: Bytes, gzip: bool) -> Response<Bytes> {
        let suffix = if gzip { "-gz" } else { "" };
        let etag = format!(
            "\"{:08x}-{:x}{suffix}\"",
            crc32fast::hash(&bytes),
            bytes.len()
        );
        let other = |only: &Vec<String>| !only.iter().any(|tag| *tag == etag || tag == "*");
        if self.only.as_ref().is_some_and(other) {
            let message = "The file does not have the version that the request names.\n";
            return text(StatusCode::PRECONDITION_FAILED, message, self.head);
        }
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        // The build names assets by their content.
        let caching = if self.name.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        let known = self.known.contains(&etag);
        if let Ok(etag) = HeaderValue::try_from(etag) {
            headers.insert(ETAG, etag);
        }
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        protect(headers);
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(type_of(&self.name)));
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        fill(&mut response, bytes, self.head);
        response
    }

    /// Responds that there is no such file; `hint` says what to do if not even the main page exists.
    #[must_use]
    pub fn missing(&self, hint: &'static str) -> Response<Bytes> {
        if self.name == "index.html" {
            return text(StatusCode::SERVICE_UNAVAILABLE, hint, self.head);
        }
        text(StatusCode::NOT_FOUND, "There is no such page.\n", self.head)
    }
}

/// Decodes a URL path to a path below the folder: plain names only.
fn relative(path: &str) -> Option<String> {
    let decoded = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .ok()?;
    let name = decoded.trim_start_matches('/');
    if name.is_empty() {
        return Some("index.html".to_owned());
    }
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']) && !part.contains(':')
    };
    let name = name.strip_suffix('/').unwrap_or(name);
    name.split('/').all(plain).then(|| name.to_owned())
}

fn type_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    TYPES
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known))
        .map_or("application/octet-stream", |(_, kind)| kind)
}

fn list<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn fill(response: &mut Response<Bytes>, bytes: Bytes, head: bool) {
    let length = HeaderValue::from(bytes.len());
    response.headers_mut().insert(CONTENT_LENGTH, length);
    if !head {
        *response.body_mut() = bytes;
    }
}

fn text(status: StatusCode, message: &'static str, head: bool) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    protect(headers);
    fill(&mut response, Bytes::from_static(message.as_bytes()), head);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(path: &str) -> Option<Wanted> {
        Wanted::by(&Request::get(path).body(()).unwrap()).ok()
    }

    #[test]
    fn cloudflare_adds_the_same() {
        let file = include_str!("../../../../static-client/public/_headers");
        let mut headers = HeaderMap::new();
        protect(&mut headers);
        for (name, value) in &headers {
            let value = value.to_str().unwrap();
            let line = file.lines().find_map(|line| {
                let (found, value) = line.trim().split_once(": ")?;
                found.eq_ignore_ascii_case(name.as_str()).then_some(value)
            });
            assert_eq!(line, Some(value), "{name}");
        }
    }

    #[test]
    fn names_stay_below_the_folder() {
        assert_eq!(wanted("/").unwrap().name(), "index.html");
        assert_eq!(wanted("/assets/a%20b.js").unwrap().name(), "assets/a b.js");
        for bad in [
            "/../x",
            "/%2e%2e/x",
            "/..%2fx",
            "/a//b",
            "/a/./b",
            "/a%00",
            "/%ff",
            "/a%5c..%5cb",
            "/c:",
        ] {
            assert_eq!(wanted(bad), None, "{bad}");
        }
    }

    #[test]
    fn types_follow_the_name() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("assets/x.JS", "text/javascript; charset=utf-8"),
            ("a.webmanifest", "application/manifest+json"),
            ("LICENSE", "application/octet-stream"),
        ] {
            assert_eq!(type_of(name), expected);
        }
    }

    #[test]
    fn a_head_has_the_length_and_no_bytes() {
        let wanted = Wanted::by(&Request::head("/a.css").body(()).unwrap()).unwrap();
        let answer = wanted.found(Bytes::from_static(b"body{}"), false);
        assert_eq!(answer.headers()[CONTENT_LENGTH], "6");
        assert!(answer.body().is_empty());
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let answer = wanted("/a.css")
            .unwrap()
            .found(Bytes::from_static(b"x"), true);
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
        assert!(answer.headers().contains_key(CONTENT_SECURITY_POLICY));
        let etag = answer.headers()[ETAG].clone();
        let again = Request::get("/a.css")
            .header(IF_NONE_MATCH, etag)
            .body(())
            .unwrap();
        let again = Wanted::by(&again)
            .unwrap()
            .found(Bytes::from_static(b"x"), true);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn another_version_than_the_request_names_is_not_sent() {
        let etag = wanted("/a.css").unwrap().found("x".into(), false).headers()[ETAG].clone();
        let etag = etag.to_str().unwrap();
        for (only, status) in [
            (etag.to_owned(), 200),
            (format!("\"x\", {etag}"), 200),
            ("*".to_owned(), 200),
            ("\"x\"".to_owned(), 412),
            (format!("W/{etag}"), 412),
        ] {
            let request = Request::get("/a.css").header(IF_MATCH, &only);
            let request = request.header(IF_NONE_MATCH, "\"y\"").body(()).unwrap();
            let answer = Wanted::by(&request).unwrap().found("x".into(), false);
            assert_eq!(answer.status(), status, "{only}");
        }
    }

    #[test]
    fn only_reading() {
        let post = Request::post("/").body(()).unwrap();
        assert_eq!(
            Wanted::by(&post).unwrap_err().status(),
            StatusCode::METHOD_NOT_ALLOWED
        );
        let missing = wanted("/").unwrap().missing("build it\n");
        assert_eq!(missing.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            wanted("/x").unwrap().missing("").status(),
            StatusCode::NOT_FOUND
        );
    }
}
