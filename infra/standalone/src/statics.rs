//! The web client's files, served from a folder.

use std::path::PathBuf;

use bytes::Bytes;
use functions_core::client_files::Wanted;
use http::{Request, Response};

const NOT_BUILT: &str =
    "The web client is not built. Run `cargo xtask client`, or name its folder with --client.\n";

/// Serves the client's files.
#[derive(Clone, Debug)]
pub(crate) struct StaticFiles {
    folder: PathBuf,
}

impl StaticFiles {
    /// Serves a folder. It is read at each request, so a rebuilt client is visible at once.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Handles GET and HEAD.
    pub(crate) async fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
        let wanted = match Wanted::by(request) {
            Ok(wanted) => wanted,
            Err(response) => return *response,
        };
        match self.read(wanted.name(), wanted.takes_gzip()).await {
            Some((bytes, gzip)) => wanted.found(bytes.into(), gzip),
            None => wanted.missing(NOT_BUILT),
        }
    }

    async fn read(&self, name: &str, wants_gzip: bool) -> Option<(Vec<u8>, bool)> {
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

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};

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
