//! Counters in Prometheus's text format.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use metrics::{Exposition, Pages, Server};
use mutex::lock;

use super::overflow::Overflow;
use super::stream::Connections;
use super::{AddressKey, StartError};
use crate::relay::{Counters, Shared};

/// Collects the threads' counters.
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
        lock(&self.threads).push(counters);
    }
}

impl Pages for Report {
    fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    fn metrics(&self) -> String {
        let threads = lock(&self.threads);
        let all: Vec<Counters> = threads.iter().map(|counters| *lock(counters)).collect();
        drop(threads);
        let overflowed = lock(&self.overflow).look();
        let sum = |field: fn(&Counters) -> u64| all.iter().map(field).sum::<u64>();
        let mut text = Exposition::new("subspace_turn_");
        text.gauge("allocations", "Allocations now.", self.shared.allocations());
        text.gauge("users", "Users with allocations.", self.shared.users());
        text.gauge(
            "connections",
            "Open TCP and TLS connections.",
            self.connections.count(),
        );
        text.gauge(
            "draining",
            "Whether the server is draining: no new allocations.",
            u64::from(self.is_draining()),
        );
        text.counter(
            "allocations_total",
            "Allocations made.",
            sum(|c| c.allocations),
        );
        text.counter(
            "messages_out_total",
            "Messages relayed from clients to peers.",
            sum(|c| c.messages_out),
        );
        text.counter(
            "bytes_out_total",
            "Bytes relayed from clients to peers.",
            sum(|c| c.bytes_out),
        );
        text.counter(
            "messages_in_total",
            "Messages relayed from peers to clients.",
            sum(|c| c.messages_in),
        );
        text.counter(
            "bytes_in_total",
            "Bytes relayed from peers to clients.",
            sum(|c| c.bytes_in),
        );
        text.counter(
            "dropped_total",
            "Data not relayed: no allocation, permission or channel.",
            sum(|c| c.dropped),
        );
        text.counter(
            "unsent_total",
            "Messages not sent: refused by the system, or the connection is too slow.",
            sum(|c| c.unsent),
        );
        text.counter("overflowed_total",
            "Datagrams dropped by the system before they were read, because a socket's buffer was full.",
            overflowed,
        );
        text.counter(
            "throttled_total",
            "Data dropped because an allocation exceeded its rate.",
            sum(|c| c.throttled),
        );
        text.counter(
            "malformed_total",
            "Malformed messages.",
            sum(|c| c.malformed),
        );
        text.counter("requests_total", "Requests.", sum(|c| c.requests));
        text.counter(
            "refused_total",
            "Requests refused, except those with missing or wrong credentials.",
            sum(|c| c.refused),
        );
        text.counter(
            "unauthorized_total",
            "Requests without credentials or with wrong ones.",
            sum(|c| c.unauthorized),
        );
        text.counter(
            "withheld_total",
            "Responses withheld from addresses without credentials.",
            sum(|c| c.withheld),
        );
        text.finish()
    }
}

/// Starts serving the report.
pub(super) fn serve(address: SocketAddr, report: Arc<Report>) -> Result<Server, StartError> {
    let key = AddressKey::Metrics;
    let wrong = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse { key, address },
        _ => StartError::Address {
            key,
            address,
            error,
        },
    };
    let listener = TcpListener::bind(address).map_err(wrong)?;
    Server::start(listener, report).map_err(|error| StartError::System {
        what: "thread",
        error,
    })
}
