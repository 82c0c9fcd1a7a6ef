//! The web client's files, served from a folder.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};

/// Scripts and styles are the client's own; it talks to the storage and the connectors that the
/// account uses, which may be anywhere, and shows pictures that people link to.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; connect-src 'self' https: wss:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// Answers requests for the client's files.
#[derive(Clone, Debug)]
pub(crate) struct StaticFiles {
    folder: PathBuf,
}

impl StaticFiles {
    /// Serves a folder. It is read at each request, so a rebuilt client shows at once.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Answers GET and HEAD.
    pub(crate) async fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(
                StatusCode::METHOD_NOT_ALLOWED,
                "Only GET and HEAD are answered here.\n",
            );
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let path = request.uri().path();
        let Some(name) = relative(path) else {
            return text(StatusCode::BAD_REQUEST, "The path is malformed.\n");
        };
        let name = if name.as_os_str().is_empty() {
            PathBuf::from("index.html")
        } else {
            name
        };
        let wants_gzip = request
            .headers()
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                value
                    .split(',')
                    .any(|coding| coding.trim().starts_with("gzip"))
            });
        match self.read(&name, wants_gzip).await {
            Some((bytes, gzip)) => file(request, &name, bytes, gzip),
            None if name == Path::new("index.html") => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "The web client is not built. Run `cargo xtask client`, or name its folder with --client.\n",
            ),
            None => text(StatusCode::NOT_FOUND, "There is no such page.\n"),
        }
    }

    async fn read(&self, name: &Path, wants_gzip: bool) -> Option<(Vec<u8>, bool)> {
        let path = self.folder.join(name);
        if wants_gzip {
            let mut packed = path.clone().into_os_string();
            packed.push(".gz");
            if let Ok(bytes) = tokio::fs::read(packed).await {
                return Some((bytes, true));
            }
        }
        tokio::fs::read(path).await.ok().map(|bytes| (bytes, false))
    }
}

/// Decodes a URL path to a path below the folder: plain names only.
fn relative(path: &str) -> Option<PathBuf> {
    let decoded = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .ok()?;
    let relative = PathBuf::from(decoded.trim_start_matches('/'));
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (plain && !decoded.contains('\0')).then_some(relative)
}

fn file<B>(request: &Request<B>, name: &Path, bytes: Vec<u8>, gzip: bool) -> Response<Bytes> {
    let etag = format!(
        "\"{:08x}-{:x}{}\"",
        crc32fast::hash(&bytes),
        bytes.len(),
        if gzip { "-gz" } else { "" }
    );
    let known = request
        .headers()
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|value| {
            value
                .to_str()
                .is_ok_and(|value| value.split(',').any(|one| one.trim() == etag))
        });
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    // The build names assets after their content.
    let caching = if name.starts_with("assets") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    protect(headers);
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let charset = if kind.type_() == "text" {
        "; charset=utf-8"
    } else {
        ""
    };
    if let Ok(kind) = HeaderValue::from_str(&format!("{kind}{charset}")) {
        headers.insert(CONTENT_TYPE, kind);
    }
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    *response.body_mut() = bytes.into();
    response
}

fn protect(headers: &mut http::HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn text(status: StatusCode, message: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(message.as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    protect(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(files: &StaticFiles, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        files.answer(&request.body(()).unwrap()).await
    }

    #[tokio::test]
    async fn serves_files_and_nothing_else() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("dist");
        std::fs::create_dir_all(folder.join("assets")).unwrap();
        std::fs::write(folder.join("index.html"), "<!doctype html>").unwrap();
        std::fs::write(folder.join("assets/app.js"), "1").unwrap();
        std::fs::write(folder.join("assets/app.js.gz"), "zipped").unwrap();
        std::fs::write(temp.path().join("secret"), "x").unwrap();
        let files = StaticFiles::new(folder);

        let index = get(&files, "/", &[]).await;
        assert_eq!(index.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(index.headers().contains_key(CONTENT_SECURITY_POLICY));
        let etag = index.headers()[ETAG].to_str().unwrap();
        assert_eq!(
            get(&files, "/", &[("if-none-match", etag)]).await.status(),
            StatusCode::NOT_MODIFIED
        );

        let script = get(&files, "/assets/app.js", &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(script.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(
            script.headers()[CONTENT_TYPE],
            "text/javascript; charset=utf-8"
        );
        assert_eq!(get(&files, "/assets/app.js", &[]).await.body(), "1");

        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/a%00",
            "/%ff",
        ] {
            let status = get(&files, path, &[]).await.status();
            assert!(
                matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND),
                "{path}: {status}"
            );
        }
        assert_eq!(
            get(&files, "/missing", &[]).await.status(),
            StatusCode::NOT_FOUND
        );
        let post = files.answer(&Request::post("/").body(()).unwrap()).await;
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn says_that_the_client_is_not_built() {
        let files = StaticFiles::new("nowhere".into());
        let response = get(&files, "/", &[]).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
