//! What the connections of all accounts share to deliver what they say: into the spool, and to sockets once it is durable.

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

/// See the module.
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
    /// `closing` becomes true when the gateway ends.
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

    /// Where what is said becomes durable, and waits for the publisher.
    pub(crate) const fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Queues events for the disk, with keys of channels sealed; as [`Spool::append_seen`].
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

    /// Where it is reported what became of tasks.
    pub(super) const fn outbox(&self) -> &OutboxHandle {
        &self.outbox
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the gateway ends.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Makes an id that no request had before.
    pub(super) fn request_id(&self) -> RequestId {
        RequestId(self.next_request.fetch_add(1, Ordering::Relaxed))
    }

    /// A connection's task ended unexpectedly.
    pub(super) fn count_restart(&self) {
        add(&self.metrics.restarts);
    }
}
