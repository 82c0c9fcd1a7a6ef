//! The HTTP service: Socket.IO, `/healthz` and `/metrics`.

mod body;
pub(crate) mod closing;

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use http_server::MessageBound;
use protocol::{
    AccountName, CONNECTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER, Timestamp, WAKE_PATH,
    verify_request,
};
use socketioxide::service::SocketIoService;

use crate::gateway::Shared;
use crate::namespaces::chat::{address_of, check, ticket_in};
use crate::service::body::BoundedBody;

/// How long whoever is about to look at an archive waits for what is said to be in it: less than the functions wait
/// for an answer.
const LOOK: Duration = Duration::from_millis(1_200);

/// Socket.IO's path.
pub const PATH: &str = "/sockethub";

/// Bytes of a request's head that are taken: it is kept for as long as the session.
const MAX_HEAD: usize = 8 << 10;
/// Bytes of a request's body, or of a message on a WebSocket, before a ticket was shown.
const MAX_UNPROVEN: u64 = 16 << 10;
/// The headers that Socket.IO needs of the request that begins a session.
const KEPT: [HeaderName; 6] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
];

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
            return Ok(match self.signed(&request) {
                Ok(()) => {
                    self.shared.looks.knocked();
                    let query = request.uri().query().map(str::to_owned);
                    drop(request);
                    self.woken(query).await
                }
                Err(refused) => *refused,
            });
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
            match self.bounded(request) {
                Ok(request) => tower_service::Service::call(&mut self.sockets, request)
                    .await?
                    .map(BodyExt::boxed_unsync),
                Err(refused) => *refused,
            }
        };
        cross_origin(response.headers_mut(), origin);
        Ok(response)
    }

    /// Bounds what a request costs before a ticket was shown: head, body, and the session that it begins.
    fn bounded<B>(
        &self,
        request: Request<B>,
    ) -> Result<Request<BoundedBody<B>>, Box<Response<Body>>> {
        let length = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        let target = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str());
        let head = target.len() + request.headers().iter().map(length).sum::<usize>();
        if head > MAX_HEAD {
            return Err(Box::new(plain(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "the head of a request may have 8 KiB here",
            )));
        }
        let query = request.uri().query().unwrap_or_default();
        // As Socket.IO reads it.
        let id = query.split('&').find_map(|pair| pair.strip_prefix("sid="));
        let proven = id.is_some_and(|id| self.shared.places.is_proven(id));
        let most = if proven { u64::MAX } else { MAX_UNPROVEN };
        let place = if id.is_none() && request.method() == Method::GET {
            let address = address_of(&self.shared, &request);
            let has_ticket =
                ticket_in(query).is_some_and(|text| check(&self.shared, &text).is_ok());
            let place = self.shared.places.enter(address, has_ticket);
            Some(place.ok_or_else(|| {
                let text = "too many connections without a ticket are open, here or from this address; try again in a moment";
                let mut response = plain(StatusCode::TOO_MANY_REQUESTS, text);
                let after = HeaderValue::from_static("5");
                response.headers_mut().insert(header::RETRY_AFTER, after);
                Box::new(response)
            })?)
        } else {
            None
        };
        if let Some(bound) = request.extensions().get::<MessageBound>() {
            // On a WebSocket nothing but the frames tells how long a message is.
            match (&place, id) {
                (Some(place), _) => {
                    bound.set_until(MAX_UNPROVEN, place.proven(), place.over());
                }
                (None, Some(id)) => {
                    let (places, id) = (Arc::clone(&self.shared.places), id.to_owned());
                    let over = places.over(id.clone());
                    bound.set_until(MAX_UNPROVEN, move || places.is_proven(&id), over);
                }
                (None, None) => {}
            }
        }
        let (mut parts, body) = request.into_parts();
        if let Some(place) = place {
            let mut kept = HeaderMap::with_capacity(KEPT.len());
            for name in KEPT {
                if let Some(value) = parts.headers.remove(&name) {
                    kept.insert(name, value);
                }
            }
            parts.headers = kept;
            parts.extensions.insert(place);
        }
        Ok(Request::from_parts(parts, BoundedBody::new(body, most)))
    }

    /// Checks that the functions wake us.
    fn signed<B>(&self, request: &Request<B>) -> Result<(), Box<Response<Body>>> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        if request.method() != Method::POST {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only POST");
            let allow = HeaderValue::from_static("POST");
            response.headers_mut().insert(header::ALLOW, allow);
            return Err(Box::new(response));
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
            connector_kit::now(),
        );
        let refused = match verified {
            Ok(()) if header(CONNECTOR_HEADER) == Some(&config.id) => return Ok(()),
            Ok(()) => "another connector is meant".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Box::new(plain(StatusCode::UNAUTHORIZED, refused)))
    }

    /// `POST /sockethub/wake`: the functions have queued something for us, or something that we keep changed.
    async fn woken(&self, query: Option<String>) -> Response<Body> {
        if let Some(query) = query {
            return self.changed(&query).await;
        }
        self.shared.outbox.wake();
        // It may be that an archive can be written again.
        self.shared.spool.held().retry();
        plain(StatusCode::NO_CONTENT, "")
    }

    /// The functions say what changed: it is known here once they are answered.
    async fn changed(&self, query: &str) -> Response<Body> {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let result = match pairs.next() {
            Some((name, value)) if name == "account" => match value.parse::<AccountName>() {
                Ok(account) => self.shared.account_changed(&account).await,
                Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
            },
            Some((name, value)) if name == "call" => self.shared.call_changed(&value).await,
            Some((name, value)) if name == "archive" => match value.parse::<AccountName>() {
                // Somebody is about to look at it.
                Ok(account) => {
                    self.shared.looks.look(&account, LOOK).await;
                    Ok(())
                }
                Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
            },
            _ => {
                return plain(
                    StatusCode::BAD_REQUEST,
                    "expected account=, call= or archive=",
                );
            }
        };
        match result {
            Ok(()) => plain(StatusCode::NO_CONTENT, ""),
            Err(error) => plain(StatusCode::BAD_GATEWAY, error.to_string()),
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
