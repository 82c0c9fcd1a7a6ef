//! Counters, and the text in which Prometheus reads them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

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

/// What is measured when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    /// Connections by state: name and number.
    pub(crate) connections: Vec<(&'static str, usize)>,
    /// Sessions of Socket.IO with a ticket, and without.
    pub(crate) sessions: (usize, usize),
    pub(crate) spool_records: u64,
    pub(crate) spool_bytes: u64,
    pub(crate) held_accounts: u64,
    pub(crate) held_bytes: u64,
    pub(crate) spool_age_seconds: f64,
}

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Metrics {
    /// Writes the text format, version 0.0.4.
    pub(crate) fn text(&self, gauges: &Gauges) -> String {
        let mut out = String::new();
        metric(&mut out, "sockets", "gauge", "Open sockets of clients.");
        sample(&mut out, "sockets", self.sockets.load(Relaxed).max(0));
        metric(
            &mut out,
            "sessions",
            "gauge",
            "Sessions of Socket.IO, whether they have shown a ticket or not.",
        );
        let (shown, none) = gauges.sessions;
        sample(&mut out, "sessions{ticket=\"shown\"}", shown);
        sample(&mut out, "sessions{ticket=\"none\"}", none);
        metric(
            &mut out,
            "connections",
            "gauge",
            "Always-on connections by state.",
        );
        for (state, count) in &gauges.connections {
            sample(
                &mut out,
                &format!("connections{{state=\"{state}\"}}"),
                count,
            );
        }
        for (name, kind, help, value) in [
            (
                "spool_records",
                "gauge",
                "Events that are not published yet.",
                gauges.spool_records,
            ),
            (
                "spool_bytes",
                "gauge",
                "Bytes of the spool on disk.",
                gauges.spool_bytes,
            ),
            (
                "spool_held_accounts",
                "gauge",
                "Accounts whose archive cannot be written at present.",
                gauges.held_accounts,
            ),
            (
                "spool_held_bytes",
                "gauge",
                "Bytes on disk of messages of those accounts.",
                gauges.held_bytes,
            ),
        ] {
            metric(&mut out, name, kind, help);
            sample(&mut out, name, value);
        }
        let name = "spool_oldest_age_seconds";
        metric(
            &mut out,
            name,
            "gauge",
            "How long the oldest event has waited to be published, at least.",
        );
        sample(&mut out, name, gauges.spool_age_seconds);
        for (name, help, value) in [
            (
                "published_total",
                "Events the functions have stored.",
                &self.published,
            ),
            (
                "refused_total",
                "Events the functions refused for good.",
                &self.refused,
            ),
            (
                "set_aside_total",
                "Events that were set aside because the functions never answered on them.",
                &self.set_aside,
            ),
            (
                "publish_retries_total",
                "Batches that had to be sent again.",
                &self.publish_retries,
            ),
            (
                "sockets_refused_total",
                "Sockets closed for their ticket or a limit.",
                &self.sockets_refused,
            ),
            (
                "sockets_too_slow_total",
                "Sockets closed because they did not read.",
                &self.sockets_too_slow,
            ),
            (
                "events_received_total",
                "Events of clients.",
                &self.events_received,
            ),
            (
                "events_blocked_total",
                "Events of clients above the rate limit.",
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
            metric(&mut out, name, "counter", help);
            sample(&mut out, name, value.load(Relaxed));
        }
        out
    }
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(
        out,
        "# HELP subspace_connector_{name} {help}\n# TYPE subspace_connector_{name} {kind}\n"
    );
}

fn sample(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "subspace_connector_{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_help_and_type() {
        let gauges = Gauges {
            connections: vec![("online", 2), ("offline", 0)],
            ..Gauges::default()
        };
        let text = Metrics::default().text(&gauges);
        assert!(text.contains("\nsubspace_connector_connections{state=\"online\"} 2\n"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split([' ', '{']).next().unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
        }
    }
}
