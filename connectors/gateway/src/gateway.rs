//! The gateway: what it is made of, its start and its end.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{AccountName, Activity, ConnectionStatus, Event, Registration};
use socketioxide::{ParserConfig, SocketIo};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::calls::{self, Calls};
use crate::config::GatewayConfig;
use crate::hub::{Account, lock};
use crate::link::activity_of;
use crate::metrics::{Gauges, Metrics};
use crate::namespaces::chat;
use crate::outbox::{Deliverer, Door, Journal};
use crate::platform::{Offered, PlatformInfo};
use crate::publish::{Looks, Publisher, PublisherConfig};
use crate::service::closing::close_left;
use crate::service::{GatewayService, NotFound, PATH};
use crate::sessions::Ended;
use crate::sockets::places::Places;
use crate::spool::{Spool, SpoolConfig, SpoolError};
use crate::{Platform, RequestId};
use connector_kit::{FunctionsClient, FunctionsError};

/// How many times as long as nothing may be published, everything may take at the end.
const MAX_FLUSHES: u32 = 12;

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The functions' origin cannot be used.
    #[error(transparent)]
    Functions(#[from] FunctionsError),
}

/// A running gateway.
pub struct Gateway {
    shared: Arc<Shared>,
    io: SocketIo,
    service: GatewayService,
    publisher: JoinHandle<()>,
    keeper: JoinHandle<()>,
    watcher: JoinHandle<()>,
    deliverer: JoinHandle<()>,
    registrar: Option<JoinHandle<()>>,
    closer: Option<JoinHandle<()>>,
    publish_rest: watch::Sender<bool>,
}

/// Waits for the publisher to end, for as long as it publishes something.
async fn flushed(publisher: &mut JoinHandle<()>, metrics: &Metrics, most: Duration) -> bool {
    let mut before = metrics.published.load(Ordering::Relaxed);
    for _ in 0..MAX_FLUSHES {
        if tokio::time::timeout(most, &mut *publisher).await.is_ok() {
            return true;
        }
        let now = metrics.published.load(Ordering::Relaxed);
        if now == before {
            return false;
        }
        before = now;
    }
    false
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

/// What a spool remembers of connections that have not started yet: account and connection.
type Recent = HashMap<(AccountName, String), VecDeque<Event>>;

/// What every part of the gateway uses.
pub(crate) struct Shared {
    pub(crate) config: GatewayConfig,
    /// By their ids.
    pub(crate) platforms: HashMap<String, Offered>,
    pub(crate) infos: Vec<Arc<PlatformInfo>>,
    pub(crate) spool: Spool,
    pub(crate) client: FunctionsClient,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) accounts: Mutex<HashMap<AccountName, Account>>,
    /// When the list of an account's connections that was applied last was asked for.
    pub(crate) applied: Mutex<HashMap<AccountName, Instant>>,
    pub(crate) addresses: Mutex<HashMap<IpAddr, usize>>,
    pub(crate) places: Arc<Places>,
    pub(crate) ended: Mutex<Ended>,
    pub(crate) calls: Mutex<Calls>,
    pub(crate) fetches: Semaphore,
    pub(crate) outbox: Door,
    pub(crate) looks: Looks,
    /// Something ended of which we were not told: the list of connections is another by now, too.
    pub(crate) stale: Notify,
    /// Whether what an earlier run left in the spool is published.
    pub(crate) recorded: watch::Sender<bool>,
    /// Whether the connections have been fetched once.
    pub(crate) known: watch::Sender<bool>,
    closing: watch::Sender<bool>,
    recent: Mutex<Recent>,
    next: AtomicU64,
}

/// Requests to the functions for single accounts at the same time.
const MAX_FETCHES: usize = 16;

/// How long a session of Socket.IO may take until it is connected to a namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Shared {
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    pub(crate) fn request_id(&self) -> RequestId {
        RequestId(self.number())
    }

    /// Returns a number that was not used before.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes what the spool told about a connection before it started.
    pub(crate) fn take_recent(
        &self,
        account: &AccountName,
        connection: &protocol::Connection,
    ) -> Vec<Activity> {
        let key = (account.clone(), connection.id.clone());
        let events = lock(&self.recent).remove(&key).unwrap_or_default();
        let own = &connection.nick;
        events
            .iter()
            .filter_map(|event| activity_of(event, &connection.platform, own))
            .collect()
    }

    /// Forgets what the spool told about connections that are not assigned any more.
    pub(crate) fn forget_recent(&self) {
        lock(&self.recent).clear();
    }

    pub(crate) fn metrics_text(&self) -> String {
        let (spool_records, spool_bytes, oldest) = self.spool.usage();
        let (held_accounts, held_bytes) = self.spool.held().usage();
        let age = oldest.map_or(0, |oldest| connector_kit::now().millis() - oldest.millis());
        let accounts = lock(&self.accounts);
        let links = || accounts.values().flat_map(|account| account.links.values());
        let (sessions, unproven) = self.places.usage();
        let count =
            |status: ConnectionStatus| links().filter(|link| link.status() == status as u8).count();
        self.metrics.text(&Gauges {
            connections: ConnectionStatus::ALL
                .iter()
                .map(|status| (status.name(), count(*status)))
                .collect(),
            sessions: (sessions.saturating_sub(unproven), unproven),
            spool_records,
            spool_bytes,
            held_accounts,
            held_bytes,
            spool_age_seconds: age.max(0) as f64 / 1_000.0,
        })
    }
}

impl Gateway {
    /// Starts: opens the spool, publishes what it holds, and keeps the connections that the functions assign.
    ///
    /// It does not wait for the functions: while they cannot be reached it goes on trying. It must be
    /// called within a tokio runtime; the spool is read here, which blocks.
    ///
    /// # Errors
    /// The spool or the functions' origin cannot be used.
    pub fn start(
        config: GatewayConfig,
        platforms: Vec<Arc<dyn Platform>>,
    ) -> Result<Self, GatewayError> {
        let client = FunctionsClient::new(&config.functions, &config.id, &config.key)?;
        let limits = &config.limits;
        let mut recent = Recent::new();
        let spool_config = SpoolConfig {
            max_bytes: limits.spool_bytes,
            segment_bytes: limits.segment_bytes,
            held_bytes: limits.held_bytes,
        };
        let spool = Spool::open(&config.spool, spool_config, |_, event| {
            let key = (event.account.clone(), event.connection.clone());
            let events = recent.entry(key).or_default();
            if events.len() >= limits.recent {
                events.pop_front();
            }
            events.push_back(event);
        })?;
        let journal = Journal::open(&config.spool).map_err(|error| SpoolError::Open {
            path: config.spool.clone(),
            error,
        })?;
        let (outbox, told) = Door::new();
        let platforms: Vec<Offered> = platforms.into_iter().map(Offered::new).collect();
        let metrics = Arc::new(Metrics::default());
        let publisher_config = PublisherConfig {
            batch_events: limits.batch_events,
            batch_bytes: limits.batch_bytes,
            interval: limits.publish_interval,
            age: limits.publish_age,
            retry: limits.retry,
            held_retry: limits.held_retry,
        };
        let (publisher, looks) = Publisher::with_metrics(
            spool.clone(),
            client.clone(),
            publisher_config,
            Arc::clone(&metrics),
        );
        let publish_rest = watch::Sender::new(false);
        let publisher = tokio::spawn(publisher.run(publish_rest.subscribe()));
        let (sockets, io) = SocketIo::builder()
            .req_path(PATH)
            .max_payload(limits.payload)
            .ws_max_message_size(usize::try_from(limits.payload).unwrap_or(usize::MAX))
            .ws_max_frame_size(usize::try_from(limits.payload).unwrap_or(usize::MAX))
            .max_buffer_size(limits.socket_queue)
            .connect_timeout(CONNECT_TIMEOUT)
            // Sockethub has no binary events; what is begun of one would be kept.
            .with_parser(
                ParserConfig::common()
                    .max_incoming_binaries(0)
                    .max_incoming_binary_buf_size(0)
                    .packet_completion_timeout(CONNECT_TIMEOUT),
            )
            .build_with_inner_svc(NotFound);
        let shared = Arc::new(Shared {
            infos: platforms.iter().map(|one| Arc::clone(&one.info)).collect(),
            platforms: platforms
                .into_iter()
                .map(|one| (one.info.id().to_owned(), one))
                .collect(),
            spool,
            client,
            metrics,
            accounts: Mutex::default(),
            applied: Mutex::default(),
            addresses: Mutex::default(),
            places: Places::new(
                limits.sessions_open,
                limits.unproven,
                limits.unproven_per_ip,
            ),
            ended: Mutex::default(),
            calls: Mutex::default(),
            fetches: Semaphore::new(MAX_FETCHES),
            outbox,
            looks,
            stale: Notify::new(),
            recorded: watch::Sender::new(false),
            known: watch::Sender::new(false),
            closing: watch::Sender::new(false),
            recent: Mutex::new(recent),
            next: AtomicU64::new(1),
            config,
        });
        chat::listen(&io, &shared);
        let deliverer = tokio::spawn(Deliverer::new(&shared, journal, told).run());
        calls::listen(&io, &shared);
        let registrar = shared.config.public_url.clone().map(|url| {
            let infos = || shared.infos.iter();
            let registration = Registration {
                url: Some(url),
                platforms: infos().map(|info| info.id().to_owned()).collect(),
                descriptors: infos()
                    .filter_map(|info| serde_json::to_value(&info.descriptor).ok())
                    .collect(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                network: None,
                mail: None,
            };
            tokio::spawn(shared.client.clone().keep_registered(registration))
        });
        let keeper = tokio::spawn(Arc::clone(&shared).keep());
        let watcher = tokio::spawn(Arc::clone(&shared).watch_sessions());
        let closer = shared.places.leavers().map(|leavers| {
            let places = Arc::clone(&shared.places);
            tokio::spawn(close_left(places, leavers, sockets.clone()))
        });
        let service = GatewayService {
            shared: Arc::clone(&shared),
            sockets,
        };
        Ok(Self {
            shared,
            io,
            service,
            publisher,
            keeper,
            watcher,
            deliverer,
            registrar,
            closer,
            publish_rest,
        })
    }

    /// Returns the service that answers `/sockethub/…`, `/healthz` and `/metrics`.
    #[must_use]
    pub fn service(&self) -> GatewayService {
        self.service.clone()
    }

    pub(crate) fn is_behind_proxy(&self) -> bool {
        self.shared.config.behind_proxy
    }

    /// Ends: takes no sockets any more, leaves the networks, closes the sockets, and publishes what the
    /// spool holds for as long as [`crate::Limits::flush`] brings something. What is not published then stays in the spool.
    pub async fn shutdown(self) {
        self.shared.closing.send_replace(true);
        self.keeper.abort();
        self.watcher.abort();
        // What it does not hear any more is found out at the next start.
        self.deliverer.abort();
        for task in [self.registrar, self.closer].into_iter().flatten() {
            task.abort();
        }
        self.shared.stop_all("the server is shutting down").await;
        self.io.close().await;
        self.publish_rest.send_replace(true);
        let mut publisher = self.publisher;
        let flush = self.shared.config.limits.flush;
        if !flushed(&mut publisher, &self.shared.metrics, flush).await {
            let (waiting, ..) = self.shared.spool.usage();
            tracing::warn!(
                waiting,
                "the functions cannot be reached; events wait in the spool for the next start"
            );
            publisher.abort();
        }
        let spool = self.shared.spool.clone();
        if tokio::task::spawn_blocking(move || spool.close())
            .await
            .is_err()
        {
            tracing::error!("the spool could not be closed");
        }
    }
}
