//! The shell around the state machine: listeners, connections, the engine task, the log's thread.

mod acceptor;
mod checks;
mod connection;
mod ended;
mod engine;
mod metrics;
mod outgoing;
#[cfg(test)]
mod stalled;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mutex::lock;
use tls::{FilesError, server_config};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::accounts::Accounts;
use crate::config::IrcdConfig;
use crate::server::{Now, Server, Statistics};
use crate::store::{History, StoreError, spawn};
use acceptor::Acceptor;
use engine::Engine;

/// Inputs that may be queued for the engine.
const INPUTS: usize = 1024;

/// How long a stopping server waits for its clients to read the rest.
const LINGER: Duration = Duration::from_secs(3);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value in the configuration is invalid.
    #[error("{0}")]
    Config(String),
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate or key cannot be used.
    #[error("TLS cannot be set up for the IRC server: {path}: {reason}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A port cannot be opened, or a thread cannot be started.
    #[error("the IRC server cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The cause.
        source: io::Error,
    },
    /// The TLS port cannot be opened.
    #[error("the IRC server cannot listen on {address}: {source}")]
    ListenTls {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
}

impl From<FilesError> for StartError {
    fn from(error: FilesError) -> Self {
        Self::Tls {
            path: error.path,
            reason: error.reason,
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Ircd {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    statistics: Arc<Mutex<Statistics>>,
    /// Lines that could not be read at startup.
    damaged: usize,
    stop: Option<oneshot::Sender<()>>,
    engine: JoinHandle<()>,
    acceptors: Vec<AbortHandle>,
    acceptor: Arc<Acceptor>,
}

/// Starts a server on an open listener; clients are served when this returns.
///
/// # Errors
/// The configuration, the data folder, the certificate or a port cannot be used.
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
            let acceptor = TlsAcceptor::from(server_config(&tls.certificate, &tls.key)?);
            let address = tls.listen;
            let listener = TcpListener::bind(address)
                .await
                .map_err(|source| StartError::ListenTls { address, source })?;
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
            "the log of the IRC server has damaged or unfinished lines; they are skipped"
        );
    }
    let (replies_in, replies) = mpsc::unbounded_channel();
    let store = spawn(history, replies_in).map_err(|source| StartError::Listen {
        address: address.to_string(),
        source,
    })?;
    let started = Instant::now();
    let shared = Arc::new(config.clone());
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
    let watched = Arc::clone(&accounts);
    let engine = Engine::new(server, accounts, store, &shared.limits, started);
    let statistics = Arc::clone(&engine.statistics);
    let (inputs_in, inputs) = mpsc::channel(INPUTS);
    let (stop, stopped) = oneshot::channel();
    let engine = tokio::spawn(engine.run(inputs, replies, stopped));
    let watcher = tokio::spawn(ended::watch(watched, inputs_in.clone())).abort_handle();
    let acceptor = Arc::new(Acceptor::new(inputs_in, shared));
    let mut acceptors =
        vec![tokio::spawn(Arc::clone(&acceptor).accept(listener, None)).abort_handle()];
    if let Some((listener, tls)) = tls {
        let acceptor = Arc::clone(&acceptor);
        acceptors.push(tokio::spawn(acceptor.accept(listener, Some(tls))).abort_handle());
    }
    // It is not an acceptor, but ends with them.
    acceptors.push(watcher);
    Ok(Ircd {
        address,
        tls_address,
        statistics,
        damaged: found.damaged,
        stop: Some(stop),
        engine,
        acceptors,
        acceptor,
    })
}

impl Ircd {
    /// Returns the address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address it listens on for TLS.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Returns its statistics.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        *lock(&self.statistics)
    }

    /// Returns its statistics in Prometheus's text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        metrics::text(&self.statistics(), self.damaged)
    }

    /// Stops: accepts no more clients, tells connected ones, waits until everything is on disk.
    pub async fn shutdown(mut self) {
        for acceptor in &self.acceptors {
            acceptor.abort();
        }
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.engine).await;
        let _ = timeout(LINGER, self.acceptor.all_closed()).await;
    }
}

impl Drop for Ircd {
    fn drop(&mut self) {
        for acceptor in &self.acceptors {
            acceptor.abort();
        }
        // The engine stops by itself when the sender of `stop` is dropped.
    }
}
