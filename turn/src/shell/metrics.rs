//! What has been counted, in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::overflow::Overflow;
use super::stream::Connections;
use crate::relay::{Counters, Shared};

/// Collects what the threads count.
#[derive(Debug)]
pub(super) struct Report {
    shared: Arc<Shared>,
    connections: Arc<Connections>,
    threads: Mutex<Vec<Arc<Mutex<Counters>>>>,
    overflow: Mutex<Overflow>,
}

impl Report {
    pub(super) fn new(shared: Arc<Shared>, connections: Arc<Connections>) -> Self {
        Self {
            shared,
            connections,
            threads: Mutex::default(),
            overflow: Mutex::default(),
        }
    }

    pub(super) fn add(&self, counters: Arc<Mutex<Counters>>) {
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(counters);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    /// The text.
    pub(super) fn text(&self) -> String {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<Counters> = threads
            .iter()
            .map(|counters| *counters.lock().unwrap_or_else(PoisonError::into_inner))
            .collect();
        drop(threads);
        let overflowed = self
            .overflow
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .look();
        let sum = |field: fn(&Counters) -> u64| all.iter().map(field).sum::<u64>();
        let mut text = String::new();
        let mut line = |name: &str, kind: &str, help: &str, value: u64| {
            // Writing into a string cannot fail.
            let _ = write!(
                text,
                "# HELP subspace_turn_{name} {help}\n# TYPE subspace_turn_{name} {kind}\nsubspace_turn_{name} {value}\n"
            );
        };
        line(
            "allocations",
            "gauge",
            "Allocations now.",
            self.shared.allocations() as u64,
        );
        line(
            "users",
            "gauge",
            "Users with allocations now.",
            self.shared.users() as u64,
        );
        line(
            "connections",
            "gauge",
            "TCP and TLS connections now.",
            self.connections.count() as u64,
        );
        line(
            "draining",
            "gauge",
            "Whether nothing new is allocated.",
            u64::from(self.is_draining()),
        );
        let counter = "counter";
        line(
            "allocations_total",
            counter,
            "Allocations made.",
            sum(|c| c.allocations),
        );
        line(
            "messages_out_total",
            counter,
            "Messages relayed from clients to peers.",
            sum(|c| c.messages_out),
        );
        line(
            "bytes_out_total",
            counter,
            "Bytes relayed from clients to peers.",
            sum(|c| c.bytes_out),
        );
        line(
            "messages_in_total",
            counter,
            "Messages relayed from peers to clients.",
            sum(|c| c.messages_in),
        );
        line(
            "bytes_in_total",
            counter,
            "Bytes relayed from peers to clients.",
            sum(|c| c.bytes_in),
        );
        line(
            "dropped_total",
            counter,
            "Data not relayed: no allocation, permission or channel.",
            sum(|c| c.dropped),
        );
        line(
            "unsent_total",
            counter,
            "Messages that a socket did not take: refused by the system, or a connection that is too slow.",
            sum(|c| c.unsent),
        );
        line(
            "overflowed_total",
            counter,
            "Datagrams that the system dropped before they were read: the buffer of a socket was full.",
            overflowed,
        );
        line(
            "throttled_total",
            counter,
            "Data above the rate of an allocation.",
            sum(|c| c.throttled),
        );
        line(
            "malformed_total",
            counter,
            "What was no message.",
            sum(|c| c.malformed),
        );
        line("requests_total", counter, "Requests.", sum(|c| c.requests));
        line(
            "refused_total",
            counter,
            "Requests refused, credentials aside.",
            sum(|c| c.refused),
        );
        line(
            "unauthorized_total",
            counter,
            "Requests without or with wrong credentials.",
            sum(|c| c.unauthorized),
        );
        line(
            "withheld_total",
            counter,
            "Answers withheld from addresses without credentials.",
            sum(|c| c.withheld),
        );
        text
    }
}
