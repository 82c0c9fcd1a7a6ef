//! Request bodies: read within limits, or passed on as a stream with a limit.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use storage_adapter::{BodyError, ByteStream, Gathered, MaybeSend};

use crate::kernel::problem::Failure;

/// The most bytes of request bodies in memory at once, of all requests together: 96 MiB, since some hosts have no more
/// than 128. Payloads of hooks count, but not what hooks make of them; documents are streamed.
pub(crate) const MAX_HELD: u64 = 96 * 1024 * 1024;

/// The number of bytes of bodies in memory.
#[derive(Debug, Default)]
pub(crate) struct Held(AtomicU64);

/// A part of [`Held`], released when it is dropped.
pub(crate) struct Share {
    of: Arc<Held>,
    bytes: u64,
}

impl Share {
    /// Reserves more; false if the limit is reached.
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let more = |held: u64| Some(held + bytes).filter(|held| *held <= MAX_HELD);
        let order = Ordering::Relaxed;
        let grown = self.of.0.fetch_update(order, order, more).is_ok();
        if grown {
            self.bytes += bytes;
        }
        grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Share {
    /// Returns bytes that stay counted until the last reference is dropped.
    pub(crate) fn keep(self, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        Bytes::from_owner(Counted {
            bytes,
            _share: self,
        })
    }
}

/// A body with its share, which lives as long as the bytes.
struct Counted {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of a request, not read yet.
pub(crate) struct Incoming {
    stream: Option<ByteStream>,
    /// Completes when an unwanted body has been waited for long enough.
    patience: Option<ByteStream>,
    held: Arc<Held>,
    /// The most that is read into memory, in bytes: none before the route and the caller are known.
    most: u64,
}

impl Incoming {
    /// Takes the body of a request; allocates nothing when there is none. `patience` waits for [`DRAIN_MS`], once it is
    /// polled.
    pub(crate) fn new<B>(
        body: B,
        held: &Arc<Held>,
        patience: impl Future<Output = ()> + MaybeSend + 'static,
    ) -> Self
    where
        B: http_body::Body<Data = Bytes> + MaybeSend + 'static,
        B::Error: std::fmt::Display,
    {
        let (stream, patience) = if body.is_end_stream() {
            (None, None)
        } else {
            let stream: ByteStream = Box::pin(Pieces(Box::pin(body)));
            let over = async move {
                patience.await;
                Err(BodyError::Broken("it is not waited for".to_owned()))
            };
            let patience: ByteStream = Box::pin(futures_util::stream::once(over));
            (Some(stream), Some(patience))
        };
        Self {
            stream,
            patience,
            held: Arc::clone(held),
            most: 0,
        }
    }

    /// Starts counting bytes of this body that another part of the program keeps in memory.
    pub(crate) fn share(&self) -> Share {
        Share {
            of: Arc::clone(&self.held),
            bytes: 0,
        }
    }

    /// Lets [`Self::whole`] read this many bytes.
    pub(crate) fn at_most(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// Reads the whole body, within the limit of the route table.
    pub(crate) async fn whole(self) -> Result<Bytes, Failure> {
        let most = self.most;
        self.collect(most).await
    }

    /// Returns the bytes as a stream that fails once they exceed `limit`.
    pub(crate) fn into_stream(self, limit: u64) -> ByteStream {
        match self.stream {
            Some(inner) => Box::pin(Limited {
                inner,
                left: limit,
                limit,
                surplus: None,
            }),
            None => Box::pin(futures_util::stream::empty()),
        }
    }

    /// Reads the whole body. It counts towards [`MAX_HELD`] until its last byte is dropped.
    async fn collect(self, limit: u64) -> Result<Bytes, Failure> {
        let mut share = self.share();
        let mut stream = self.into_stream(limit);
        let mut all = Gathered::default();
        while let Some(piece) = stream.next().await.transpose()? {
            if !share.grow(piece.len() as u64) {
                return Err(BodyError::Busy.into());
            }
            all.push(piece);
        }
        Ok(share.keep(all.finish()))
    }

    /// Reads the body before any handler asks for it: up to [`MAX_AHEAD`] bytes, as long as `patience` lasts. What has
    /// arrived counts towards [`MAX_HELD`]; the reader is told why there is no more.
    pub(crate) async fn ahead(mut self, patience: impl Future<Output = ()>) -> Self {
        let Some(mut stream) = self.stream.take() else {
            return self;
        };
        let mut share = self.share();
        let mut all = Gathered::default();
        let reading = async {
            while let Some(piece) = stream.next().await.transpose()? {
                if !share.grow(piece.len() as u64) {
                    return Err(BodyError::Busy);
                }
                all.push(piece);
                if all.len() as u64 > MAX_AHEAD {
                    break;
                }
            }
            Ok(())
        };
        let read = match select(pin!(reading), pin!(patience)).await {
            Either::Left((read, _)) => read,
            Either::Right(_) => Err(BodyError::Broken(format!(
                "it took longer than {} seconds",
                AHEAD_MS / 1_000
            ))),
        };
        // An incomplete body is useless.
        let piece = read.map(|()| share.keep(all.finish()));
        self.stream = Some(Box::pin(futures_util::stream::iter([piece])));
        self
    }

    /// Discards a body that will not be used: reads up to [`MAX_DRAIN`] bytes of it, for up to [`DRAIN_MS`]. The
    /// response does not wait longer for a slow sender.
    pub(crate) async fn drain(mut self) {
        let Some(mut patience) = self.patience.take() else {
            return;
        };
        let mut stream = self.into_stream(0);
        let rest = async { while let Some(Ok(_)) = stream.next().await {} };
        select(pin!(rest), patience.next()).await;
    }
}

struct Pieces<B>(Pin<Box<B>>);

impl<B> Stream for Pieces<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::task::ready!(self.0.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    // Trailers are ignored.
                    Err(_) => {}
                },
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(BodyError::Broken(error.to_string()))));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

/// How much of a body is read ahead, in bytes: more than any such request may have, so that its handler can still
/// report the excess.
const MAX_AHEAD: u64 = 256 * 1024;
/// The time limit for that, in milliseconds.
pub(crate) const AHEAD_MS: u64 = 30_000;

/// How much of an unwanted body is read, in bytes, so that a client that is still sending sees the response.
pub(crate) const MAX_DRAIN: u64 = 256 * 1024;
/// The time limit for that, in milliseconds.
pub(crate) const DRAIN_MS: u64 = 1_000;

struct Limited {
    inner: ByteStream,
    left: u64,
    limit: u64,
    /// Bytes over the limit that were read and discarded.
    surplus: Option<u64>,
}

impl Stream for Limited {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let piece = std::task::ready!(self.inner.as_mut().poll_next(cx));
            if let Some(surplus) = self.surplus {
                match piece {
                    Some(Ok(piece)) if surplus < MAX_DRAIN => {
                        self.surplus = Some(surplus + piece.len() as u64);
                        continue;
                    }
                    _ => return Poll::Ready(Some(Err(BodyError::TooLarge { limit: self.limit }))),
                }
            }
            let Some(Ok(piece)) = piece else {
                return Poll::Ready(piece);
            };
            match self.left.checked_sub(piece.len() as u64) {
                Some(left) => {
                    self.left = left;
                    return Poll::Ready(Some(Ok(piece)));
                }
                None => self.surplus = Some(piece.len() as u64 - self.left),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body::Frame;

    use super::*;
    use crate::testing::block_on;

    fn incoming(pieces: &'static [&'static str]) -> Incoming {
        held_by(pieces, &Arc::default())
    }

    fn held_by(pieces: &'static [&'static str], held: &Arc<Held>) -> Incoming {
        let pieces = pieces
            .iter()
            .map(|p| Ok::<_, String>(Frame::data(Bytes::from_static(p.as_bytes()))));
        let body = http_body_util::StreamBody::new(stream::iter(pieces));
        Incoming::new(body, held, std::future::ready(()))
    }

    #[test]
    fn all_bodies_in_memory_have_one_bound() {
        let held = Arc::new(Held::default());
        let one = block_on(held_by(&["ab", "cd"], &held).collect(10)).unwrap();
        let part = one.slice(1..2);
        drop(one);
        assert_eq!(held.0.load(Ordering::Relaxed), 4, "a part holds the whole");
        let mut rest = Share {
            of: Arc::clone(&held),
            bytes: 0,
        };
        assert!(rest.grow(MAX_HELD - 7));
        let refused = block_on(held_by(&["ab", "cd"], &held).collect(10)).unwrap_err();
        assert_eq!(refused.status, http::StatusCode::SERVICE_UNAVAILABLE);
        let small = block_on(held_by(&["abc"], &held).collect(10)).unwrap();
        drop((small, part));
        assert!(block_on(held_by(&["ab", "cd"], &held).collect(10)).is_ok());
        drop(rest);
        assert_eq!(held.0.load(Ordering::Relaxed), 0, "all of it comes back");
    }

    #[test]
    fn what_is_read_ahead_counts_among_all_bodies() {
        let held = Arc::new(Held::default());
        let count = || held.0.load(Ordering::Relaxed);
        let ahead = |pieces| block_on(held_by(pieces, &held).ahead(std::future::pending()));
        let (one, other) = (ahead(&["ab", "cd"]), ahead(&["ef"]));
        assert_eq!(count(), 6);
        drop(other);
        assert_eq!(count(), 4, "a request that is given up holds nothing");
        let one = block_on(one.collect(4)).unwrap();
        assert_eq!((&*one, count()), (&b"abcd"[..], 4));
        let mut rest = Share {
            of: Arc::clone(&held),
            bytes: 0,
        };
        assert!(rest.grow(MAX_HELD - 7));
        let refused = block_on(ahead(&["ef", "gh"]).collect(4)).unwrap_err();
        assert_eq!(refused.status, http::StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(count(), MAX_HELD - 3);
        drop((one, rest));
        assert_eq!(count(), 0);
        assert!(block_on(ahead(&[]).collect(0)).unwrap().is_empty());
        let large = block_on(ahead(&["abcde"]).collect(4)).unwrap_err();
        assert_eq!(large.status, http::StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn what_is_read_ahead_has_an_end() {
        let held = Arc::new(Held::default());
        let endless = |pause: bool| {
            let piece = || Ok::<_, String>(Frame::data(Bytes::from(vec![b'x'; 10_000])));
            let pieces = stream::repeat_with(piece).take(if pause { 1 } else { 1_000 });
            let body = http_body_util::StreamBody::new(pieces.chain(stream::pending()));
            Incoming::new(body, &held, std::future::ready(()))
        };
        let read = block_on(endless(false).ahead(std::future::pending()));
        let count = held.0.load(Ordering::Relaxed);
        assert!((MAX_AHEAD..=MAX_AHEAD + 10_000).contains(&count), "{count}");
        drop(read);
        let slow = block_on(endless(true).ahead(std::future::ready(())));
        assert_eq!(held.0.load(Ordering::Relaxed), 0);
        let slow = block_on(slow.collect(20_000)).unwrap_err();
        assert_eq!(slow.status, http::StatusCode::BAD_REQUEST);
        assert!(slow.detail.contains("30 seconds"), "{}", slow.detail);
    }

    #[test]
    fn a_body_that_nobody_wants_is_not_waited_for_forever() {
        let pieces = stream::iter([Ok::<_, String>(Frame::data(Bytes::from_static(b"a")))]);
        let body = http_body_util::StreamBody::new(pieces.chain(stream::pending()));
        let body = Incoming::new(body, &Arc::default(), std::future::ready(()));
        block_on(body.drain());
    }

    #[test]
    fn a_body_may_be_as_large_as_the_limit_but_not_larger() {
        let all = block_on(incoming(&["ab", "", "cd", "e"]).collect(5)).unwrap();
        assert_eq!(all, "abcde");
        for long in [&["ab", "cd", "e"][..], &["abcde"]] {
            let error = block_on(incoming(long).collect(4)).unwrap_err();
            assert_eq!(error.status, http::StatusCode::PAYLOAD_TOO_LARGE);
        }
    }
}
