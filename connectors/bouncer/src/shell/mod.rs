//! The bouncer on its ports: who may connect, and what sessions share.

mod connection;
mod outgoing;
mod websocket;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::Entrance;
use mutex::lock;
use program::{Place, Places, Prefixed, Seldom, announced, is_loopback};
use protocol::{AccountName, Bounded, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::config::BouncerConfig;

/// The delay after `accept` failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How long sessions may take to end when the bouncer stops.
const STOP: Duration = Duration::from_secs(5);

static NOT_ACCEPTED: Seldom = Seldom::new();
static TOO_MANY: Seldom = Seldom::new();
static BAD_HEADER: Seldom = Seldom::new();

/// Why the bouncer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{0} cannot be used by the bouncer: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::FilesError),
}

/// A device of an account on one of its connections.
type Device = (AccountName, String, String);

/// What all sessions share.
struct Shared {
    config: BouncerConfig,
    entrance: Entrance,
    places: Places,
    strangers: Places,
    checks: Semaphore,
    /// The latest message that each device was shown.
    devices: Mutex<Bounded<Device, Timestamp>>,
    next: AtomicU64,
    stop: watch::Receiver<bool>,
}

impl Shared {
    fn last_seen(&self, device: &Device) -> Option<Timestamp> {
        let devices = lock(&self.devices);
        devices.get(device).copied()
    }

    fn saw(&self, device: Device, time: Timestamp) {
        let mut devices = lock(&self.devices);
        // Two sessions of one device: the later one counts.
        let time = devices.get(&device).map_or(time, |known| time.max(*known));
        devices.insert(device, time);
    }
}

/// A running bouncer.
#[derive(Debug)]
pub struct Bouncer {
    address: Option<SocketAddr>,
    tls_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    accepting: Vec<JoinHandle<()>>,
}

/// Opens the configured addresses, and serves members there until [`Bouncer::shutdown`].
///
/// # Errors
/// [`StartError`].
pub async fn start(config: BouncerConfig, entrance: Entrance) -> Result<Bouncer, StartError> {
    let tls = match &config.tls {
        Some(tls) => Some(tls::server_config(&tls.certificate, &tls.key)?),
        None => None,
    };
    let plain = bind(config.listen).await?;
    let secure = bind(config.tls.as_ref().map(|tls| tls.listen)).await?;
    let address = |listener: &Option<TcpListener>| listener.as_ref()?.local_addr().ok();
    let (stop, stopped) = watch::channel(false);
    let limits = config.limits.clone();
    let mut bouncer = Bouncer {
        address: address(&plain),
        tls_address: address(&secure),
        stop,
        accepting: Vec::new(),
    };
    let shared = Arc::new(Shared {
        config,
        entrance,
        places: Places::new(limits.clients, limits.clients_per_address),
        strangers: Places::new(limits.strangers, limits.strangers_per_address),
        checks: Semaphore::new(limits.checks.max(1)),
        devices: Mutex::new(Bounded::new(limits.devices)),
        next: AtomicU64::new(1),
        stop: stopped,
    });
    if let Some(listener) = plain {
        let accepting = accept(Arc::clone(&shared), listener, None);
        bouncer.accepting.push(tokio::spawn(accepting));
    }
    if let (Some(listener), Some(tls)) = (secure, tls) {
        let accepting = accept(shared, listener, Some(TlsAcceptor::from(tls)));
        bouncer.accepting.push(tokio::spawn(accepting));
    }
    Ok(bouncer)
}

async fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, StartError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| StartError::Listen(address, error))?;
    Ok(Some(listener))
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, from)) => admit(&shared, stream, from, tls.clone()),
            Err(error) => {
                if let Some(left_out) = NOT_ACCEPTED.say() {
                    tracing::warn!(%error, left_out, "the bouncer could not accept a connection");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(shared: &Arc<Shared>, stream: TcpStream, from: SocketAddr, tls: Option<TlsAcceptor>) {
    let address = from.ip().to_canonical();
    let take = |places: &Places| match shared.config.is_shared(address) {
        true => places.take_shared(),
        false => places.take(address),
    };
    let (Some(place), Some(stranger)) = (take(&shared.places), take(&shared.strangers)) else {
        return too_many(address);
    };
    program::accepted(&stream);
    let shared = Arc::clone(shared);
    tokio::spawn(welcome(shared, stream, address, tls, place, stranger));
}

/// Finds out where a client is, agrees with it on TLS, and serves it.
async fn welcome(
    shared: Arc<Shared>,
    stream: TcpStream,
    mut address: IpAddr,
    tls: Option<TlsAcceptor>,
    mut place: Place,
    mut stranger: Place,
) {
    let stream = if shared.config.is_proxy(address) {
        // Other programs on this machine connect without a header; any other proxy must send one.
        match announced(stream, is_loopback(address)).await {
            Ok((None, stream)) => stream,
            Ok((Some(origin), stream)) => {
                address = origin.address;
                // One that is shared itself counts in total only, as it does now.
                let fits = shared.config.is_shared(address)
                    || (place.moves_to(address) && stranger.moves_to(address));
                if !fits {
                    return too_many(address);
                }
                stream
            }
            Err(error) => {
                if let Some(left_out) = BAD_HEADER.say() {
                    tracing::warn!(%address, %error, left_out, "a proxy's header (PROXY protocol) is invalid");
                }
                return;
            }
        }
    } else {
        Prefixed::from(stream)
    };
    match tls {
        None => talk(shared, stream, address, stranger).await,
        Some(tls) => {
            let handshake = timeout(shared.config.limits.handshake, tls.accept(stream));
            if let Ok(Ok(stream)) = handshake.await {
                talk(shared, stream, address, stranger).await;
            }
        }
    }
    drop(place);
}

/// Serves a client, or tells it why not, once its first bytes say whether it speaks IRC or asks for a WebSocket.
async fn talk<S: AsyncRead + AsyncWrite + Send + Unpin>(
    shared: Arc<Shared>,
    mut stream: S,
    address: IpAddr,
    stranger: Place,
) {
    let mut first = Vec::new();
    let mut stop = shared.stop.clone();
    let begun = async {
        let most = websocket::FIRST.len();
        while first.len() < most && websocket::FIRST.starts_with(&first) {
            let mut part = (&mut stream).take((most - first.len()) as u64);
            if !matches!(part.read_buf(&mut first).await, Ok(1..)) {
                return None;
            }
        }
        Some(())
    };
    let over = tokio::select! {
        begun = timeout(shared.config.limits.registration, begun) => match begun {
            Ok(Some(())) => None,
            Ok(None) => return,
            Err(_) => Some("Registration timeout"),
        },
        _ = stop.wait_for(|stop| *stop) => Some("The server is shutting down"),
    };
    if let Some(why) = over {
        let line = format!("ERROR :{why}\r\n");
        let _ = timeout(STOP, stream.write_all(line.as_bytes())).await;
        return;
    }
    let tag = format!("b{}", shared.next.fetch_add(1, Ordering::Relaxed));
    let is_web = first == websocket::FIRST;
    let stream = Prefixed::new(first, stream);
    if !is_web {
        return connection::serve(shared, stream, address, tag, stranger).await;
    }
    let handshake = websocket::accept(stream, &shared.config.origins);
    if let Ok(Ok(lines)) = timeout(shared.config.limits.handshake, handshake).await {
        connection::serve(shared, lines, address, tag, stranger).await;
    }
}

fn too_many(address: IpAddr) {
    if let Some(left_out) = TOO_MANY.say() {
        tracing::warn!(%address, left_out, "a connection to the bouncer was closed at once: there are too many");
    }
}

impl Bouncer {
    /// Where clients without TLS connect.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where clients with TLS connect.
    #[must_use]
    pub const fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Accepts no more clients, and disconnects all.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        for accepting in self.accepting {
            // It ends by itself, and panics nowhere.
            let _ = accepting.await;
        }
        // Every session holds a receiver until it has ended.
        let _ = timeout(STOP, self.stop.closed()).await;
    }
}
