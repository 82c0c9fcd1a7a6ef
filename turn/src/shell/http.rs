//! `/metrics` and `/healthz` on loopback: one short request at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::StartError;
use super::metrics::Report;

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The thread that answers.
#[derive(Debug)]
pub(super) struct MetricsServer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Begins to listen.
    pub(super) fn start(address: SocketAddr, report: Arc<Report>) -> Result<Self, StartError> {
        let key = "metrics";
        let wrong = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => StartError::InUse { key, address },
            _ => StartError::Address {
                key,
                address,
                error,
            },
        };
        let listener = TcpListener::bind(address).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::Builder::new()
            .name("turn-metrics".to_owned())
            .spawn(move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    // Whoever goes away before the answer does not want it.
                    let _ = stream.and_then(|stream| answer(stream, &report));
                }
            });
        let thread = thread.map_err(|error| StartError::System {
            what: "thread",
            error,
        })?;
        Ok(Self {
            address,
            stopping,
            thread: Some(thread),
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the thread.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, report: &Report) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut buffer)?;
        if count == 0 || head.len() + count > MAX_HEAD {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..count]);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (status, body) = match (words.next(), words.next()) {
        (Some(b"GET"), Some(b"/metrics")) => ("200 OK", report.text()),
        (Some(b"GET"), Some(b"/healthz")) if report.is_draining() => {
            ("503 Service Unavailable", "draining\n".to_owned())
        }
        (Some(b"GET"), Some(b"/healthz")) => ("200 OK", "ok\n".to_owned()),
        (Some(b"GET"), _) => (
            "404 Not Found",
            "There are /metrics and /healthz.\n".to_owned(),
        ),
        _ => (
            "405 Method Not Allowed",
            "Only GET is answered.\n".to_owned(),
        ),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
