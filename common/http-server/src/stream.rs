//! Timeouts of a connection: requests and their heads must arrive in time, and written bytes must be accepted.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use program::Place;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::Limits;
use crate::messages::{MessageBound, Reading};

/// Between requests, or before the first.
const IDLE: u64 = 0;
/// A request has started to arrive.
const HEAD: u64 = 1;
/// A request is being handled.
const BUSY: u64 = 2;
/// The connection has switched to another protocol.
const UPGRADED: u64 = 3;
/// How often to check whether an upgraded connection is over.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// The unit of phases: the bits above count the requests.
const REQUEST: u64 = 4;

/// The smallest read, in bytes.
const LEAST_READ: u64 = 8 * 1024;

/// What the client is expected to send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Awaited {
    FirstByte,
    /// The rest of the head of the request with this number.
    Head(u64),
    /// The next request, after this many.
    Next(u64),
}

/// The phase of a connection; the server sets it, and the stream reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phase(Arc<AtomicU64>);

impl Phase {
    /// A head has arrived; the returned value holds the phase until it is dropped.
    pub(crate) fn begin_answer(&self) -> Answering {
        self.change(|now| now / REQUEST * REQUEST + REQUEST + BUSY);
        Answering(self.clone())
    }

    /// Bytes arrived: between requests they begin a head.
    fn read(&self) {
        self.change(|now| {
            if now % REQUEST == IDLE {
                now + HEAD
            } else {
                now
            }
        });
    }

    /// Returns the number of the request whose head is arriving, if any.
    fn head(&self) -> Option<u64> {
        let now = self.0.load(Ordering::Relaxed);
        (now % REQUEST == HEAD).then_some(now / REQUEST)
    }

    /// Returns what the client is expected to send; `None` while a request is handled.
    fn awaited(&self) -> Option<Awaited> {
        let now = self.0.load(Ordering::Relaxed);
        let number = now / REQUEST;
        match now % REQUEST {
            IDLE if number == 0 => Some(Awaited::FirstByte),
            IDLE => Some(Awaited::Next(number)),
            HEAD => Some(Awaited::Head(number)),
            _ => None,
        }
    }

    fn is_idle(&self) -> bool {
        self.0.load(Ordering::Relaxed) % REQUEST == IDLE
    }

    fn is_upgraded(&self) -> bool {
        self.0.load(Ordering::Relaxed) % REQUEST == UPGRADED
    }

    fn change(&self, to: impl Fn(u64) -> u64) {
        let change = |now| Some(to(now));
        let _always_changes = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

/// A request that is being handled, or the rest of whose body is still arriving.
#[derive(Debug)]
pub(crate) struct Answering(Phase);

impl Answering {
    /// From now on the connection uses another protocol.
    pub(crate) fn upgrade(&self) {
        self.0.change(|now| now / REQUEST * REQUEST + UPGRADED);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.change(|now| {
            if now % REQUEST == BUSY {
                now - BUSY
            } else {
                now
            }
        });
    }
}

/// A timer that is created when first needed.
#[derive(Debug, Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Timer {
    fn start(&mut self, time: Duration) {
        if !self.running {
            self.start_at(Instant::now() + time);
        }
    }

    /// Expires at `end`, unless it is running already. Resetting a timer costs the runtime far less than creating one,
    /// which is why one lasts as long as its connection.
    fn start_at(&mut self, end: Instant) {
        if self.running {
            return;
        }
        self.running = true;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(end),
            None => self.sleep = Some(Box::pin(sleep_until(end))),
        }
    }

    const fn stop(&mut self) {
        self.running = false;
    }

    /// Returns whether it has expired; registers for wake-up when it does.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let over = |sleep: &mut Pin<Box<Sleep>>| sleep.as_mut().poll(cx).is_ready();
        self.running && self.sleep.as_mut().is_some_and(over)
    }
}

/// The stream of a connection, with its timeouts.
#[derive(Debug)]
pub(crate) struct TimedStream {
    inner: Take<TcpStream>,
    /// Bytes of the request received.
    came: u64,
    /// An upgraded connection outlives hyper's.
    _place: Place,
    phase: Phase,
    head_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    /// What the client is expected to send, and since when.
    awaited: Option<(Awaited, Instant)>,
    /// Runs while that is awaited.
    patience: Timer,
    write: Timer,
    /// Runs once the connection is upgraded.
    over: Timer,
    reading: Reading,
}

impl TimedStream {
    pub(crate) fn new(
        inner: TcpStream,
        place: Place,
        phase: Phase,
        bound: MessageBound,
        limits: &Limits,
    ) -> Self {
        Self {
            inner: inner.take(0),
            came: 0,
            _place: place,
            phase,
            head_timeout: limits.head_timeout,
            idle_timeout: limits.idle_timeout,
            write_timeout: limits.write_timeout,
            awaited: None,
            patience: Timer::default(),
            write: Timer::default(),
            over: Timer::default(),
            reading: Reading::new(bound),
        }
    }

    /// Processes received bytes.
    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.phase.is_upgraded() {
            return self.reading.frames(bytes);
        }
        if self.phase.is_idle() {
            self.reading.begin_head();
            self.came = 0;
        }
        self.came += bytes.len() as u64;
        self.phase.read();
        self.reading.http(bytes, self.phase.head().is_some());
        Ok(())
    }

    /// How much is read at once: hyper keeps a buffer of the size it was given, even while it waits for more. It is a
    /// quarter of what was received, so that a large body is read in large pieces, and a partial small one costs little
    /// more than its bytes.
    fn at_once(&self) -> u64 {
        if self.phase.is_upgraded() {
            u64::MAX
        } else if self.phase.is_idle() {
            LEAST_READ
        } else {
            LEAST_READ.max(self.came / 4)
        }
    }

    /// Whether the upgraded connection is no longer needed; checks again periodically.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            self.over.start(ASKED_AGAIN);
            if !self.over.is_over(cx) {
                return false;
            }
            self.over.stop();
            if self.reading.is_over() {
                return true;
            }
        }
    }

    /// Fails if the client has been waited for too long. The timer runs only if there is something to wait for: a head
    /// that arrives in one piece needs none.
    fn look_at_the_time(&mut self, cx: &mut Context<'_>, waits: bool) -> io::Result<()> {
        let awaited = self.phase.awaited();
        if awaited != self.awaited.map(|(awaited, _)| awaited) {
            self.awaited = awaited.map(|awaited| (awaited, Instant::now()));
            self.patience.stop();
        }
        if !waits {
            return Ok(());
        }
        let Some((awaited, since)) = self.awaited else {
            self.look_again(cx);
            return Ok(());
        };
        // However slowly it trickles in, the whole head has a single timeout.
        let (what, time) = match awaited {
            Awaited::FirstByte | Awaited::Head(_) => {
                ("a request head took more than", self.head_timeout)
            }
            Awaited::Next(_) => ("there was no request for", self.idle_timeout),
        };
        self.patience.start_at(since + time);
        if self.patience.is_over(cx) {
            return Err(too_slow(what, time));
        }
        Ok(())
    }

    /// While a request is handled the client has unlimited time. The end of that need not be signalled here: the rest
    /// of an unwanted body is read by a separate task.
    fn look_again(&mut self, cx: &mut Context<'_>) {
        loop {
            self.patience.start(self.idle_timeout);
            if !self.patience.is_over(cx) {
                return;
            }
            self.patience.stop();
        }
    }

    /// The result of an attempt to write, unless nothing was accepted for too long.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if attempt.is_ready() {
            self.write.stop();
            if let Poll::Ready(Ok(bytes)) = &attempt
                && self.phase.is_upgraded()
            {
                self.reading.written(*bytes);
            }
            return attempt;
        }
        self.write.start(self.write_timeout);
        if self.write.is_over(cx) {
            return Poll::Ready(Err(too_slow(
                "the client accepted nothing for",
                self.write_timeout,
            )));
        }
        Poll::Pending
    }
}

fn too_slow(what: &str, time: Duration) -> io::Error {
    let text = format!("{what} {} seconds", time.as_secs_f32());
    io::Error::new(io::ErrorKind::TimedOut, text)
}

impl AsyncRead for TimedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        this.inner.set_limit(this.at_once());
        let attempt = Pin::new(&mut this.inner).poll_read(cx, buf);
        if attempt.is_ready()
            && let Some(bytes @ [_, ..]) = buf.filled().get(before..)
        {
            this.read(bytes)?;
        }
        if this.phase.is_upgraded() {
            if this.is_over(cx) {
                let text = "this connection is no longer needed";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)));
            }
            return attempt;
        }
        this.look_at_the_time(cx, attempt.is_pending())?;
        attempt
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let attempt = Pin::new(this.inner.get_mut()).poll_write(cx, buf);
        this.written(cx, attempt)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let attempt = Pin::new(this.inner.get_mut()).poll_write_vectored(cx, bufs);
        this.written(cx, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.get_ref().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Data accepted by a TCP stream is on its way; there is nothing to flush.
        ready!(Pin::new(self.get_mut().inner.get_mut()).poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().inner.get_mut()).poll_shutdown(cx)
    }
}
