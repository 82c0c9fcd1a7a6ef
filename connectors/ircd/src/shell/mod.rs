//! The shell around the state machine: listeners, connections, the engine task, the log's thread.

mod bucket;
mod connection;
mod engine;
mod metrics;
mod outgoing;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::accounts::Accounts;
use crate::config::{IrcdConfig, Limits};
use crate::server::{ClientId, Now, Peer, Server, Statistics};
use crate::store::{History, StoreError, spawn};
use engine::{Engine, Input};

/// Inputs that wait for the engine.
const INPUTS: usize = 1024;

/// Connections above the limit that may be in a TLS handshake or being refused.
const SPARE: usize = 128;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// How long a stopping server waits for its clients to read what is left.
const LINGER: Duration = Duration::from_secs(3);

/// The pause after the system could give no socket.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value of the configuration is wrong.
    #[error("the configuration of the IRC server is wrong: {0}")]
    Config(String),
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate or key cannot be used.
    #[error("TLS of the IRC server does not work: {path}: {reason}")]
    Tls {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A port cannot be opened, or a thread not be started.
    #[error("the IRC server cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// A server that runs.
#[derive(Debug)]
pub struct Ircd {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    statistics: Arc<Mutex<Statistics>>,
    stop: Option<oneshot::Sender<()>>,
    engine: JoinHandle<()>,
    acceptors: Vec<AbortHandle>,
    slots: Arc<Semaphore>,
    all_slots: u32,
}

/// Starts a server on a listener that is open already; clients are served when this returns.
///
/// # Errors
/// The configuration, the data folder, the certificate or a port does not work.
pub async fn start(
    config: IrcdConfig,
    listener: TcpListener,
    accounts: Arc<dyn Accounts>,
) -> Result<Ircd, StartError> {
    config.check().map_err(StartError::Config)?;
    let address = listener.local_addr().map_err(|source| StartError::Listen {
        address: "its address".to_owned(),
        source,
    })?;
    let tls = match &config.tls {
        None => None,
        Some(tls) => {
            let acceptor = tls::acceptor(tls)?;
            let listener =
                TcpListener::bind(tls.listen)
                    .await
                    .map_err(|source| StartError::Listen {
                        address: tls.listen.to_string(),
                        source,
                    })?;
            Some((listener, acceptor))
        }
    };
    let tls_address = tls
        .as_ref()
        .and_then(|(listener, _)| listener.local_addr().ok());
    let (folder, limits) = (config.data.clone(), config.limits.clone());
    let opened = tokio::task::spawn_blocking(move || History::open(&folder, &limits)).await;
    let (history, found) = opened.map_err(|error| StartError::Listen {
        address: address.to_string(),
        source: io::Error::other(error),
    })??;
    if found.damaged > 0 {
        tracing::warn!(
            lines = found.damaged,
            "the log of the IRC server has damaged or unfinished lines; they are left out"
        );
    }
    let (replies_in, replies) = mpsc::unbounded_channel();
    let store = spawn(history, replies_in).map_err(|source| StartError::Listen {
        address: address.to_string(),
        source,
    })?;
    let started = Instant::now();
    let limits = Arc::new(config.limits.clone());
    let mut server = Server::new(
        config,
        found.state,
        found.last_id,
        Now {
            ticks: 0,
            wall: engine::wall_clock(),
        },
    );
    server.remember_tasks(found.tasks);
    let engine = Engine::new(server, accounts, store, limits.sendq, started);
    let statistics = Arc::clone(&engine.statistics);
    let (inputs_in, inputs) = mpsc::channel(INPUTS);
    let (stop, stopped) = oneshot::channel();
    let engine = tokio::spawn(engine.run(inputs, replies, stopped));
    let all_slots = limits
        .clients
        .saturating_add(SPARE)
        .min(Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(all_slots));
    let door = Arc::new(Door {
        inputs: inputs_in,
        limits,
        slots: Arc::clone(&slots),
        next: AtomicU64::new(1),
    });
    let mut acceptors = vec![tokio::spawn(Arc::clone(&door).accept(listener, None)).abort_handle()];
    if let Some((listener, acceptor)) = tls {
        acceptors.push(tokio::spawn(door.accept(listener, Some(acceptor))).abort_handle());
    }
    Ok(Ircd {
        address,
        tls_address,
        statistics,
        stop: Some(stop),
        engine,
        acceptors,
        slots,
        all_slots: u32::try_from(all_slots).unwrap_or(u32::MAX),
    })
}

impl Ircd {
    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns where it listens for TLS.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Returns its numbers.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        *self
            .statistics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns its numbers in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        metrics::text(&self.statistics())
    }

    /// Stops: takes no more clients, tells those that are there, waits until all is on disk.
    pub async fn shutdown(mut self) {
        for acceptor in &self.acceptors {
            acceptor.abort();
        }
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.engine).await;
        let _ = timeout(LINGER, self.slots.acquire_many(self.all_slots)).await;
    }
}

impl Drop for Ircd {
    fn drop(&mut self) {
        for acceptor in &self.acceptors {
            acceptor.abort();
        }
        // The engine stops by itself when the sender of `stop` goes.
    }
}

/// What the accepting tasks share.
#[derive(Debug)]
struct Door {
    inputs: mpsc::Sender<Input>,
    limits: Arc<Limits>,
    slots: Arc<Semaphore>,
    next: AtomicU64,
}

impl Door {
    async fn accept(self: Arc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.admit(stream, from, tls.clone()),
                Err(error) => {
                    tracing::warn!(%error, "the IRC server could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, from: SocketAddr, tls: Option<TlsAcceptor>) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return;
        };
        // Lines are short and people wait for them.
        let _ = stream.set_nodelay(true);
        let id = ClientId(self.next.fetch_add(1, Ordering::Relaxed));
        let (inputs, limits) = (self.inputs.clone(), Arc::clone(&self.limits));
        let peer = Peer {
            address: from.ip().to_canonical(),
            secure: tls.is_some(),
        };
        match tls {
            None => {
                tokio::spawn(async move {
                    connection::serve(id, peer, stream, inputs, limits).await;
                    drop(slot);
                });
            }
            Some(acceptor) => {
                tokio::spawn(async move {
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        connection::serve(id, peer, stream, inputs, limits).await;
                    }
                    drop(slot);
                });
            }
        }
    }
}
