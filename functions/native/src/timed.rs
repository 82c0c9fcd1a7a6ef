//! A body with a timeout: a sender that pauses for too long is disconnected.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// The lowest accepted rate of a sender who takes longer than the time allowed for a small body, in bytes per second.
const LEAST_RATE: u64 = 2 * 1024;

/// A body with a limit on the time between two pieces, and on the total time spent waiting for its sender. Time in
/// which nobody reads does not count against the sender.
pub(crate) struct TimedBody<B> {
    inner: Pin<Box<B>>,
    patience: Duration,
    /// How long a small body may be waited for.
    whole: Duration,
    waited: Duration,
    /// Since when the next piece has been awaited.
    since: Option<Instant>,
    received: u64,
    timer: Pin<Box<Sleep>>,
}

/// Why a body ended early.
#[derive(Debug)]
pub(crate) enum TimedError<E> {
    Inner(E),
    TooSlow,
}

impl<E: std::fmt::Display> std::fmt::Display for TimedError<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(f),
            Self::TooSlow => f.write_str("it came too slowly"),
        }
    }
}

impl<B> TimedBody<B> {
    pub(crate) fn new(body: B, patience: Duration, whole: Duration) -> Self {
        Self {
            inner: Box::pin(body),
            patience,
            whole,
            waited: Duration::ZERO,
            since: None,
            received: 0,
            timer: Box::pin(sleep(patience)),
        }
    }

    /// Starts waiting for the next piece.
    fn begin(&mut self) {
        let now = Instant::now();
        self.since = Some(now);
        let earned = Duration::from_secs(self.received / LEAST_RATE);
        let left = (self.whole + earned).saturating_sub(self.waited);
        self.timer.as_mut().reset(now + left.min(self.patience));
    }
}

impl<B: Body<Data = Bytes>> Body for TimedBody<B> {
    type Data = Bytes;
    type Error = TimedError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = self.inner.as_mut().poll_frame(cx) {
            if let Some(since) = self.since.take() {
                self.waited += since.elapsed();
            }
            if let Some(Ok(frame)) = &frame {
                self.received += frame.data_ref().map_or(0, Bytes::len) as u64;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(TimedError::Inner)));
        }
        if self.since.is_none() {
            self.begin();
        }
        self.timer
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(TimedError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
