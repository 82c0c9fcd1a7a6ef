//! Counters, and their output in Prometheus's text format.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use metrics::Exposition;

/// What the gateway counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) sockets: AtomicI64,
    pub(crate) sockets_refused: AtomicU64,
    pub(crate) events_received: AtomicU64,
    pub(crate) events_blocked: AtomicU64,
    pub(crate) activities_sent: AtomicU64,
    pub(crate) sockets_too_slow: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) published: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) set_aside: AtomicU64,
    pub(crate) publish_retries: AtomicU64,
}

/// What is measured on request.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    /// Connections by state: its name and their number.
    pub(crate) connections: Vec<(&'static str, usize)>,
    /// Socket.IO sessions with a ticket, and without.
    pub(crate) sessions: (usize, usize),
    pub(crate) spool_records: u64,
    pub(crate) spool_bytes: u64,
    pub(crate) held_accounts: u64,
    pub(crate) held_bytes: u64,
    pub(crate) spool_age_seconds: f64,
    /// Records that could not be read at startup.
    pub(crate) spool_damaged: u64,
}

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Metrics {
    /// Writes the text format, version 0.0.4.
    pub(crate) fn text(&self, gauges: &Gauges) -> String {
        let mut out = Exposition::new("subspace_connector_");
        out.gauge(
            "sockets",
            "Open client sockets.",
            self.sockets.load(Relaxed).max(0),
        );
        let (shown, none) = gauges.sessions;
        out.gauges(
            "sessions",
            "Socket.IO sessions, with and without a ticket.",
            ["ticket"],
        )
        .sample(["shown"], shown)
        .sample(["none"], none);
        let mut connections =
            out.gauges("connections", "Always-on connections by state.", ["state"]);
        for (state, count) in &gauges.connections {
            connections.sample([*state], *count);
        }
        drop(connections);
        out.gauge(
            "spool_records",
            "Events not published yet.",
            gauges.spool_records,
        );
        out.gauge(
            "spool_bytes",
            "Bytes the spool uses on disk.",
            gauges.spool_bytes,
        );
        out.gauge(
            "spool_held_accounts",
            "Accounts whose messages are set aside: their archive cannot be written, or too much of them waits.",
            gauges.held_accounts,
        );
        out.gauge(
            "spool_held_bytes",
            "Bytes on disk used by messages of those accounts.",
            gauges.held_bytes,
        );
        out.gauge(
            "spool_oldest_age_seconds",
            "Minimum age of the oldest unpublished event.",
            gauges.spool_age_seconds,
        );
        out.gauge(
            "spool_damaged",
            "Spool records that could not be read at startup.",
            gauges.spool_damaged,
        );
        for (name, help, value) in [
            (
                "published_total",
                "Events the functions have stored.",
                &self.published,
            ),
            (
                "refused_total",
                "Events the functions refused permanently.",
                &self.refused,
            ),
            (
                "set_aside_total",
                "Events set aside because the functions could not take them.",
                &self.set_aside,
            ),
            (
                "publish_retries_total",
                "Batches that had to be sent again.",
                &self.publish_retries,
            ),
            (
                "sockets_refused_total",
                "Sockets closed because of their ticket or a limit.",
                &self.sockets_refused,
            ),
            (
                "sockets_too_slow_total",
                "Sockets closed because they did not read.",
                &self.sockets_too_slow,
            ),
            (
                "events_received_total",
                "Events from clients.",
                &self.events_received,
            ),
            (
                "events_blocked_total",
                "Events from clients above the rate limit.",
                &self.events_blocked,
            ),
            (
                "activities_sent_total",
                "Activities sent to clients.",
                &self.activities_sent,
            ),
            (
                "connection_restarts_total",
                "Connection tasks that ended unexpectedly.",
                &self.restarts,
            ),
        ] {
            out.counter(name, help, value.load(Relaxed));
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_help_are_those_that_dashboards_know() {
        let gauges = Gauges {
            connections: vec![("online", 4), ("offline", 0)],
            sessions: (2, 3),
            spool_records: 5,
            spool_bytes: 6,
            held_accounts: 7,
            held_bytes: 8,
            spool_age_seconds: 9.5,
            spool_damaged: 20,
        };
        let metrics = Metrics {
            sockets: 1.into(),
            published: 10.into(),
            refused: 11.into(),
            set_aside: 12.into(),
            publish_retries: 13.into(),
            sockets_refused: 14.into(),
            sockets_too_slow: 15.into(),
            events_received: 16.into(),
            events_blocked: 17.into(),
            activities_sent: 18.into(),
            restarts: 19.into(),
        };
        assert_eq!(metrics.text(&gauges), include_str!("../tests/metrics.txt"));
    }
}
