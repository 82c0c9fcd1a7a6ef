//! Taking connections: how many, from where, and who they are if a proxy stands between.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use program::{Seldom, network};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connection;
use super::engine::Input;
use super::outgoing::Outgoing;
use crate::config::{IrcdConfig, is_loopback};
use crate::proxy::{self, Origin, Reading};
use crate::server::{ClientId, Peer};

/// Connections of one address above its limit that may be in a TLS handshake or being refused.
const SPARE_OF_ADDRESS: usize = 4;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// How long a proxy may take to say where a client is.
const HEADER: Duration = Duration::from_secs(5);

/// The pause after the system could give no socket.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

static NOT_ACCEPTED: Seldom = Seldom::new();
static TOO_MANY: Seldom = Seldom::new();
static BAD_HEADER: Seldom = Seldom::new();

/// What the accepting tasks share.
#[derive(Debug)]
pub(super) struct Door {
    inputs: mpsc::Sender<Input>,
    config: Arc<IrcdConfig>,
    slots: Arc<Semaphore>,
    all_slots: u32,
    crowd: Crowd,
    /// Bytes that wait to be written, for all connections.
    queued: Arc<AtomicUsize>,
    next: AtomicU64,
}

impl Door {
    pub(super) fn new(inputs: mpsc::Sender<Input>, config: Arc<IrcdConfig>) -> Self {
        let all_slots = config.limits.share().all.min(Semaphore::MAX_PERMITS);
        Self {
            inputs,
            config,
            slots: Arc::new(Semaphore::new(all_slots)),
            all_slots: u32::try_from(all_slots).unwrap_or(u32::MAX),
            crowd: Crowd::default(),
            queued: Arc::default(),
            next: AtomicU64::new(1),
        }
    }

    /// Waits until every connection has ended.
    pub(super) fn emptied(&self) -> impl Future<Output = ()> + Send + 'static {
        let (slots, all) = (Arc::clone(&self.slots), self.all_slots);
        async move {
            let _ = slots.acquire_many(all).await;
        }
    }

    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.admit(stream, from, tls.clone()),
                Err(error) => {
                    if let Some(left_out) = NOT_ACCEPTED.say() {
                        tracing::warn!(%error, left_out, "the IRC server could not accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, from: SocketAddr, tls: Option<TlsAcceptor>) {
        let address = from.ip().to_canonical();
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return too_many(address);
        };
        let Some(place) = self.enter(address) else {
            return too_many(address);
        };
        // Lines are short and people wait for them.
        let _ = stream.set_nodelay(true);
        let door = Arc::clone(self);
        tokio::spawn(async move { door.serve(stream, address, tls, (slot, place)).await });
    }

    /// Counts a connection from an address, unless that is shared by many.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Option<Place>> {
        if self.config.is_shared(address) {
            return Some(None);
        }
        let most = self.config.limits.clients_per_address;
        let key = network(address);
        let entered = self.crowd.enter(key, most.saturating_add(SPARE_OF_ADDRESS));
        entered.then(|| {
            Some(Place {
                door: Arc::clone(self),
                address: key,
            })
        })
    }

    async fn serve(
        self: Arc<Self>,
        mut stream: TcpStream,
        address: IpAddr,
        tls: Option<TlsAcceptor>,
        (_slot, mut place): (OwnedSemaphorePermit, Option<Place>),
    ) {
        let mut peer = Peer {
            address,
            secure: tls.is_some(),
        };
        let mut before = Vec::new();
        if self.config.is_proxy(address) {
            // On this machine other programs connect as well, and gateways say it by WEBIRC; else a proxy that says
            // nothing is no proxy.
            let optional = is_loopback(address) || self.config.webirc_password.is_some();
            match timeout(HEADER, read_header(&mut stream, optional)).await {
                Ok(Ok((origin, rest))) => {
                    before = rest;
                    if let Some(origin) = origin {
                        peer.address = origin.address;
                        peer.secure |= origin.secure;
                        place = match self.enter(origin.address) {
                            Some(place) => place,
                            None => return too_many(origin.address),
                        };
                    }
                }
                Ok(Err(error)) => return bad_header(address, &error.to_string()),
                Err(_) => return bad_header(address, "it did not come in time"),
            }
        }
        let stream = Prefixed {
            before,
            inner: stream,
        };
        let id = ClientId(self.next.fetch_add(1, Ordering::Relaxed));
        let inputs = self.inputs.clone();
        let limits = &self.config.limits;
        let outgoing = Outgoing::new(Arc::clone(&self.queued));
        match tls {
            None => connection::serve(id, peer, stream, inputs, outgoing, limits).await,
            Some(acceptor) => {
                if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    connection::serve(id, peer, stream, inputs, outgoing, limits).await;
                }
            }
        }
        drop(place);
    }
}

fn too_many(address: IpAddr) {
    if let Some(left_out) = TOO_MANY.say() {
        tracing::warn!(%address, left_out, "an IRC connection was closed at once: there are too many");
    }
}

fn bad_header(address: IpAddr, reason: &str) {
    if let Some(left_out) = BAD_HEADER.say() {
        tracing::warn!(%address, reason, left_out, "a proxy's header (PROXY protocol) is wrong");
    }
}

/// Reads what a proxy says first; returns where the client is, and what came after the header already.
async fn read_header(
    stream: &mut TcpStream,
    optional: bool,
) -> io::Result<(Option<Origin>, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        match proxy::read(&bytes) {
            Reading::More => {}
            Reading::Absent if optional => return Ok((None, bytes)),
            Reading::Absent => return Err(io::Error::other("there is none")),
            Reading::Wrong(reason) => return Err(io::Error::other(reason)),
            Reading::Header { length, origin } => {
                return Ok((origin, bytes.split_off(length)));
            }
        }
        let most = proxy::MAX_HEADER - bytes.len().min(proxy::MAX_HEADER);
        let mut part = (&mut *stream).take(most as u64);
        if part.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Connections by address.
#[derive(Debug, Default)]
struct Crowd(Mutex<HashMap<IpAddr, usize>>);

impl Crowd {
    fn enter(&self, address: IpAddr, most: usize) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    fn leave(&self, address: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

/// One connection among those of its address, until it is dropped.
#[derive(Debug)]
struct Place {
    door: Arc<Door>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.crowd.leave(self.address);
    }
}

/// A connection of which some bytes were read already.
#[derive(Debug)]
struct Prefixed {
    before: Vec<u8>,
    inner: TcpStream,
}

impl AsyncRead for Prefixed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        let count = self.before.len().min(buffer.remaining());
        buffer.put_slice(self.before.get(..count).unwrap_or_default());
        // At most one header's length is moved, a few times.
        self.before.drain(..count);
        if self.before.is_empty() {
            self.before = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_places_and_others_have_theirs() {
        let crowd = Crowd::default();
        let [one, other] = ["192.0.2.7", "192.0.2.8"].map(|text| text.parse().unwrap());
        assert!(crowd.enter(one, 2) && crowd.enter(one, 2));
        assert!(!crowd.enter(one, 2) && crowd.enter(other, 2));
        crowd.leave(one);
        assert!(crowd.enter(one, 2));
        for address in [one, one, other] {
            crowd.leave(address);
        }
        assert!(crowd.0.lock().unwrap().is_empty());
    }
}
