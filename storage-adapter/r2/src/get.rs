//! Reading objects.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use storage_adapter::{BodyError, ByteStream, ETag, GetOptions, Object, StoreError};
use worker::send::SendWrapper;
use worker::{Bucket, Conditional, Range};

use crate::retry::{Repeat, retried, retry};

/// The largest integer that JavaScript represents exactly, and therefore the limit of every range.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

pub(crate) async fn get(
    bucket: &Bucket,
    key: &str,
    options: GetOptions,
) -> Result<Object, StoreError> {
    let start = options.range.as_ref().map(|range| range.start);
    let range = match options.range {
        None => None,
        Some(range) if range.start >= range.end.min(MAX_SAFE_INTEGER) => {
            return head(bucket, key, options.if_none_match.as_ref()).await;
        }
        Some(range) if range.end > MAX_SAFE_INTEGER => Some(Range::OffsetToEnd {
            offset: range.start,
        }),
        Some(range) => Some(Range::OffsetWithLength {
            offset: range.start,
            length: range.end - range.start,
        }),
    };
    let known = options.if_none_match;
    let found = retry(Repeat::Always, async |_| {
        let mut get = bucket.get(key);
        if let Some(ETag(known)) = &known {
            get = get.only_if(Conditional {
                etag_does_not_match: Some(known.clone()),
                ..Conditional::default()
            });
        }
        if let Some(range) = &range {
            get = get.range(range.clone());
        }
        get.execute().await
    })
    .await;
    let object = match found {
        Ok(found) => found.ok_or(StoreError::NotFound)?,
        // R2 reports an error if the range is past the end; wrangler's stand-in even fails.
        Err(trouble) => {
            let start = start.ok_or_else(|| StoreError::from(trouble.clone()))?;
            let object = head(bucket, key, known.as_ref()).await?;
            return if start < object.length {
                Err(trouble.into())
            } else {
                Ok(object)
            };
        }
    };
    let Some(body) = object.body() else {
        return Err(StoreError::NotModified);
    };
    let body = body
        .stream()
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(Object {
        etag: ETag(object.etag()),
        length: object.size(),
        body: pieces(body),
    })
}

/// Reads an object without its bytes.
async fn head(bucket: &Bucket, key: &str, known: Option<&ETag>) -> Result<Object, StoreError> {
    let found = retried(Repeat::Always, async || bucket.head(key).await).await?;
    let object = found.ok_or(StoreError::NotFound)?;
    let etag = ETag(object.etag());
    if known == Some(&etag) {
        return Err(StoreError::NotModified);
    }
    Ok(Object {
        etag,
        length: object.size(),
        body: Box::pin(futures_util::stream::empty()),
    })
}

fn pieces(body: worker::ByteStream) -> ByteStream {
    let pieces = body.filter_map(|piece| {
        std::future::ready(match piece {
            Ok(piece) if piece.is_empty() => None,
            Ok(piece) => Some(Ok(Bytes::from(piece))),
            Err(error) => Some(Err(BodyError::Broken(error.to_string()))),
        })
    });
    Box::pin(OneThread(SendWrapper::new(Box::pin(pieces))))
}

/// A stream that stays in the only thread.
struct OneThread(SendWrapper<Pin<Box<dyn Stream<Item = Piece>>>>);

type Piece = Result<Bytes, BodyError>;

impl Stream for OneThread {
    type Item = Piece;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.0.as_mut().poll_next(cx)
    }
}
