//! The page `/metrics`.

use std::sync::Arc;

use crate::hub::Hub;
use crate::metrics::{Gauges, Metrics};
use crate::sockets::places::Places;
use crate::spool::Spool;

/// What is measured on request.
pub(crate) struct Measured {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) places: Arc<Places>,
    pub(crate) spool: Spool,
}

impl Measured {
    pub(super) fn text(&self) -> String {
        let (spool_records, spool_bytes, oldest) = self.spool.usage();
        let (held_accounts, held_bytes) = self.spool.deferred().usage();
        let age = oldest.map_or(0, |oldest| connector_kit::now().millis() - oldest.millis());
        let (sessions, unproven) = self.places.usage();
        self.metrics.text(&Gauges {
            connections: self.hub.statuses(),
            sessions: (sessions.saturating_sub(unproven), unproven),
            spool_records,
            spool_bytes,
            held_accounts,
            held_bytes,
            spool_damaged: self.spool.damaged(),
            spool_age_seconds: age.max(0) as f64 / 1_000.0,
        })
    }
}
