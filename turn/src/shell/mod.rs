//! Sockets and threads around the core: each thread has its own listeners on the same ports (SO_REUSEPORT), so that
//! all messages of a client reach the same one, and nothing is shared on the data path.

mod addresses;
mod batch;
mod metrics;
mod net;
mod overflow;
mod sockets;
mod stream;
mod tls;
mod worker;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ::metrics::Pages as _;
use rustix::event::{EventfdFlags, eventfd};

use self::metrics::Report;
use self::sockets::Listeners;
use self::stream::Connections;
use self::worker::Worker;
use crate::config::{Config, ConfigError};
use crate::relay::{Counters, Options, Shared};

/// Maximum number of threads.
const MAX_THREADS: u32 = 64;
/// How often a server that is being stopped checks whether it is idle.
const DRAIN_POLL: Duration = Duration::from_millis(50);

/// A configuration key for an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressKey {
    /// The address for UDP and TCP.
    Listen,
    /// The address for TLS.
    TlsListen,
    /// The relay address.
    RelayIp,
    /// The address for metrics.
    Metrics,
}

/// The key as written in the configuration.
impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listen => "listen",
            Self::TlsListen => "tls-listen",
            Self::RelayIp => "relay-ip",
            Self::Metrics => "metrics",
        })
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A port is in use.
    #[error(
        "{key}: {address} is in use by another program; stop it or choose another address with --{key}"
    )]
    InUse {
        /// The configuration key.
        key: AddressKey,
        /// The address.
        address: SocketAddr,
    },
    /// An address cannot be listened on or relayed on.
    #[error("{key}: {address} cannot be used: {error}")]
    Address {
        /// The configuration key.
        key: AddressKey,
        /// The address.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
    /// The certificate or key cannot be used.
    #[error("{key}: {} cannot be used: {reason}", path.display())]
    Tls {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
    /// The system refuses something that every server needs.
    #[error("the system does not provide {what}: {error}")]
    System {
        /// What it is.
        what: &'static str,
        /// The system's error.
        error: io::Error,
    },
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    report: Arc<Report>,
    stopping: Arc<AtomicBool>,
    wakers: Vec<Arc<OwnedFd>>,
    threads: Vec<JoinHandle<()>>,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    metrics: Option<::metrics::Server>,
}

/// Starts a server.
///
/// # Errors
/// One sentence saying why it cannot start.
pub fn start(config: &Config) -> Result<Handle, StartError> {
    config.check()?;
    let relays = addresses::relays(config)?;
    let listeners = Listeners::open(config)?;
    let tls = config.tls.as_ref().map(tls::server).transpose()?;
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| StartError::System {
        what: "random bytes",
        error: io::Error::other(error.to_string()),
    })?;
    let threads = threads(config);
    let options = Options {
        realm: config.realm.clone(),
        secrets: config.secrets.clone(),
        peers: addresses::policy(config, &relays, &listeners),
        relays,
        ports: config.ports.clone(),
        max_allocations: config.max_allocations,
        max_user_allocations: config.max_user_allocations,
        max_lifetime: config.max_lifetime,
        max_rate: config.max_rate,
        // Each thread counts separately; at least one response each, so that 0 still means "no limit".
        max_unauthorized: config.max_unauthorized.div_ceil(threads),
    };
    let shared = Arc::new(Shared::new(options, key));
    let connections = Arc::new(Connections::new(
        config.max_connections,
        config.max_address_connections,
    ));
    let report = Arc::new(Report::new(Arc::clone(&shared), Arc::clone(&connections)));
    let mut handle = Handle {
        shared: Arc::clone(&shared),
        report: Arc::clone(&report),
        stopping: Arc::default(),
        wakers: Vec::new(),
        threads: Vec::new(),
        addresses: listeners.addresses(),
        tls_addresses: listeners.tls_addresses(),
        metrics: config
            .metrics
            .map(|address| metrics::serve(address, Arc::clone(&report)))
            .transpose()?,
    };
    let system = |what| move |error: io::Error| StartError::System { what, error };
    let mut sets = vec![listeners];
    while sets.len() < threads as usize {
        let more = sets[0].again()?;
        sets.push(more);
    }
    for (index, listeners) in sets.into_iter().enumerate() {
        let waker = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| system("event descriptor")(error.into()))?;
        let waker = Arc::new(waker);
        let counters = Arc::new(Mutex::new(Counters::default()));
        report.add(Arc::clone(&counters));
        let parts = worker::Parts {
            shared: Arc::clone(&shared),
            connections: Arc::clone(&connections),
            listeners,
            tls: tls.clone(),
            waker: Arc::clone(&waker),
            stopping: Arc::clone(&handle.stopping),
            counters,
        };
        let (tell, told) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("turn-{index}"))
            .spawn(move || {
                // Its system call buffers cannot move between threads.
                match Worker::new(parts) {
                    Ok(worker) => {
                        let _ = tell.send(Ok(()));
                        worker.run();
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            });
        handle.wakers.push(waker);
        handle.threads.push(thread.map_err(system("thread"))?);
        told.recv()
            .map_err(io::Error::other)
            .flatten()
            .map_err(system("descriptors"))?;
    }
    Ok(handle)
}

/// The number of threads.
fn threads(config: &Config) -> u32 {
    let threads = match config.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    u32::try_from(threads).map_or(MAX_THREADS, |threads| threads.min(MAX_THREADS))
}

impl Handle {
    /// The addresses it listens on for UDP and TCP.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses it listens on for TLS.
    #[must_use]
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// The address of `/metrics` and `/healthz`.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(::metrics::Server::address)
    }

    /// Returns the counters in Prometheus's text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.report.metrics()
    }

    /// From now on nothing new is allocated; existing allocations continue.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// Waits until no allocation is left, the time limit has passed, or `hurry` ends the wait; then stops.
    pub fn drain_and_stop(self, limit: Duration, hurry: impl Fn() -> bool) {
        self.drain();
        let begun = Instant::now();
        while self.shared.allocations() > 0 && begun.elapsed() < limit && !hurry() {
            std::thread::sleep(DRAIN_POLL);
        }
        self.stop();
    }

    /// Ends all allocations and closes everything.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stopping.store(true, Ordering::Release);
        for waker in &self.wakers {
            // Full means that a wake-up is already pending.
            let _ = rustix::io::write(waker, &1_u64.to_ne_bytes());
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the TURN server panicked");
            }
        }
        self.metrics = None;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}
