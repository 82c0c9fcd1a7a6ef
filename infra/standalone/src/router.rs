//! Which part answers a request: functions, gateway or the client's files.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gateway::{GatewayService, Peer};
use http::uri::Authority;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use http_server::{Limits, Lingering};
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

    /// Answers one request of another part of this process.
    pub(crate) async fn answer_within(
        self,
        request: Request<Lingering<Incoming>>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let path = request.uri().path();
        if path.starts_with("/connector/") || path == protocol::WAKE_PATH {
            return self.answer(request, peer).await;
        }
        let mut response = text("Only parts of this server meet here.\n");
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }

    /// Answers one request.
    pub(crate) async fn answer(
        self,
        mut request: Request<Lingering<Incoming>>,
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
            || path == "/metrics" && is_from_here(&request, peer)
        {
            let Some(gateway) = parts.gateway.get() else {
                return starting();
            };
            let is_metrics = path == "/metrics";
            request.extensions_mut().insert(Peer(peer.ip()));
            let response = match hyper::service::Service::call(gateway, request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            if is_metrics && response.status() == StatusCode::OK {
                return with_own_metrics(response, parts.functions.damaged_records()).await;
            }
            return response.map(|body| body.map_err(|never| match never {}).boxed_unsync());
        }
        let response = parts.files.answer(&request).await;
        response.map(|bytes| {
            Full::new(bytes)
                .map_err(|never| match never {})
                .boxed_unsync()
        })
    }
}

/// Returns whether a program on this machine asks for itself: not for somebody behind a proxy, and not for a page that a
/// browser here was led to by a name of its owner's (DNS rebinding). How busy the server is concerns its operator only.
fn is_from_here(request: &Request<impl Sized>, peer: SocketAddr) -> bool {
    let proxied = ["x-forwarded-for", "forwarded", "via"];
    let headers = request.headers();
    let host = headers.get(http::header::HOST);
    let authority = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    peer.ip().to_canonical().is_loopback()
        && authority.is_some_and(|authority| is_loopback(authority.host()))
        && !proxied.iter().any(|name| headers.contains_key(*name))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// Adds the metrics of the functions to those of the gateway.
async fn with_own_metrics(
    response: Response<UnsyncBoxBody<Bytes, Infallible>>,
    damaged: usize,
) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let mut text = match body.collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(never) => match never {},
    };
    let full = functions_native::full_disk_answers();
    let own = format!(
        "# HELP subspace_damaged_records Records of the functions that could not be read when they were looked at last.\n\
         # TYPE subspace_damaged_records gauge\nsubspace_damaged_records {damaged}\n\
         # HELP subspace_storage_full_total Requests that were refused because the disk is full.\n\
         # TYPE subspace_storage_full_total counter\nsubspace_storage_full_total {full}\n"
    );
    text.extend_from_slice(own.as_bytes());
    let body = Full::from(text)
        .map_err(|never| match never {})
        .boxed_unsync();
    Response::from_parts(parts, body)
}

fn starting() -> Response<Body> {
    let mut response = text("The gateway is starting; try again in a moment.\n");
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(
        http::header::RETRY_AFTER,
        http::HeaderValue::from_static("1"),
    );
    response
}

fn text(text: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    Response::new(body.map_err(|never| match never {}).boxed_unsync())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_for_this_machine() {
        let request = |host: &str, proxied: bool| {
            let mut request = Request::get("/metrics").header("host", host);
            if proxied {
                request = request.header("x-forwarded-for", "192.0.2.1");
            }
            request.body(()).unwrap()
        };
        let local: SocketAddr = "[::ffff:127.0.0.1]:9".parse().unwrap();
        for host in [
            "127.0.0.1:6700",
            "localhost",
            "LOCALHOST:6700",
            "[::1]:6700",
        ] {
            assert!(is_from_here(&request(host, false), local), "{host}");
            assert!(!is_from_here(&request(host, true), local), "{host}");
            assert!(!is_from_here(
                &request(host, false),
                "192.0.2.1:9".parse().unwrap()
            ));
        }
        for host in [
            "chat.example.org",
            "127.0.0.1.example.org",
            "192.0.2.1",
            "localhost.example.org",
        ] {
            assert!(!is_from_here(&request(host, false), local), "{host}");
        }
        let nameless = Request::get("/metrics").body(()).unwrap();
        assert!(!is_from_here(&nameless, local));
    }
}
