//! Which part answers a request: functions, gateway or the client's files.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use connector::{GatewayService, Peer};
use functions_native::Limits;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::serve::Functions;
use crate::statics::StaticFiles;

/// The body of answers.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// All parts behind the web port. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    functions: Arc<Functions>,
    gateway: OnceLock<GatewayService>,
    files: StaticFiles,
    limits: Limits,
}

impl Router {
    /// Makes a router; the gateway comes later, because it needs functions that answer.
    pub(crate) fn new(functions: Arc<Functions>, files: StaticFiles, limits: Limits) -> Self {
        Self {
            parts: Arc::new(Parts {
                functions,
                gateway: OnceLock::new(),
                files,
                limits,
            }),
        }
    }

    /// Adds the gateway.
    pub(crate) fn mount(&self, gateway: GatewayService) {
        // Mounted once, at start; a second one would change nothing.
        let _ = self.parts.gateway.set(gateway);
    }

    /// Answers one request.
    pub(crate) async fn answer(
        self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let parts = &self.parts;
        let path = request.uri().path();
        if functions_core::is_ours(path) {
            let functions = Arc::clone(&parts.functions);
            let response =
                functions_native::handle_timed(functions, request, peer, parts.limits).await;
            return response.map(|body| body.map_err(Into::into).boxed_unsync());
        }
        if path == "/sockethub"
            || path.starts_with("/sockethub/")
            || path == "/metrics" && is_from_here(request.headers(), peer)
        {
            let Some(gateway) = parts.gateway.get() else {
                return starting();
            };
            request.extensions_mut().insert(Peer(peer.ip()));
            return match hyper::service::Service::call(gateway, request).await {
                Ok(response) => {
                    response.map(|body| body.map_err(|never| match never {}).boxed_unsync())
                }
                Err(never) => match never {},
            };
        }
        let response = parts.files.answer(&request).await;
        response.map(|bytes| {
            Full::new(bytes)
                .map_err(|never| match never {})
                .boxed_unsync()
        })
    }
}

/// Tells whether a program on this machine asks for itself, not for somebody behind a proxy: how busy the
/// server is concerns its operator only.
fn is_from_here(headers: &HeaderMap, peer: SocketAddr) -> bool {
    let proxied = ["x-forwarded-for", "forwarded", "via"];
    peer.ip().to_canonical().is_loopback()
        && !proxied.iter().any(|name| headers.contains_key(*name))
}

fn starting() -> Response<Body> {
    let text = Full::new(Bytes::from_static(
        b"The gateway is starting; try again in a moment.\n",
    ));
    let mut response = Response::new(text.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(
        http::header::RETRY_AFTER,
        http::HeaderValue::from_static("1"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_for_this_machine() {
        let none = HeaderMap::new();
        let mut proxied = HeaderMap::new();
        proxied.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        let local: SocketAddr = "[::ffff:127.0.0.1]:9".parse().unwrap();
        assert!(is_from_here(&none, local));
        assert!(!is_from_here(&proxied, local));
        assert!(!is_from_here(&none, "192.0.2.1:9".parse().unwrap()));
    }
}
