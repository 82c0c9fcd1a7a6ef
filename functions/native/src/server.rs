//! The HTTP server: hyper 1, one task a connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::timed::TimedBody;
use crate::whole::WholeBody;
use bytes::Bytes;
use functions_core::Host;
use functions_core::{Body, ClientAddress, Functions, is_blocking};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use storage_adapter::ObjectStore;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Limits of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the system's queue.
    pub connections: usize,
    /// How long the head of a request may take, idle time between requests included.
    pub header_timeout: Duration,
    /// How long a sender may pause within the body of a request.
    pub body_timeout: Duration,
    /// How long requests that run may go on after the server was told to stop.
    pub shutdown_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_head: usize,
    /// Take a client's address from the last entry of `x-forwarded-for`: set it only behind a reverse
    /// proxy that writes it, otherwise clients choose their address themselves.
    pub behind_proxy: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(10),
            max_head: 64 * 1024,
            behind_proxy: false,
        }
    }
}

/// Passwords hashed at once: each takes 19 MiB and a processor.
const HASHING: usize = 4;
/// How long to wait when the system refuses new connections (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

static HASHERS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(HASHING));

/// Serves the functions until `shutdown` comes true, then finishes what runs.
///
/// # Errors
/// If the listener fails for good.
pub async fn serve<S: ObjectStore, H: Host>(
    listener: TcpListener,
    functions: Arc<Functions<S, H>>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    serve_with(listener, functions, Limits::default(), shutdown).await
}

/// Like [`serve`], with other limits.
///
/// # Errors
/// If the listener fails for good.
pub async fn serve_with<S: ObjectStore, H: Host>(
    listener: TcpListener,
    functions: Arc<Functions<S, H>>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let answer = move |request, peer| handle_timed(Arc::clone(&functions), request, peer, limits);
    serve_answers(listener, answer, limits, shutdown).await
}

/// Serves whatever `answer` answers, within the limits; for servers that have other paths to serve too.
/// Connections may be upgraded (WebSocket).
///
/// # Errors
/// If the listener fails for good.
pub async fn serve_answers<A, F, B>(
    listener: TcpListener,
    answer: A,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()>
where
    A: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let permits = Arc::new(Semaphore::new(limits.connections));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((permit, stream, peer)) = accepted else {
            continue;
        };
        while connections.try_join_next().is_some() {}
        let (answer, stopped) = (answer.clone(), stopped.clone());
        connections.spawn(async move {
            let _permit = permit;
            connection(stream, peer, answer, limits, stopped).await;
        });
    }
    drop(listener);
    stop.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_timeout, finished)
        .await
        .is_err()
    {
        tracing::warn!("connections that did not come to an end were cut");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((permit, stream, peer)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection<A, F, B>(
    stream: TcpStream,
    peer: SocketAddr,
    answer: A,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) where
    A: Fn(Request<Incoming>, SocketAddr) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let service = service_fn(move |request| {
        let answer = answer(request, peer);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

/// Answers one request of [`functions_core::is_ours`]; its body must not pause longer than the limit.
pub async fn handle_timed<S: ObjectStore, H: Host>(
    functions: Arc<Functions<S, H>>,
    request: Request<Incoming>,
    peer: SocketAddr,
    limits: Limits,
) -> Response<Body> {
    use http_body::Body as _;
    let client = client(request.headers(), peer, limits.behind_proxy);
    if request.body().is_end_stream() {
        handle(functions, request, client).await
    } else {
        let request = request.map(|body| TimedBody::new(body, limits.body_timeout));
        handle(functions, request, client).await
    }
}

/// Returns where a request comes from: the other end of the connection, or who the proxy there says it
/// is. Entries before the last one may be the client's own invention.
fn client(headers: &HeaderMap, peer: SocketAddr, behind_proxy: bool) -> ClientAddress {
    let last = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = last
        .filter(|_| behind_proxy)
        .and_then(|value| value.to_str().ok()?.rsplit(',').next())
        .and_then(|entry| entry.trim().parse::<IpAddr>().ok());
    ClientAddress::from(forwarded.unwrap_or_else(|| peer.ip()))
}

/// Answers one request, however long its body takes.
///
/// Requests that hash a password run on a thread of their own, a few at once, so that they do not hold
/// up the others.
pub async fn handle<S, H, B>(
    functions: Arc<Functions<S, H>>,
    request: Request<B>,
    client: ClientAddress,
) -> Response<Body>
where
    S: ObjectStore,
    H: Host,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    if !is_blocking(request.method(), request.uri().path()) {
        return functions.handle(request, client).await;
    }
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, WholeBody::read(body).await);
    // The semaphore is never closed; without a permit the request is merely handled here.
    let permit = HASHERS.acquire().await;
    let runtime = tokio::runtime::Handle::current();
    let running =
        tokio::task::spawn_blocking(move || runtime.block_on(functions.handle(request, client)));
    let answer = running.await;
    drop(permit);
    answer.unwrap_or_else(|error| {
        tracing::error!(%error, "a handler stopped");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_is_believed_and_only_its_own_entry() {
        let peer: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let from = |values: &[&str], behind_proxy| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            client(&headers, peer, behind_proxy)
        };
        let address = |text: &str| ClientAddress::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(from(&["192.0.2.1"], false), address("127.0.0.1"));
        assert_eq!(from(&["192.0.2.1"], true), address("192.0.2.1"));
        let invented = ["198.51.100.1", "198.51.100.2, 192.0.2.1"];
        assert_eq!(from(&invented, true), address("192.0.2.1"));
        assert_eq!(from(&["192.0.2.1, x"], true), address("127.0.0.1"));
        assert_eq!(from(&[], true), address("127.0.0.1"));
    }
}
