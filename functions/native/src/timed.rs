//! A body that must go on arriving: a sender that stops for too long is given up.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// A body with a limit on the time between two pieces.
pub(crate) struct TimedBody<B> {
    inner: Pin<Box<B>>,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
}

/// Why a body ended early.
#[derive(Debug)]
pub(crate) enum TimedError<E> {
    Inner(E),
    TooSlow(Duration),
}

impl<E: std::fmt::Display> std::fmt::Display for TimedError<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(f),
            Self::TooSlow(patience) => {
                write!(f, "nothing came for {} seconds", patience.as_secs())
            }
        }
    }
}

impl<B> TimedBody<B> {
    pub(crate) fn new(body: B, patience: Duration) -> Self {
        Self {
            inner: Box::pin(body),
            patience,
            timer: Box::pin(sleep(patience)),
        }
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
            let deadline = Instant::now() + self.patience;
            self.timer.as_mut().reset(deadline);
            return Poll::Ready(frame.map(|frame| frame.map_err(TimedError::Inner)));
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => {
                let patience = self.patience;
                Poll::Ready(Some(Err(TimedError::TooSlow(patience))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
