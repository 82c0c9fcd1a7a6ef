//! A server for a gateway that runs as a program of its own, for instance in a connector's container.

use std::future::Future;
use std::io;

use http_server::Limits;
use tokio::net::TcpListener;

use crate::gateway::Gateway;
use crate::sockets::addresses::Peer;

/// Open connections; each socket needs one or two.
const MAX_CONNECTIONS: usize = 16_384;
/// Maximum size of a request's head in bytes: browsers' heads are far smaller, and all heads are read before a ticket
/// has been shown.
const MAX_HEAD: usize = 8 * 1024;

/// Serves the gateway on `listener` until `shutdown` completes, then shuts the gateway down.
///
/// # Errors
/// The process's limit on descriptors cannot be raised to what the system allows, or the listener fails permanently.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let limits = Limits {
        connections: MAX_CONNECTIONS,
        max_head: MAX_HEAD,
        behind_proxy: gateway.is_behind_proxy(),
        ..Limits::default()
    }
    .within(program::raise_descriptors()?);
    let service = gateway.service();
    let answer = move |mut request: http::Request<_>, peer: std::net::SocketAddr| {
        request.extensions_mut().insert(Peer(peer.ip()));
        let answer = hyper::service::Service::call(&service, request);
        async move {
            match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    let stop = async {
        shutdown.await;
        // Meanwhile new clients are told that it is shutting down.
        gateway.shutdown().await;
    };
    http_server::serve(listener, answer, limits, stop).await
}
