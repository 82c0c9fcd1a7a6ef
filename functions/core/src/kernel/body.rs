//! Response bodies, and bodies that are read into memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt;
use http_body::{Frame, SizeHint};
use storage_adapter::{BodyError, ByteStream, Gathered, StoreError};

/// A response body.
pub struct Body(Inner);

enum Inner {
    Whole(Bytes),
    /// With the number of remaining bytes.
    Stream(ByteStream, u64),
}

impl Body {
    /// Creates an empty body.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Inner::Whole(Bytes::new()))
    }

    /// Creates a body from a stream that yields exactly `length` bytes.
    pub(crate) const fn stream(stream: ByteStream, length: u64) -> Self {
        Self(Inner::Stream(stream, length))
    }

    /// Returns the bytes, if they are in memory and not a stream: some hosts send them more cheaply.
    ///
    /// # Errors
    /// The body itself, if it is a stream.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Inner::Whole(bytes) => Ok(bytes),
            stream @ Inner::Stream(..) => Err(Self(stream)),
        }
    }

    /// Returns the number of remaining bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.0 {
            Inner::Whole(bytes) => bytes.len() as u64,
            Inner::Stream(_, left) => *left,
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Inner::Whole(bytes.into()))
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.length())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Inner::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Stream(stream, left) => match std::task::ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => {
                    *left = left.saturating_sub(piece.len() as u64);
                    Poll::Ready(Some(Ok(Frame::data(piece))))
                }
                Some(Err(error)) => Poll::Ready(Some(Err(error))),
                None if *left > 0 => {
                    let missing = std::mem::take(left);
                    let broken = BodyError::Broken(format!("{missing} bytes are missing"));
                    Poll::Ready(Some(Err(broken)))
                }
                None => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Inner::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

/// Reads data from the store into memory; `None` if it exceeds `limit` bytes.
///
/// # Errors
/// [`StoreError::Unavailable`] if the stream breaks off. For request bodies that break off there is [`BodyError`]:
/// those are the sender's mistake, and must not be resent unchanged; this one is the store's.
pub(crate) async fn collect(
    mut stored: ByteStream,
    limit: u64,
) -> Result<Option<Bytes>, StoreError> {
    let mut all = Gathered::default();
    while let Some(piece) = stored.next().await {
        let piece = piece.map_err(|error| {
            StoreError::Unavailable(format!("the data could not be read completely: {error}"))
        })?;
        if (all.len() + piece.len()) as u64 > limit {
            return Ok(None);
        }
        all.push(piece);
    }
    Ok(Some(all.finish()))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::testing::block_on;

    #[test]
    fn however_a_body_is_cut_into_pieces_its_limit_holds() {
        let collected = |lengths: &[usize]| {
            let pieces: Vec<_> = lengths.iter().map(|n| Ok(vec![b'a'; *n].into())).collect();
            let all = block_on(collect(Box::pin(stream::iter(pieces)), 4)).unwrap();
            all.map(|bytes| bytes.len())
        };
        for lengths in [&[4][..], &[3, 1], &[1, 2, 1], &[]] {
            assert_eq!(collected(lengths), Some(lengths.iter().sum()));
        }
        for lengths in [&[5][..], &[3, 2], &[1, 2, 2], &[9, 1]] {
            assert_eq!(collected(lengths), None, "{lengths:?}");
        }
    }

    #[test]
    fn what_breaks_off_in_the_store_is_the_stores_failure() {
        let broken = [
            Ok(Bytes::from_static(b"{")),
            Err(BodyError::Broken("reset".to_owned())),
        ];
        let error = block_on(collect(Box::pin(stream::iter(broken)), 4)).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }

    #[test]
    fn a_stored_body_that_is_too_short_breaks_the_answer() {
        let piece = stream::iter([Ok(Bytes::from_static(b"ab"))]);
        let body = Body::stream(Box::pin(piece), 3);
        assert_eq!(body.length(), 3);
        assert!(block_on(http_body_util::BodyExt::collect(body)).is_err());
    }

    #[test]
    fn an_object_that_is_too_large_is_not_put_together() {
        let pieces = |count| -> ByteStream {
            Box::pin(stream::iter(
                (0..count).map(|_| Ok(Bytes::from_static(b"abc"))),
            ))
        };
        assert_eq!(
            block_on(collect(pieces(2), 6)).unwrap().as_deref(),
            Some(&b"abcabc"[..])
        );
        assert!(block_on(collect(pieces(2), 5)).unwrap().is_none());
    }
}
