//! `/metrics` and `/healthz` on a separate port: short requests, a few at once, each on a thread.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mutex::lock;
use program::Seldom;

use crate::{CONTENT_TYPE, REBOUND, is_rebound};

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// How long a client may take for its request, and as long again for the response.
const PATIENCE: Duration = Duration::from_secs(2);
/// Concurrent clients. Another one replaces the oldest, so that somebody who holds connections open does not delay
/// health checks.
const MAX_AT_ONCE: usize = 8;
/// The pause after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

static NOT_ACCEPTED: Seldom = Seldom::new();

/// The pages of a program.
pub trait Pages: Send + Sync + 'static {
    /// `/metrics`: see [`crate::Exposition`].
    fn metrics(&self) -> String;

    /// Returns whether the program accepts nothing new, for which `/healthz` responds with 503.
    fn is_draining(&self) -> bool {
        false
    }
}

impl<P: Pages> Pages for Arc<P> {
    fn metrics(&self) -> String {
        (**self).metrics()
    }

    fn is_draining(&self) -> bool {
        (**self).is_draining()
    }
}

/// Serves until it is dropped.
pub struct Server {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts serving on `listener`. Anyone who can reach it may read: there is no password, so where it listens is the
    /// operator's choice. Pages open in a browser on this machine may not, whatever host name they use.
    ///
    /// # Errors
    /// If the system has no thread, or does not report the listener's address.
    pub fn start(listener: TcpListener, pages: impl Pages) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || serve(&listener, &pages, &stop))?;
        Ok(Self {
            address,
            stopping,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.address).finish()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the thread.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // The panic is in the log.
            drop(thread.join());
        }
    }
}

fn serve(listener: &TcpListener, pages: &impl Pages, stopping: &AtomicBool) {
    let talks = Talks::default();
    std::thread::scope(|scope| {
        for stream in listener.incoming() {
            if stopping.load(Ordering::Acquire) {
                break;
            }
            let begun = stream.and_then(|stream| {
                let talk = talks.begin(stream);
                std::thread::Builder::new()
                    .name("metrics".to_owned())
                    // A client that disconnects early does not want the response.
                    .spawn_scoped(scope, move || drop(answer(&talk.stream, pages)))
            });
            if let Err(error) = begun {
                if let Some(left_out) = NOT_ACCEPTED.say() {
                    tracing::warn!(%error, left_out, "a connection for metrics could not be accepted");
                }
                std::thread::sleep(ACCEPT_PAUSE);
            }
        }
        talks.cut_to(0);
    });
}

/// The connections being served, oldest first.
#[derive(Debug, Default)]
struct Talks(Mutex<VecDeque<Arc<TcpStream>>>);

/// One of them, until this is dropped.
struct Talk<'a> {
    stream: Arc<TcpStream>,
    talks: &'a Talks,
}

impl Talks {
    /// Makes room for a connection, and adds it.
    fn begin(&self, stream: TcpStream) -> Talk<'_> {
        self.cut_to(MAX_AT_ONCE - 1);
        let stream = Arc::new(stream);
        self.lock().push_back(Arc::clone(&stream));
        Talk {
            stream,
            talks: self,
        }
    }

    /// Closes the oldest ones until there are this many.
    fn cut_to(&self, most: usize) {
        let mut talks = self.lock();
        while talks.len() > most {
            if let Some(first) = talks.pop_front() {
                // The thread that waits for it sees the end; one that its client has closed has already ended.
                drop(first.shutdown(Shutdown::Both));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<TcpStream>>> {
        lock(&self.0)
    }
}

impl Drop for Talk<'_> {
    fn drop(&mut self) {
        let mut talks = self.talks.lock();
        talks.retain(|stream| !Arc::ptr_eq(stream, &self.stream));
    }
}

fn answer(stream: &TcpStream, pages: &impl Pages) -> io::Result<()> {
    let Some(head) = read_head(stream)? else {
        return Ok(());
    };
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (status, body) = match (words.next(), words.next()) {
        (Some(b"GET"), Some(b"/metrics")) if is_rebound(stream.peer_addr()?.ip(), host(&head)) => {
            ("403 Forbidden", REBOUND.to_owned())
        }
        (Some(b"GET"), Some(b"/metrics")) => ("200 OK", pages.metrics()),
        (Some(b"GET"), Some(b"/healthz")) if pages.is_draining() => {
            ("503 Service Unavailable", "draining\n".to_owned())
        }
        (Some(b"GET"), Some(b"/healthz")) => ("200 OK", "ok".to_owned()),
        (Some(b"GET"), _) => (
            "404 Not Found",
            "There are /metrics and /healthz.\n".to_owned(),
        ),
        _ => (
            "405 Method Not Allowed",
            "Only GET is answered.\n".to_owned(),
        ),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {CONTENT_TYPE}\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let until = Instant::now() + PATIENCE;
    let mut rest = answer.as_bytes();
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left(until)?))?;
        let mut stream = stream;
        let count = stream.write(rest)?;
        rest = rest.get(count..).unwrap_or_default();
    }
    Ok(())
}

/// Reads up to the empty line; `None` if the client ends before it or sends too much.
fn read_head(mut stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let until = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        stream.set_read_timeout(Some(left(until)?))?;
        let count = stream.read(&mut buffer)?;
        if count == 0 || head.len() + count > MAX_HEAD {
            return Ok(None);
        }
        head.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    Ok(Some(head))
}

/// The host named in a request, if it is valid text.
fn host(head: &[u8]) -> Option<&str> {
    let mut lines = head.split(|byte| *byte == b'\n').skip(1);
    lines.find_map(|line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    })
}

/// The remaining time, which is never zero: the system takes zero for no limit.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Shown(Arc<AtomicBool>);

    impl Pages for Shown {
        fn metrics(&self) -> String {
            "a 1\n".to_owned()
        }

        fn is_draining(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn start() -> (Server, Arc<AtomicBool>) {
        let draining = Arc::new(AtomicBool::new(false));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::start(listener, Shown(Arc::clone(&draining))).unwrap();
        (server, draining)
    }

    /// The response to these bytes, until the connection ends.
    fn ask(server: &Server, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        // The server may have closed the connection by then.
        drop(stream.write_all(request));
        let mut text = Vec::new();
        drop(stream.read_to_end(&mut text));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn metrics_and_health_are_answered_and_nothing_else() {
        let (server, draining) = start();
        assert_eq!(
            ask(&server, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\ncontent-length: 4\r\n\
             cache-control: no-store\r\nconnection: close\r\n\r\na 1\n"
        );
        let rebound = ask(
            &server,
            b"GET /metrics HTTP/1.1\r\nHost: a.example:9\r\n\r\n",
        );
        assert!(rebound.starts_with("HTTP/1.1 403 "), "{rebound}");
        let health = || ask(&server, b"GET /healthz HTTP/1.1\r\n\r\n");
        assert!(health().starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(health().ends_with("\r\n\r\nok"));
        draining.store(true, Ordering::Relaxed);
        assert!(health().starts_with("HTTP/1.1 503 "));
        assert!(ask(&server, b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(ask(&server, b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn who_says_too_much_or_nothing_keeps_nobody_else_waiting() {
        let (server, _) = start();
        // One after the other they would take longer than `ask` waits.
        let silent: Vec<TcpStream> = (0..4 * MAX_AT_ONCE)
            .map(|_| TcpStream::connect(server.address()).unwrap())
            .collect();
        assert_eq!(ask(&server, &vec![b'x'; MAX_HEAD + 1]), "");
        assert!(ask(&server, b"GET /healthz HTTP/1.1\r\n\r\n").ends_with("ok"));
        // The oldest ones were replaced, and the others have no longer than a request may take.
        for mut stream in silent {
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            let end = stream.read(&mut [0; 16]);
            assert!(matches!(end, Ok(0)), "{end:?}");
        }
    }

    #[test]
    fn whoever_comes_when_there_are_enough_takes_the_place_of_the_first() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let talks = Talks::default();
        let (mut clients, mut held) = (Vec::new(), Vec::new());
        for number in 1..=3 * MAX_AT_ONCE {
            clients.push(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            held.push(talks.begin(listener.accept().unwrap().0));
            assert_eq!(talks.lock().len(), number.min(MAX_AT_ONCE));
        }
        for mut client in clients.into_iter().take(2 * MAX_AT_ONCE) {
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        }
        drop(held);
        assert!(talks.lock().is_empty());
    }

    #[test]
    fn who_drips_is_cut() {
        let (server, _) = start();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let begun = Instant::now();
        // Each byte arrives in time, but the head does not.
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(PATIENCE / 20);
            assert!(begun.elapsed() < 15 * PATIENCE);
        }
    }

    #[test]
    fn the_port_is_free_again_once_it_was_dropped() {
        let (server, _) = start();
        let address = server.address();
        drop(server);
        assert!(TcpListener::bind(address).is_ok());
    }
}
