//! Bodies that are read before their request gets one of the few places for hashing passwords: somebody
//! who sends slowly must not keep others from signing in.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use storage_adapter::Gathered;

/// The most that is read; above what any such request may have, so that the handler still says so.
const MOST: usize = 256 * 1024;
/// How long the whole body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body that has arrived, or as much of it as did.
#[derive(Debug)]
pub(crate) struct WholeBody {
    bytes: Bytes,
    broken: Option<String>,
}

impl WholeBody {
    /// Reads a body, within bounds of size and time.
    pub(crate) async fn read<B>(body: B) -> Self
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let mut bytes = Gathered::default();
        let reading = async {
            let mut body = pin!(body);
            while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                let frame = frame.map_err(|error| error.to_string())?;
                // Trailers mean nothing here.
                if let Ok(data) = frame.into_data() {
                    bytes.push(data);
                }
                if bytes.len() > MOST {
                    break;
                }
            }
            Ok(())
        };
        let broken = match tokio::time::timeout(PATIENCE, reading).await {
            Ok(read) => read.err(),
            Err(_) => Some(format!(
                "it took longer than {} seconds",
                PATIENCE.as_secs()
            )),
        };
        Self {
            bytes: bytes.finish(),
            broken,
        }
    }
}

impl Body for WholeBody {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        if !self.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))));
        }
        Poll::Ready(self.broken.take().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.broken.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.broken {
            None => SizeHint::with_exact(self.bytes.len() as u64),
            Some(_) => SizeHint::default(),
        }
    }
}
