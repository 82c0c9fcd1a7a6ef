//! Bodies of Socket.IO requests, limited in bytes and time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than allowed before a ticket is shown")]
    TooLarge,
    #[error("the body took too long")]
    Slow,
    #[error("the body was incomplete: {0}")]
    Broken(String),
}

/// A body that ends with an error once it is too large or takes too long.
#[derive(Debug)]
pub(crate) struct BoundedBody<B> {
    inner: B,
    left: u64,
    deadline: Pin<Box<Sleep>>,
}

impl<B> BoundedBody<B> {
    /// Limits a body to `most` bytes, which must arrive within `limit`.
    pub(crate) fn new(inner: B, most: u64, limit: Duration) -> Self {
        Self {
            inner,
            left: most,
            deadline: Box::pin(tokio::time::sleep(limit)),
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for BoundedBody<B>
where
    B::Error: std::fmt::Debug,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let frame = match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                return this
                    .deadline
                    .as_mut()
                    .poll(cx)
                    .map(|()| Some(Err(BodyError::Slow)));
            }
        };
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| BodyError::Broken(format!("{error:?}")))?;
            let size = frame.data_ref().map_or(0, Buf::remaining) as u64;
            this.left = this.left.checked_sub(size).ok_or(BodyError::TooLarge)?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
