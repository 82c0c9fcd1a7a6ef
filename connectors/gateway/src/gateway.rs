//! The gateway: construction, startup and shutdown.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::{EventBody, Registration};
use socketioxide::{ParserConfig, SocketIo};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::calls::Calls;
use crate::channel_keys::ChannelKeys;
use crate::config::GatewayConfig;
use crate::entrance::Entrance;
use crate::hub::{Changes, Hub, Recent};
use crate::link::Delivery;
use crate::metrics::Metrics;
use crate::namespaces::calls::{self, Signalling};
use crate::namespaces::chat::{self, Chat};
use crate::outbox::{Deliverer, Journal, OutboxHandle};
use crate::platform::{Platform, Platforms};
use crate::publish::{Attempts, Publisher, PublisherConfig};
use crate::service::closing::close_left;
use crate::service::{GatewayService, Measured, NotFound, PATH, Parts, Wake};
use crate::sessions::Sessions;
use crate::sockets::addresses::AddressCounts;
use crate::sockets::places::Places;
use crate::sockets::tickets::Tickets;
use crate::spool::{Spool, SpoolConfig, SpoolError};
use connector_kit::{FunctionsClient, FunctionsError};

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
    behind_proxy: bool,
    flush: Duration,
    hub: Arc<Hub>,
    spool: Spool,
    metrics: Arc<Metrics>,
    closing: watch::Sender<bool>,
    io: SocketIo,
    entrance: Entrance,
    service: GatewayService,
    publisher: JoinHandle<()>,
    attempts: Arc<Attempts>,
    keeper: JoinHandle<()>,
    watcher: JoinHandle<()>,
    deliverer: JoinHandle<()>,
    registrar: Option<JoinHandle<()>>,
    closer: Option<JoinHandle<()>>,
    publish_rest: watch::Sender<bool>,
}

/// What became of the spool's content at shutdown.
#[derive(Debug, Eq, PartialEq)]
enum Flushed {
    /// Published.
    All,
    /// A part was published in the time allowed.
    Part,
    /// The functions accepted nothing in that time.
    Nothing,
}

/// Waits for the publisher to end, up to the given time: whatever is not published is durable in the spool.
async fn flushed(publisher: &mut JoinHandle<()>, metrics: &Metrics, most: Duration) -> Flushed {
    let published = || metrics.published.load(Ordering::Relaxed);
    let before = published();
    match tokio::time::timeout(most, &mut *publisher).await {
        Ok(_) => Flushed::All,
        Err(_) if published() > before => Flushed::Part,
        Err(_) => Flushed::Nothing,
    }
}

/// What the gateway registers with the functions.
fn registration(url: String, platforms: &Platforms) -> Registration {
    let infos = || platforms.infos().iter();
    Registration {
        url: Some(url),
        platforms: infos().map(|info| info.id().to_owned()).collect(),
        descriptors: infos()
            .filter_map(|info| serde_json::to_value(&info.descriptor).ok())
            .collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        network: None,
        mail: None,
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// Starts the gateway: opens the spool, publishes what it holds, and keeps the connections that the functions
    /// assign.
    ///
    /// It does not wait for the functions; while they cannot be reached it keeps trying. Must be called within a
    /// tokio runtime; reading the spool blocks.
    ///
    /// # Errors
    /// The spool or the functions' origin cannot be used.
    pub fn start(
        config: GatewayConfig,
        platforms: Vec<Arc<dyn Platform>>,
    ) -> Result<Self, GatewayError> {
        let client = FunctionsClient::new(&config.functions, &config.id, &config.key)?;
        let limits = config.limits.clone();
        let (mut recent, mut changes) = (Recent::new(), Changes::new());
        let spool_config = SpoolConfig {
            max_bytes: limits.spool_bytes,
            segment_bytes: limits.segment_bytes,
            deferred_bytes: limits.deferred_bytes,
        };
        let spool = Spool::open(&config.spool, spool_config, |number, event| {
            if !matches!(event.body, EventBody::Message { .. }) {
                changes.insert(event.account.clone(), number + 1);
            }
            let key = (event.account.clone(), event.connection.clone());
            let events = recent.entry(key).or_default();
            if events.len() >= limits.recent {
                events.pop_front();
            }
            events.push_back(event);
        })?;
        let unreadable = |error| SpoolError::Open {
            path: config.spool.clone(),
            error,
        };
        let journal = Journal::open(&config.spool).map_err(unreadable)?;
        let calls = Arc::new(Calls::open(&config.spool).map_err(unreadable)?);
        let (outbox, reports) = OutboxHandle::new();
        let platforms = Arc::new(Platforms::new(platforms));
        let metrics = Arc::new(Metrics::default());
        let publisher_config = PublisherConfig {
            batch_events: limits.batch_events,
            batch_bytes: limits.batch_bytes,
            interval: limits.publish_interval,
            age: limits.publish_age,
            retry: limits.retry,
            deferred_retry: limits.deferred_retry,
        };
        let (publisher, flushes) = Publisher::with_metrics(
            spool.clone(),
            client.clone(),
            publisher_config,
            Arc::clone(&metrics),
        );
        let attempts = publisher.attempts();
        let publish_rest = watch::Sender::new(false);
        let publisher = tokio::spawn(publisher.run(publish_rest.subscribe()));
        let closing = watch::Sender::new(false);
        let delivery = Arc::new(Delivery::new(
            spool.clone(),
            ChannelKeys::new(&client),
            outbox.clone(),
            limits.clone(),
            Arc::clone(&metrics),
            closing.subscribe(),
        ));
        let hub = Hub::new(
            &config,
            client.clone(),
            Arc::clone(&platforms),
            delivery,
            recent,
            changes,
        );
        let sessions = Sessions::new(
            client.clone(),
            Arc::clone(&hub),
            Arc::clone(&calls),
            &limits,
        );
        let tickets = Arc::new(Tickets::new(&config.key, &config.id));
        let addresses = AddressCounts::new(limits.sockets_per_ip);
        let places = Places::new(&limits);
        let (sockets, io) = SocketIo::builder()
            .req_path(PATH)
            .max_payload(limits.payload)
            .ws_max_message_size(usize::try_from(limits.payload).unwrap_or(usize::MAX))
            .ws_max_frame_size(usize::try_from(limits.payload).unwrap_or(usize::MAX))
            .max_buffer_size(limits.socket_queue)
            .connect_timeout(limits.connecting)
            // Sockethub has no binary events: a packet that would start one is refused, so that nothing ever waits to
            // be completed.
            .with_parser(
                ParserConfig::common()
                    .max_incoming_binaries(0)
                    .max_incoming_binary_buf_size(0)
                    .packet_completion_timeout(limits.connecting),
            )
            .build_with_inner_svc(NotFound);
        let chat = Chat {
            tickets: Arc::clone(&tickets),
            addresses: Arc::clone(&addresses),
            hub: Arc::clone(&hub),
            sessions: Arc::clone(&sessions),
            platforms: Arc::clone(&platforms),
            limits: limits.clone(),
            metrics: Arc::clone(&metrics),
        };
        chat::listen(&io, chat);
        let signalling = Signalling::new(
            Arc::clone(&tickets),
            addresses,
            Arc::clone(&sessions),
            calls,
            limits.clone(),
        );
        calls::listen(&io, signalling);
        let deliverer = Deliverer::new(
            client.clone(),
            Arc::clone(&hub),
            flushes.clone(),
            journal,
            (outbox.clone(), reports),
            limits.clone(),
        );
        let deliverer = tokio::spawn(deliverer.run());
        let registrar = config.public_url.clone().map(|url| {
            let registration = registration(url, &platforms);
            tokio::spawn(client.clone().keep_registered(registration))
        });
        let keeper = tokio::spawn(Arc::clone(&hub).keep());
        let watcher = tokio::spawn(Arc::clone(&sessions).watch());
        let closer = places.leavers().map(|leavers| {
            let places = Arc::clone(&places);
            tokio::spawn(close_left(places, leavers, sockets.clone()))
        });
        let entrance = Entrance::new(
            Arc::clone(&hub),
            Arc::clone(&sessions),
            client,
            limits.clone(),
        );
        let parts = Parts {
            tickets,
            places: Arc::clone(&places),
            wake: Wake {
                id: config.id,
                key: config.key,
                outbox,
                flushes,
                spool: spool.clone(),
                sessions,
            },
            measured: Measured {
                metrics: Arc::clone(&metrics),
                hub: Arc::clone(&hub),
                places,
                spool: spool.clone(),
            },
            body: limits.body,
            origins: config.origins,
            behind_proxy: config.behind_proxy,
            closing: closing.subscribe(),
        };
        Ok(Self {
            behind_proxy: config.behind_proxy,
            flush: limits.flush,
            hub,
            spool,
            metrics,
            closing,
            io,
            entrance,
            service: GatewayService::new(parts, sockets),
            publisher,
            attempts,
            keeper,
            watcher,
            deliverer,
            registrar,
            closer,
            publish_rest,
        })
    }

    /// Returns the service that handles `/sockethub/…`, `/healthz` and `/metrics`.
    #[must_use]
    pub fn service(&self) -> GatewayService {
        self.service.clone()
    }

    /// Returns the entrance for members' programs of other protocols. End them before [`Gateway::shutdown`].
    #[must_use]
    pub fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }

    pub(crate) fn is_behind_proxy(&self) -> bool {
        self.behind_proxy
    }

    /// Shuts down: accepts no more sockets, leaves the networks, closes the sockets, and publishes the spool's
    /// content for at most [`crate::Limits::flush`]. Anything left unpublished stays in the spool.
    pub async fn shutdown(self) {
        self.closing.send_replace(true);
        self.keeper.abort();
        self.watcher.abort();
        // Reports it no longer receives are resolved at the next start.
        self.deliverer.abort();
        for task in [self.registrar, self.closer].into_iter().flatten() {
            task.abort();
        }
        self.hub.stop_all("the server is shutting down").await;
        self.io.close().await;
        self.publish_rest.send_replace(true);
        let mut publisher = self.publisher;
        let flushed = flushed(&mut publisher, &self.metrics, self.flush).await;
        let (waiting, ..) = self.spool.usage();
        match flushed {
            Flushed::All => {}
            Flushed::Part => tracing::info!(
                waiting,
                "not everything is published yet; the rest stays in the spool until the next start"
            ),
            Flushed::Nothing => tracing::warn!(
                waiting,
                seconds = self.flush.as_secs(),
                "the functions accepted no events in the time that a stop waits; they stay in the spool until the next start"
            ),
        }
        if flushed != Flushed::All {
            publisher.abort();
            let _ = publisher.await;
        }
        self.attempts.end().await;
        let spool = self.spool;
        if tokio::task::spawn_blocking(move || spool.close())
            .await
            .is_err()
        {
            tracing::error!("the spool could not be closed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However much there is, and however steadily it is published.
    #[tokio::test(start_paused = true)]
    async fn shutdown_does_not_wait_for_all_that_is_left() {
        let metrics = Arc::new(Metrics::default());
        let publish = |every| {
            let metrics = Arc::clone(&metrics);
            tokio::spawn(async move {
                for _ in 0..1_000 {
                    tokio::time::sleep(every).await;
                    metrics.published.fetch_add(500, Ordering::Relaxed);
                }
            })
        };
        let most = Duration::from_secs(5);
        for (every, expected) in [
            (Duration::from_millis(1), Flushed::All),
            (Duration::from_secs(2), Flushed::Part),
            (Duration::from_secs(20), Flushed::Nothing),
        ] {
            let mut publisher = publish(every);
            let begun = tokio::time::Instant::now();
            assert_eq!(flushed(&mut publisher, &metrics, most).await, expected);
            assert!(begun.elapsed() <= most + Duration::from_millis(1));
            publisher.abort();
        }
    }
}
