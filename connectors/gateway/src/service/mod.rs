//! The HTTP service: Socket.IO, `/healthz` and `/metrics`.

mod body;
pub(crate) mod closing;
mod metrics;
mod wake;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use http_server::MessageBound;
use socketioxide::service::SocketIoService;
use tokio::sync::watch;

use self::body::BoundedBody;
pub(crate) use self::metrics::Measured;
pub(crate) use self::wake::Wake;
use crate::sockets::addresses::{Peer, address_of};
use crate::sockets::places::Places;
use crate::sockets::tickets::{Tickets, ticket_in};
use protocol::WAKE_PATH;

/// The Socket.IO path.
pub const PATH: &str = "/sockethub";

/// Maximum bytes of a request's head that are accepted: it is kept for as long as the session.
const MAX_HEAD: usize = 8 << 10;
/// Bytes of a request body, or of a WebSocket message, before a ticket has been shown.
const MAX_UNPROVEN: u64 = 16 << 10;
/// Headers that Socket.IO needs from the request that starts a session.
const KEPT: [HeaderName; 6] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
];

/// The body of responses.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What the service is built from.
pub(crate) struct Parts {
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) places: Arc<Places>,
    pub(crate) wake: Wake,
    pub(crate) measured: Measured,
    /// How long a client may take to send a request body.
    pub(crate) body: Duration,
    /// Origins whose pages may use the gateway; empty means any.
    pub(crate) origins: Vec<String>,
    pub(crate) behind_proxy: bool,
    /// Becomes true when the gateway shuts down.
    pub(crate) closing: watch::Receiver<bool>,
}

/// Handles client requests, as both a tower and a hyper service. Clones are the same service.
#[derive(Clone)]
pub struct GatewayService {
    parts: Arc<Parts>,
    sockets: SocketIoService<NotFound>,
}

impl std::fmt::Debug for GatewayService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayService").finish_non_exhaustive()
    }
}

impl GatewayService {
    pub(crate) fn new(parts: Parts, sockets: SocketIoService<NotFound>) -> Self {
        let parts = Arc::new(parts);
        Self { parts, sockets }
    }

    async fn answer<B>(mut self, request: Request<B>) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = Bytes> + std::fmt::Debug + Send + Unpin + 'static,
        B::Error: std::fmt::Debug,
    {
        let path = request.uri().path();
        if path != PATH && !path.starts_with("/sockethub/") {
            return Ok(self.page(&request));
        }
        if path == WAKE_PATH {
            return Ok(self.parts.wake.answer(request).await);
        }
        let origin = self.allowed_origin(request.headers());
        let mut response = if request.method() == Method::OPTIONS {
            plain(StatusCode::NO_CONTENT, "")
        } else if *self.parts.closing.borrow() {
            plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the gateway is shutting down",
            )
        } else {
            let places = Arc::clone(&self.parts.places);
            let id = session_in(&request).map(str::to_owned);
            match self.bounded(request) {
                Ok(request) => tower_service::Service::call(&mut self.sockets, request)
                    .await?
                    .map(|body| counted(body, places, id)),
                Err(refused) => *refused,
            }
        };
        cross_origin(response.headers_mut(), origin);
        Ok(response)
    }

    /// Limits what a request costs before a ticket has been shown: its head, its body, and the session it starts.
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
                "the head of a request may have at most 8 KiB here",
            )));
        }
        let query = request.uri().query().unwrap_or_default();
        let id = session_in(&request);
        let proven = id.is_some_and(|id| self.parts.places.is_proven(id));
        let most = if proven { u64::MAX } else { MAX_UNPROVEN };
        let place = if id.is_none() && request.method() == Method::GET {
            let address = address_of(&request, self.parts.behind_proxy);
            let ticket = ticket_in(query).and_then(|text| self.parts.tickets.check(&text).ok());
            let account = ticket.map(|ticket| ticket.account);
            let place = self.parts.places.enter(address, account);
            Some(place.ok_or_else(|| {
                let text = "too many connections without a ticket are open in total, from this address or for this account; try again in a moment";
                let mut response = plain(StatusCode::TOO_MANY_REQUESTS, text);
                let after = HeaderValue::from_static("5");
                response.headers_mut().insert(header::RETRY_AFTER, after);
                Box::new(response)
            })?)
        } else {
            None
        };
        if let Some(bound) = request.extensions().get::<MessageBound>() {
            // On a WebSocket, only the frames reveal the length of a message.
            match (&place, id) {
                (Some(place), _) => {
                    bound.set_until(MAX_UNPROVEN, place.proven(), place.over());
                    let unread = Arc::clone(place.unread());
                    bound.count_written(move |bytes| unread.written(bytes));
                }
                (None, Some(id)) => {
                    let (places, id) = (Arc::clone(&self.parts.places), id.to_owned());
                    let over = places.over(id.clone());
                    bound.count_written(counter(Arc::clone(&places), id.clone()));
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
        Ok(Request::from_parts(
            parts,
            BoundedBody::new(body, most, self.parts.body),
        ))
    }

    fn page<B>(&self, request: &Request<B>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz") => plain(StatusCode::OK, "ok"),
            (&Method::GET | &Method::HEAD, "/metrics") if is_rebound(request) => {
                plain(StatusCode::FORBIDDEN, ::metrics::REBOUND)
            }
            (&Method::GET | &Method::HEAD, "/metrics") => {
                let mut response = plain(StatusCode::OK, self.parts.measured.text());
                let kind = HeaderValue::from_static(::metrics::CONTENT_TYPE);
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
        let allowed = &self.parts.origins;
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

/// Returns whether a page open in a browser on this machine may have sent the request (DNS rebinding).
fn is_rebound<B>(request: &Request<B>) -> bool {
    let peer = request.extensions().get::<Peer>();
    // A name that is not valid text is not one of ours.
    let named = request.headers().get(header::HOST);
    let host = named.map(|host| host.to_str().unwrap_or_default());
    let host = host.or_else(|| request.uri().authority().map(Authority::as_str));
    peer.is_some_and(|peer| ::metrics::is_rebound(peer.0, host))
}

/// The session id in a request, as Socket.IO reads it.
fn session_in<B>(request: &Request<B>) -> Option<&str> {
    let mut pairs = request.uri().query()?.split('&');
    pairs.find_map(|pair| pair.strip_prefix("sid="))
}

/// Counts what is written to the WebSocket of a session that was started by polling, and so shows its ticket later.
fn counter(places: Arc<Places>, id: String) -> impl Fn(usize) + Send + Sync + 'static {
    let known = OnceLock::new();
    move |bytes| {
        if known.get().is_none()
            && let Some(unread) = places.unread(&id)
        {
            let _first = known.set(unread);
        }
        if let Some(unread) = known.get() {
            unread.written(bytes);
        }
    }
}

/// Counts what the response to a session's poll carries, when it is written.
fn counted<B>(body: B, places: Arc<Places>, id: Option<String>) -> Body
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let count = move |frame: Frame<Bytes>| {
        if let (Some(part), Some(id)) = (frame.data_ref(), &id)
            && let Some(unread) = places.unread(id)
        {
            unread.polled(part);
        }
        frame
    };
    body.map_frame(count).boxed_unsync()
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
    // Poll responses must never come from a cache.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
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

/// Responds where Socket.IO does not.
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
