//! What all accounts' connections share to deliver events: to the spool, and to sockets once they are durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::Event;
use tokio::sync::watch;

use crate::channel_keys::ChannelKeys;
use crate::config::Limits;
use crate::metrics::{Metrics, add};
use crate::outbox::OutboxHandle;
use crate::platform::{RequestId, Seen};
use crate::spool::{Durable, Spool, SpoolError};

/// The shared delivery path.
#[derive(Debug)]
pub(crate) struct Delivery {
    spool: Spool,
    keys: ChannelKeys,
    outbox: OutboxHandle,
    limits: Limits,
    metrics: Arc<Metrics>,
    closing: watch::Receiver<bool>,
    next_request: AtomicU64,
}

impl Delivery {
    /// `closing` becomes true when the gateway shuts down.
    pub(crate) fn new(
        spool: Spool,
        keys: ChannelKeys,
        outbox: OutboxHandle,
        limits: Limits,
        metrics: Arc<Metrics>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        Self {
            spool,
            keys,
            outbox,
            limits,
            metrics,
            closing,
            next_request: AtomicU64::new(1),
        }
    }

    /// The spool, where events become durable and wait for the publisher.
    pub(crate) const fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Queues events to be written to disk, with channel keys sealed; like [`Spool::append_seen`].
    pub(super) fn append(
        &self,
        events: &[Event],
        seen: Seen,
    ) -> Result<(u64, Durable), SpoolError> {
        let events: Vec<Event> = events
            .iter()
            .map(|event| self.keys.seal(event).into_owned())
            .collect();
        self.spool.append_seen(&events, seen)
    }

    /// Where the outcome of tasks is reported.
    pub(super) const fn outbox(&self) -> &OutboxHandle {
        &self.outbox
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns whether the gateway is shutting down.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Creates an id that no earlier request had.
    pub(super) fn request_id(&self) -> RequestId {
        RequestId(self.next_request.fetch_add(1, Ordering::Relaxed))
    }

    /// Counts a connection's task that ended unexpectedly.
    pub(super) fn count_restart(&self) {
        add(&self.metrics.restarts);
    }
}
