//! Bodies of requests that were answered before they had arrived completely.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::stream::Answering;

/// How long the rest of a body is read after the response.
const LINGERING: Duration = Duration::from_secs(30);
/// How long its sender may pause in that time.
const PAUSE: Duration = Duration::from_secs(5);

/// A body whose rest is read and discarded when this is dropped.
///
/// Closing a connection while bytes arrive resets it (RFC 9112, section 9.6), and a client that sends its whole upload
/// before it reads would never see why it was refused.
#[derive(Debug)]
pub struct Lingering<B: Body<Data = Bytes> + Send + Unpin + 'static> {
    inner: Option<B>,
    ended: bool,
    answering: Arc<Answering>,
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Lingering<B> {
    /// Wraps the body of a request that is being answered.
    pub(crate) const fn new(inner: B, answering: Arc<Answering>) -> Self {
        Self {
            inner: Some(inner),
            ended: false,
            answering,
        }
    }
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Body for Lingering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(inner).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.ended = true;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.as_ref().map(Body::size_hint);
        inner.unwrap_or_default()
    }
}

impl<B: Body<Data = Bytes> + Send + Unpin + 'static> Drop for Lingering<B> {
    fn drop(&mut self) {
        let Some(mut body) = self.inner.take() else {
            return;
        };
        if self.ended || body.is_end_stream() {
            return;
        }
        // Outside of a runtime nothing could read it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let answering = Arc::clone(&self.answering);
        runtime.spawn(async move {
            let _answering = answering;
            let rest = async {
                loop {
                    let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
                    let Ok(Some(Ok(_))) = tokio::time::timeout(PAUSE, frame).await else {
                        break;
                    };
                }
            };
            // A sender that takes longer is disconnected.
            let _cut = tokio::time::timeout(LINGERING, rest).await;
        });
    }
}
