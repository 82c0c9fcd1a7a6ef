//! Writes objects: in one piece, or in parts if they are large.

use bytes::Bytes;
use futures_util::StreamExt;
use storage_adapter::{BodyError, ByteStream, ETag, Gathered, PutMode, StoreError};
use worker::{Bucket, Conditional, MultipartUpload, UploadedPart};

use crate::retry::{Repeat, retried, retry};

/// How much of a body is held in memory, which is also the size of a part, in bytes. R2 requires parts of 5 MiB or
/// more, all equal except the last.
const PART: usize = 8 << 20;
/// The most parts that R2 accepts.
const MAX_PARTS: u16 = 10_000;
/// The largest object that can be written under a condition, in bytes: R2 has none for multipart uploads, so the object
/// is held in memory and uploaded in one piece.
const MAX_CONDITIONAL: usize = 32 << 20;

pub(crate) async fn put(
    bucket: &Bucket,
    key: &str,
    body: ByteStream,
    mode: PutMode,
) -> Result<ETag, StoreError> {
    let mut body = Pieces::new(body);
    match mode {
        PutMode::IfAbsent | PutMode::IfMatch(_) => {
            let bytes = body.take(MAX_CONDITIONAL).await?;
            if bytes.len() == MAX_CONDITIONAL && !body.take(1).await?.is_empty() {
                return Err(StoreError::refused(format_args!(
                    "an object that is written under a condition has at most {MAX_CONDITIONAL} bytes on R2"
                )));
            }
            whole(bucket, key, bytes, &mode).await
        }
        PutMode::Overwrite | PutMode::New => {
            let first = body.take(PART).await?;
            if first.len() < PART {
                return whole(bucket, key, first, &mode).await;
            }
            in_parts(bucket, key, first, body).await
        }
    }
}

async fn whole(
    bucket: &Bucket,
    key: &str,
    bytes: Bytes,
    mode: &PutMode,
) -> Result<ETag, StoreError> {
    let condition = match mode {
        PutMode::IfAbsent | PutMode::New => Some(Conditional {
            etag_does_not_match: Some("*".to_owned()),
            ..Conditional::default()
        }),
        PutMode::IfMatch(ETag(etag)) => Some(Conditional {
            etag_matches: Some(etag.clone()),
            ..Conditional::default()
        }),
        PutMode::Overwrite => None,
    };
    let repeat = match mode {
        PutMode::IfAbsent | PutMode::IfMatch(_) => Repeat::Refused,
        PutMode::Overwrite | PutMode::New => Repeat::Always,
    };
    let mut attempts = 0;
    let written = retry(repeat, async |attempt| {
        attempts = attempt;
        let mut put = bucket.put(key, bytes.to_vec());
        if let Some(condition) = &condition {
            put = put.only_if(condition.clone());
        }
        put.execute().await
    })
    .await?;
    match written {
        Some(object) => Ok(ETag(object.etag())),
        // The key belongs to this writer alone: the response to an earlier attempt was lost.
        None if *mode == PutMode::New && attempts > 0 => {
            let found = retried(Repeat::Always, async || bucket.head(key).await).await?;
            found
                .map(|object| ETag(object.etag()))
                .ok_or(StoreError::Precondition)
        }
        None => Err(StoreError::Precondition),
    }
}

/// Uploads in parts; nothing appears before all are complete.
async fn in_parts(
    bucket: &Bucket,
    key: &str,
    first: Bytes,
    body: Pieces,
) -> Result<ETag, StoreError> {
    let upload = retried(Repeat::Always, async || {
        bucket.create_multipart_upload(key).execute().await
    })
    .await?;
    match parts(&upload, first, body).await {
        Ok(parts) => {
            let object = upload.complete(parts).await;
            object
                .map(|object| ETag(object.etag()))
                .map_err(|error| crate::errors::Trouble::of(&error).into())
        }
        Err(error) => {
            // R2 removes abandoned uploads automatically, after 7 days.
            let _only_costs_space = upload.abort().await;
            Err(error)
        }
    }
}

async fn parts(
    upload: &MultipartUpload,
    first: Bytes,
    mut body: Pieces,
) -> Result<Vec<UploadedPart>, StoreError> {
    let (mut parts, mut bytes) = (Vec::new(), first);
    for number in 1..=MAX_PARTS {
        let last = bytes.len() < PART;
        let part = retried(Repeat::Always, async || {
            upload.upload_part(number, bytes.to_vec()).await
        })
        .await?;
        parts.push(part);
        if last {
            return Ok(parts);
        }
        // Freed before the next one is collected.
        drop(std::mem::take(&mut bytes));
        bytes = body.take(PART).await?;
        if bytes.is_empty() {
            return Ok(parts);
        }
    }
    Err(StoreError::refused(format_args!(
        "R2 takes objects of at most {MAX_PARTS} parts"
    )))
}

/// A body that is read in pieces of given sizes.
struct Pieces {
    body: ByteStream,
    rest: Bytes,
}

impl Pieces {
    const fn new(body: ByteStream) -> Self {
        Self {
            body,
            rest: Bytes::new(),
        }
    }

    /// Returns the next bytes, exactly `size` of them unless the body ends.
    async fn take(&mut self, size: usize) -> Result<Bytes, BodyError> {
        let mut bytes = Gathered::default();
        loop {
            let count = self.rest.len().min(size - bytes.len());
            bytes.push(self.rest.split_to(count));
            if bytes.len() == size {
                return Ok(bytes.finish());
            }
            match self.body.next().await {
                Some(piece) => self.rest = piece?,
                None => return Ok(bytes.finish()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use storage_adapter::contract;

    use super::*;

    #[test]
    fn pieces_have_the_size_asked_for() {
        let mut pieces = Pieces::new(contract::body(&[b"abc", b"", b"defg", b"h"]));
        let mut take = |size| {
            let mut taking = Box::pin(pieces.take(size));
            let mut context = Context::from_waker(Waker::noop());
            match taking.as_mut().poll(&mut context) {
                Poll::Ready(bytes) => String::from_utf8(bytes.unwrap().to_vec()).unwrap(),
                Poll::Pending => panic!("everything is there"),
            }
        };
        assert_eq!(take(2), "ab");
        assert_eq!(take(3), "cde");
        assert_eq!(take(0), "");
        assert_eq!(take(9), "fgh");
        assert_eq!(take(9), "");
    }
}
