//! Accepts connections and handles their requests.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use program::{Place, Places, Seldom};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::limits::Limits;
use crate::lingering::Lingering;
use crate::messages::MessageBound;
use crate::stream::{Answering, Phase, TimedStream};

/// How long to wait when the system refuses new connections (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the responses of `answer`, within the limits, until `shutdown` becomes true; then finishes running requests.
/// Connections may be upgraded (WebSocket); for that, a [`MessageBound`] is among the extensions of each request.
///
/// A connection beyond the limits is closed immediately, so that it does not wait in the system's queue ahead of
/// others.
///
/// # Errors
/// If the listener fails permanently.
pub async fn serve<A, F, B>(
    listener: TcpListener,
    answer: A,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()>
where
    A: Fn(Request<Lingering<Incoming>>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let of_address = if limits.behind_proxy {
        limits.connections
    } else {
        limits.connections_of_address
    };
    let places = Places::new(limits.connections, of_address);
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((place, stream, peer)) = accepted else {
            continue;
        };
        while connections.try_join_next().is_some() {}
        let (answer, stopped) = (answer.clone(), stopped.clone());
        connections.spawn(connection((place, stream, peer), answer, limits, stopped));
    }
    drop(listener);
    stop.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_timeout, finished)
        .await
        .is_err()
    {
        tracing::warn!("closed connections that did not finish in time");
    }
    Ok(())
}

async fn accept(listener: &TcpListener, places: &Places) -> Option<(Place, TcpStream, SocketAddr)> {
    static FAILED: Seldom = Seldom::new();
    static REFUSED: Seldom = Seldom::new();
    match listener.accept().await {
        Ok((stream, peer)) => {
            let place = places.take(peer.ip());
            if place.is_none()
                && let Some(more) = REFUSED.say()
            {
                let taken = places.taken();
                tracing::warn!(%peer, taken, more, "too many connections; one was closed");
            }
            Some((place?, stream, peer))
        }
        Err(error) => {
            if let Some(more) = FAILED.say() {
                tracing::warn!(%error, more, "a connection could not be accepted");
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection<A, F, B>(
    (place, stream, peer): (Place, TcpStream, SocketAddr),
    answer: A,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) where
    A: Fn(Request<Lingering<Incoming>>, SocketAddr) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let phase = Phase::default();
    let bound = MessageBound::default();
    let stream = TimedStream::new(stream, place, phase.clone(), bound.clone(), &limits);
    let service = service_fn(move |mut request: Request<Incoming>| {
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(bound.clone());
        }
        let answering = Arc::new(phase.begin_answer());
        let request = request.map(|body| Lingering::new(body, Arc::clone(&answering)));
        let answer = answer(request, peer);
        async move {
            let response = answer.await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                answering.upgrade();
            }
            Ok::<_, Infallible>(response.map(|inner| AnswerBody {
                inner,
                _answering: answering,
            }))
        }
    });
    let connection = http1::Builder::new()
        // The stream checks the time: hyper would create a timer for each request.
        .header_read_timeout(None::<Duration>)
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

/// A response body, which ends when hyper drops it.
struct AnswerBody<B> {
    inner: B,
    _answering: Arc<Answering>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
