//! Reads in pieces, and resumes where a connection broke.

use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream as Body;
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream;
use storage_adapter::{BodyError, ByteStream, ETag, GetOptions, Host, Object, StoreError};

use crate::counts::Class;
use crate::errors::{Failure, Kind};
use crate::store::{Inner, etag, quoted};

/// How often a body is resumed from where it broke off.
const MAX_RESUMES: u32 = 4;

/// The head of an object.
pub(crate) struct Head {
    pub(crate) etag: ETag,
    pub(crate) length: u64,
    /// The id of the write that made it.
    pub(crate) write: Option<String>,
}

impl<H: Host> Inner<H> {
    /// Reads everything but the bytes.
    pub(crate) async fn head(&self, key: &str) -> Result<Head, Failure> {
        let request = self.client.head_object().bucket(&self.bucket).key(key);
        let head = self
            .retrying(Class::Read, || request.clone().send())
            .await?;
        let length = head
            .content_length()
            .and_then(|length| u64::try_from(length).ok());
        let write = head
            .metadata()
            .and_then(|all| all.get(super::put::WRITE_ID));
        match (head.e_tag(), length) {
            (Some(version), Some(length)) => Ok(Head {
                etag: etag(version),
                length,
                write: write.cloned(),
            }),
            _ => Err(unintelligible()),
        }
    }

    pub(crate) async fn get(
        this: &Arc<Self>,
        key: &str,
        options: GetOptions,
    ) -> Result<Object, StoreError> {
        let key = this.full_key(key)?;
        let header = match &options.range {
            None => None,
            // An empty range cannot be requested.
            Some(range) if range.start >= range.end => {
                return this.without_bytes(&key, &options).await;
            }
            Some(range) => Some(header(range)),
        };
        let request = this
            .reader
            .get_object()
            .bucket(&this.bucket)
            .key(&key)
            .set_range(header)
            .set_if_none_match(options.if_none_match.as_ref().map(quoted));
        let found = match this.retrying(Class::Read, || request.clone().send()).await {
            Ok(found) => found,
            Err(failure) if failure.kind == Kind::Range => {
                return this.without_bytes(&key, &options).await;
            }
            Err(failure) => return Err(failure.into_error()),
        };
        let content_length = found
            .content_length()
            .and_then(|length| u64::try_from(length).ok());
        let (start, end, length) = match (found.content_range(), content_length) {
            (Some(range), _) => {
                parse_content_range(range).ok_or_else(|| unintelligible().into_error())?
            }
            (None, Some(length)) if options.range.is_none() => (0, length, length),
            _ => return Err(unintelligible().into_error()),
        };
        let version = found.e_tag().ok_or_else(|| unintelligible().into_error())?;
        let version = etag(version);
        let reading = Reading {
            inner: Arc::clone(this),
            key,
            etag: version.clone(),
            body: Some(found.body),
            left: start..end,
            resumes: 0,
        };
        Ok(Object {
            etag: version,
            length,
            body: reading.into_stream(),
        })
    }

    async fn without_bytes(&self, key: &str, options: &GetOptions) -> Result<Object, StoreError> {
        let head = self.head(key).await.map_err(Failure::into_error)?;
        if options.if_none_match.as_ref() == Some(&head.etag) {
            return Err(StoreError::NotModified);
        }
        Ok(Object {
            etag: head.etag,
            length: head.length,
            body: Box::pin(stream::empty()),
        })
    }
}

/// A body being read.
struct Reading<H> {
    inner: Arc<Inner<H>>,
    key: String,
    etag: ETag,
    body: Option<Body>,
    /// The remaining range.
    left: Range<u64>,
    resumes: u32,
}

impl<H: Host> Reading<H> {
    fn into_stream(self) -> ByteStream {
        Box::pin(stream::unfold(Some(self), |reading| async {
            let mut reading = reading?;
            match reading.next().await {
                Ok(None) => None,
                Ok(Some(bytes)) => Some((Ok(bytes), Some(reading))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        while !self.left.is_empty() {
            let why = match &mut self.body {
                Some(body) => match piece(body, &self.inner).await {
                    Ok(Some(bytes)) if bytes.is_empty() => continue,
                    Ok(Some(mut bytes)) => {
                        // The server sends more than it announced.
                        let fits = self.left.end - self.left.start;
                        bytes.truncate(usize::try_from(fits).unwrap_or(usize::MAX));
                        self.left.start += bytes.len() as u64;
                        return Ok(Some(bytes));
                    }
                    Ok(None) => "it ended early".to_owned(),
                    Err(why) => why,
                },
                None => "it ended early".to_owned(),
            };
            self.resume(why).await?;
        }
        Ok(None)
    }

    /// Requests the rest, of the same version.
    async fn resume(&mut self, why: String) -> Result<(), BodyError> {
        self.body = None;
        self.resumes += 1;
        if self.resumes > MAX_RESUMES {
            return Err(BodyError::Broken(why));
        }
        let inner = &self.inner;
        let request = inner
            .reader
            .get_object()
            .bucket(&inner.bucket)
            .key(&self.key)
            .range(header(&self.left))
            .if_match(quoted(&self.etag));
        let found = inner.retrying(Class::Read, || request.clone().send()).await;
        let found = found.map_err(|failure| {
            BodyError::Broken(match failure.kind {
                Kind::Precondition | Kind::NotFound | Kind::Range => {
                    "the object was replaced while it was read".to_owned()
                }
                _ => failure.words,
            })
        })?;
        let range = found.content_range().and_then(parse_content_range);
        if range.is_none_or(|(start, end, _)| start != self.left.start || end != self.left.end) {
            return Err(BodyError::Broken(
                "the server returned another range than requested".to_owned(),
            ));
        }
        self.body = Some(found.body);
        Ok(())
    }
}

/// The next piece of a body, if it arrives in time.
async fn piece<H: Host>(body: &mut Body, inner: &Inner<H>) -> Result<Option<Bytes>, String> {
    let patience = inner.limits.attempt_millis;
    let waiting = inner.host.sleep(patience);
    match select(pin!(body.next()), pin!(waiting)).await {
        Either::Left((next, _)) => next.transpose().map_err(|error| error.to_string()),
        Either::Right(((), _)) => Err(format!("no data for {patience} ms")),
    }
}

fn unintelligible() -> Failure {
    Failure::new(Kind::Unknown, "its response lacks an ETag or a length")
}

/// The header for a non-empty range (RFC 9110, section 14.1.2).
fn header(range: &Range<u64>) -> String {
    if range.end > i64::MAX as u64 {
        return format!("bytes={}-", range.start);
    }
    format!("bytes={}-{}", range.start, range.end - 1)
}

/// Parses `bytes 0-9/100` to the first byte, the exclusive end, and the total length.
fn parse_content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (part, length) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let (first, last, length) = (
        first.parse().ok()?,
        last.parse::<u64>().ok()?,
        length.parse().ok()?,
    );
    let end = last.checked_add(1)?;
    (first < end && end <= length).then_some((first, end, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_and_read() {
        assert_eq!(header(&(5..10)), "bytes=5-9");
        assert_eq!(header(&(5..u64::MAX)), "bytes=5-");
        assert_eq!(parse_content_range("bytes 5-9/100"), Some((5, 10, 100)));
        for wrong in [
            "bytes 5-9/*",
            "bytes */100",
            "5-9/100",
            "bytes 9-5/100",
            "bytes 5-100/100",
            "",
        ] {
            assert_eq!(parse_content_range(wrong), None, "{wrong}");
        }
    }
}
