//! Accepts connections: limits by address, the PROXY protocol, TLS.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mutex::lock;
use program::{Prefixed, Seldom, announced, is_loopback, network};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connection;
use super::engine::Input;
use super::outgoing::Outgoing;
use crate::config::IrcdConfig;
use crate::server::{ClientId, Peer};

/// Connections of one address above its limit that may be in a TLS handshake or in the process of being refused.
const SPARE_OF_ADDRESS: usize = 4;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// The delay after `accept` failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

static NOT_ACCEPTED: Seldom = Seldom::new();
static TOO_MANY: Seldom = Seldom::new();
static BAD_HEADER: Seldom = Seldom::new();

/// Shared by the accepting tasks.
#[derive(Debug)]
pub(super) struct Acceptor {
    inputs: mpsc::Sender<Input>,
    config: Arc<IrcdConfig>,
    slots: Arc<Semaphore>,
    all_slots: u32,
    counts: AddressCounts,
    /// Bytes queued for writing, across all connections.
    queued: Arc<AtomicUsize>,
    next: AtomicU64,
}

impl Acceptor {
    pub(super) fn new(inputs: mpsc::Sender<Input>, config: Arc<IrcdConfig>) -> Self {
        let all_slots = config.limits.share().all.min(Semaphore::MAX_PERMITS);
        Self {
            inputs,
            config,
            slots: Arc::new(Semaphore::new(all_slots)),
            all_slots: u32::try_from(all_slots).unwrap_or(u32::MAX),
            counts: AddressCounts::default(),
            queued: Arc::default(),
            next: AtomicU64::new(1),
        }
    }

    /// Waits until every connection has ended.
    pub(super) fn all_closed(&self) -> impl Future<Output = ()> + Send + 'static {
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
        let Some(address_slot) = self.enter(address) else {
            return too_many(address);
        };
        program::accepted(&stream);
        let acceptor = Arc::clone(self);
        tokio::spawn(async move {
            acceptor
                .serve(stream, address, tls, (slot, address_slot))
                .await
        });
    }

    /// Counts a connection from an address, unless many clients share it.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Option<AddressSlot>> {
        if self.config.is_shared(address) {
            return Some(None);
        }
        let most = self.config.limits.clients_per_address;
        let key = network(address);
        let entered = self
            .counts
            .enter(key, most.saturating_add(SPARE_OF_ADDRESS));
        entered.then(|| {
            Some(AddressSlot {
                acceptor: Arc::clone(self),
                address: key,
            })
        })
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        address: IpAddr,
        tls: Option<TlsAcceptor>,
        (_slot, mut address_slot): (OwnedSemaphorePermit, Option<AddressSlot>),
    ) {
        let mut peer = Peer {
            address,
            secure: tls.is_some(),
        };
        let stream = if self.config.is_proxy(address) {
            // Other programs on this machine connect without a header, and gateways send WEBIRC instead; any other
            // proxy must send one.
            let optional = is_loopback(address) || self.config.webirc_password.is_some();
            match announced(stream, optional).await {
                Ok((origin, stream)) => {
                    if let Some(origin) = origin {
                        peer.address = origin.address;
                        peer.secure |= origin.secure;
                        address_slot = match self.enter(origin.address) {
                            Some(address_slot) => address_slot,
                            None => return too_many(origin.address),
                        };
                    }
                    stream
                }
                Err(error) => return bad_header(address, &error.to_string()),
            }
        } else {
            Prefixed::from(stream)
        };
        let id = ClientId(self.next.fetch_add(1, Ordering::Relaxed));
        let inputs = self.inputs.clone();
        let limits = &self.config.limits;
        let outgoing = Outgoing::new(Arc::clone(&self.queued));
        match tls {
            None => connection::serve(id, peer, stream, inputs, outgoing, limits).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                    connection::serve(id, peer, stream, inputs, outgoing, limits).await;
                }
            }
        }
        drop(address_slot);
    }
}

fn too_many(address: IpAddr) {
    if let Some(left_out) = TOO_MANY.say() {
        tracing::warn!(%address, left_out, "an IRC connection was closed at once: there are too many");
    }
}

fn bad_header(address: IpAddr, reason: &str) {
    if let Some(left_out) = BAD_HEADER.say() {
        tracing::warn!(%address, reason, left_out, "a proxy's header (PROXY protocol) is invalid");
    }
}

/// The number of connections from each address.
#[derive(Debug, Default)]
struct AddressCounts(Mutex<HashMap<IpAddr, usize>>);

impl AddressCounts {
    fn enter(&self, address: IpAddr, most: usize) -> bool {
        let mut counts = lock(&self.0);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    fn leave(&self, address: IpAddr) {
        let mut counts = lock(&self.0);
        if let Some(count) = counts.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

/// A counted connection of an address, until it is dropped.
#[derive(Debug)]
struct AddressSlot {
    acceptor: Arc<Acceptor>,
    address: IpAddr,
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        self.acceptor.counts.leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_places_and_others_have_theirs() {
        let counts = AddressCounts::default();
        let [one, other] = ["192.0.2.7", "192.0.2.8"].map(|text| text.parse().unwrap());
        assert!(counts.enter(one, 2) && counts.enter(one, 2));
        assert!(!counts.enter(one, 2) && counts.enter(other, 2));
        counts.leave(one);
        assert!(counts.enter(one, 2));
        for address in [one, one, other] {
            counts.leave(address);
        }
        assert!(counts.0.lock().unwrap().is_empty());
    }
}
