//! Passes requests to the functions.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use functions_core::Host;
use functions_core::{Body, ClientAddress, Functions, is_blocking};
use http::{HeaderMap, Request, Response};
use http_server::{Limits, Lingering};
use hyper::body::Incoming;
use program::Seldom;
use storage_adapter::ObjectStore;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::timed::TimedBody;

/// The most passwords hashed concurrently: each takes 19 MiB and a processor.
const HASHING: usize = 4;
static STOPPED: Seldom = Seldom::new();
static HASHERS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(HASHING));

/// Serves the functions until `shutdown` becomes true, then finishes running requests.
///
/// # Errors
/// If the listener fails permanently.
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
/// If the listener fails permanently.
pub async fn serve_with<S: ObjectStore, H: Host>(
    listener: TcpListener,
    functions: Arc<Functions<S, H>>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let answer = move |request, peer| handle_timed(Arc::clone(&functions), request, peer, limits);
    http_server::serve(listener, answer, limits, shutdown).await
}

/// Handles one request of [`functions_core::is_ours`]; its body must not arrive slower than the limits.
pub async fn handle_timed<S: ObjectStore, H: Host>(
    functions: Arc<Functions<S, H>>,
    request: Request<Lingering<Incoming>>,
    peer: SocketAddr,
    limits: Limits,
) -> Response<Body> {
    use http_body::Body as _;
    let client = client(request.headers(), peer, limits.behind_proxy);
    if request.body().is_end_stream() {
        handle(functions, request, client).await
    } else {
        let request =
            request.map(|body| TimedBody::new(body, limits.body_timeout, limits.body_wait));
        handle(functions, request, client).await
    }
}

/// Returns a request's client address: the peer of the connection, or the one that the proxy there names. Entries
/// before the last one may be forged by the client.
fn client(headers: &HeaderMap, peer: SocketAddr, behind_proxy: bool) -> ClientAddress {
    let last = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = last
        .filter(|_| behind_proxy)
        .and_then(|value| value.to_str().ok()?.rsplit(',').next())
        .and_then(|entry| entry.trim().parse::<IpAddr>().ok());
    ClientAddress::from(forwarded.unwrap_or_else(|| peer.ip()))
}

/// Handles one request, however long its body takes.
///
/// Requests that hash a password run on separate threads, a few at once, so that they do not hold up the others.
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
    let response = handle_somewhere(functions, request, client).await;
    crate::full::note(&response);
    response
}

async fn handle_somewhere<S, H, B>(
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
    // A slow sender must not occupy one of the few places.
    let request = functions.receive(request).await;
    // The semaphore is never closed; without a permit the request would merely be handled here.
    let permit = HASHERS.acquire().await;
    let runtime = tokio::runtime::Handle::current();
    let running = tokio::task::spawn_blocking(move || {
        runtime.block_on(functions.handle_received(request, client))
    });
    let answer = running.await;
    drop(permit);
    answer.unwrap_or_else(|error| {
        if let Some(left_out) = STOPPED.say() {
            tracing::error!(%error, left_out, "a handler stopped");
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

#[cfg(test)]
mod tests {
    use storage_adapter::Storage;
    use storage_fs::FsStore;

    use super::*;
    use crate::{NativeHost, NativeStore};

    /// Each connection reserves space for one, even while it is idle, and each request is moved there and back.
    #[test]
    fn the_answer_to_a_request_is_small_until_it_is_begun() {
        let folder = tempfile::tempdir().unwrap();
        let store = NativeStore::Folder(FsStore::open(folder.path()).unwrap());
        let storage = Storage::new(Arc::new(store), Arc::new(NativeHost::default()));
        let config = functions_core::Config::new("http://127.0.0.1", [7; 32]).unwrap();
        let functions = Arc::new(Functions::new(storage, config));
        let request = Request::new(Body::empty());
        let client = ClientAddress::UNKNOWN;
        let size = size_of_val(&handle(functions, request, client));
        assert!(size < 6 * 1024, "{size} bytes");
    }

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
