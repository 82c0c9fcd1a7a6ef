//! Counters in the text format of Prometheus, and the smallest server that shows them.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use program::Seldom;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::Smtp;
use crate::outgoing::Outgoing;
use crate::queue::Queue;

/// Longest request, bytes.
const MAX_REQUEST: usize = 8 * 1024;
/// How long a request may take.
const REQUEST: Duration = Duration::from_secs(5);
/// Pause after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

static NOT_ACCEPTED: Seldom = Seldom::new();

pub(crate) fn text(queue: &Queue, outgoing: Option<&Outgoing>) -> String {
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
        let _ = write!(
            out,
            "# HELP subspace_smtp_{name} {help}\n# TYPE subspace_smtp_{name} {kind}\nsubspace_smtp_{name} {value}\n"
        );
    };
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let waiting = count(queue.waiting());
    metric(
        "incoming_waiting",
        "gauge",
        "Mails that the functions do not have yet.",
        waiting,
    );
    let broken = count(queue.broken());
    metric(
        "incoming_broken",
        "gauge",
        "Mails kept aside in incoming/broken because work on them had no end.",
        broken,
    );
    if let Some(outgoing) = outgoing {
        let broken = count(outgoing.broken());
        metric(
            "outgoing_broken",
            "gauge",
            "Mails kept aside in outgoing/broken because work on them had no end.",
            broken,
        );
        let waiting = count(outgoing.waiting());
        metric(
            "outgoing_waiting",
            "gauge",
            "Mails that wait to be sent.",
            waiting,
        );
        let counts = &outgoing.counts;
        for (name, help, value) in [
            (
                "outgoing_sent_total",
                "Mails that another server took.",
                &counts.sent,
            ),
            (
                "outgoing_undeliverable_total",
                "Mails whose address was refused.",
                &counts.undeliverable,
            ),
            (
                "outgoing_failed_total",
                "Mails that could not be sent for other reasons.",
                &counts.failed,
            ),
            (
                "outgoing_retries_total",
                "Attempts that have to be repeated.",
                &counts.retries,
            ),
        ] {
            metric(name, "counter", help, value.load(Relaxed));
        }
    }
    out
}

impl Smtp {
    /// Answers `GET /metrics` and `GET /healthz`, one connection after the other; runs until it is dropped.
    pub async fn serve_metrics(&self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                // Whoever breaks off does not want the answer.
                Ok((stream, _)) => drop(timeout(REQUEST, self.show(stream)).await),
                Err(error) => {
                    if let Some(left_out) = NOT_ACCEPTED.say() {
                        tracing::warn!(%error, left_out, "a connection for metrics could not be accepted");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn show(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        let mut chunk = [0; 1024];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < MAX_REQUEST {
            let count = stream.read(&mut chunk).await?;
            if count == 0 {
                return Ok(());
            }
            request.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
        let (status, body) = if request.starts_with(b"GET /metrics ") {
            ("200 OK", self.metrics())
        } else if request.starts_with(b"GET /healthz ") {
            ("200 OK", "ok".to_owned())
        } else {
            ("404 Not Found", String::new())
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }
}
