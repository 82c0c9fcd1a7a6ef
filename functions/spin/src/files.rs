//! The web client: files of the component (`files` in `spin.toml`, `--dir` of wasmtime).

use std::path::Path;

use bytes::Bytes;
use functions_core::Body;
use functions_core::client_files::Wanted;
use http::{Request, Response};

/// Where they are mounted.
const FOLDER: &str = "/client";

const NOT_BUILT: &str = "The web client is not here. Run `cargo xtask client` before `spin up`.\n";

/// Serves a file.
pub(crate) fn answer<B>(request: &Request<B>) -> Response<Body> {
    let response = match Wanted::by(request) {
        Ok(wanted) => match read(wanted.name(), wanted.takes_gzip()) {
            Some((bytes, gzip)) => wanted.found(bytes, gzip),
            None => wanted.missing(NOT_BUILT),
        },
        Err(response) => *response,
    };
    response.map(Body::from)
}

fn read(name: &str, wants_gzip: bool) -> Option<(Bytes, bool)> {
    let path = Path::new(FOLDER).join(name);
    if wants_gzip {
        let mut packed = path.clone().into_os_string();
        packed.push(".gz");
        if let Ok(bytes) = std::fs::read(packed) {
            return Some((bytes.into(), true));
        }
    }
    std::fs::read(path).ok().map(|bytes| (bytes.into(), false))
}
