//! Routes a request to a part: functions, gateway or the client's files.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use functions_native::{NativeHost, NativeStore};
use gateway::{GatewayService, Peer};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use http_server::{Limits, Lingering};
use hyper::body::Incoming;
use metrics::Exposition;

use crate::statics::StaticFiles;

/// The functions over files or a bucket, natively.
pub(crate) type Functions = functions_core::Functions<NativeStore, NativeHost>;

/// The body of responses.
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
    /// Creates a router; the gateway is added later, because it needs running functions.
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
        // Mounted once, at the start; a second one would change nothing.
        let _ = self.parts.gateway.set(gateway);
    }

    /// Handles a request from another part of this process.
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

    /// Handles a request.
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
            || path == "/metrics" && metrics::is_local(peer.ip(), request.headers())
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
    let mut own = Exposition::new("subspace_");
    own.gauge(
        "damaged_records",
        "Records of the functions that could not be read at the last attempt.",
        damaged,
    );
    own.counter(
        "storage_full_total",
        "Requests that were refused because the disk is full.",
        full,
    );
    text.extend_from_slice(own.finish().as_bytes());
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

    #[tokio::test]
    async fn what_is_added_has_the_names_and_help_that_dashboards_know() {
        let of_gateway = Full::from("of_gateway 1\n").boxed_unsync();
        let response = with_own_metrics(Response::new(of_gateway), 2).await;
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(text, include_str!("../tests/metrics.txt"));
    }
}
