//! The HTTP service: Socket.IO, `/healthz` and `/metrics`.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use model::{
    CONNECTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER, Timestamp, WAKE_PATH, verify_request,
};
use socketioxide::service::SocketIoService;

use crate::clock;
use crate::gateway::Shared;

/// Socket.IO's path.
pub const PATH: &str = "/sockethub";

/// The body of answers.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The address of the client of a request, as a request extension; the server sets it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Peer(pub IpAddr);

/// Answers requests of clients; both a tower and a hyper service. Clones are the same service.
#[derive(Clone)]
pub struct GatewayService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) sockets: SocketIoService<NotFound>,
}

impl std::fmt::Debug for GatewayService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayService").finish_non_exhaustive()
    }
}

impl GatewayService {
    async fn answer<B>(mut self, request: Request<B>) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = Bytes> + std::fmt::Debug + Send + Unpin + 'static,
        B::Error: std::fmt::Debug,
    {
        let path = request.uri().path();
        if path != PATH && !path.starts_with("/sockethub/") {
            return Ok(self.page(request.method(), path));
        }
        if path == WAKE_PATH {
            return Ok(self.woken(&request));
        }
        let origin = self.allowed_origin(request.headers());
        let mut response = if request.method() == Method::OPTIONS {
            plain(StatusCode::NO_CONTENT, "")
        } else if self.shared.is_closing() {
            plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the gateway is shutting down",
            )
        } else {
            tower_service::Service::call(&mut self.sockets, request)
                .await?
                .map(BodyExt::boxed_unsync)
        };
        cross_origin(response.headers_mut(), origin);
        Ok(response)
    }

    /// `POST /sockethub/wake`: the functions have queued something for us.
    fn woken<B>(&self, request: &Request<B>) -> Response<Body> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        if request.method() != Method::POST {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only POST");
            let allow = HeaderValue::from_static("POST");
            response.headers_mut().insert(header::ALLOW, allow);
            return response;
        }
        let config = &self.shared.config;
        let time = header(TIME_HEADER).and_then(|time| time.parse().ok());
        let target = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str());
        let verified = verify_request(
            &config.key,
            "POST",
            target,
            Timestamp::from_millis(time.unwrap_or_default()),
            b"",
            header(SIGNATURE_HEADER).unwrap_or_default(),
            clock::now(),
        );
        match verified {
            Ok(()) if header(CONNECTOR_HEADER) == Some(&config.id) => {
                self.shared.outbox.wake();
                // It may be that an archive can be written again.
                self.shared.spool.held().retry();
                plain(StatusCode::NO_CONTENT, "")
            }
            Ok(()) => plain(StatusCode::UNAUTHORIZED, "another connector is meant"),
            Err(error) => plain(StatusCode::UNAUTHORIZED, error.to_string()),
        }
    }

    fn page(&self, method: &Method, path: &str) -> Response<Body> {
        match (method, path) {
            (&Method::GET | &Method::HEAD, "/healthz") => plain(StatusCode::OK, "ok"),
            (&Method::GET | &Method::HEAD, "/metrics") => {
                let mut response = plain(StatusCode::OK, self.shared.metrics_text());
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            _ => plain(
                StatusCode::NOT_FOUND,
                "there is nothing here; Socket.IO is at /sockethub/",
            ),
        }
    }

    /// Returns the value of `access-control-allow-origin`.
    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let allowed = &self.shared.config.origins;
        if allowed.is_empty() {
            return Some(HeaderValue::from_static("*"));
        }
        let origin = headers.get(header::ORIGIN)?;
        allowed
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes())
            .then(|| origin.clone())
    }
}

fn cross_origin(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    let fixed: [(HeaderName, &str); 4] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
        (header::VARY, "origin"),
    ];
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    // Polls must never come from a cache.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).boxed_unsync());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<B> tower_service::Service<Request<B>> for GatewayService
where
    B: http_body::Body<Data = Bytes> + std::fmt::Debug + Send + Unpin + 'static,
    B::Error: std::fmt::Debug,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        Box::pin(self.clone().answer(request))
    }
}

impl<B> hyper::service::Service<Request<B>> for GatewayService
where
    B: http_body::Body<Data = Bytes> + std::fmt::Debug + Send + Unpin + 'static,
    B::Error: std::fmt::Debug,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<B>) -> Answer {
        Box::pin(self.clone().answer(request))
    }
}

/// What Socket.IO does not answer.
#[derive(Clone, Debug)]
pub(crate) struct NotFound;

impl<B> tower_service::Service<Request<B>> for NotFound {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_FOUND;
        std::future::ready(Ok(response))
    }
}
