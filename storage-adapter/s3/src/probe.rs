//! Tests what the server supports, because some ignore conditions silently.

use aws_sdk_s3::primitives::ByteStream as Body;
use aws_sdk_s3::types::CompletedMultipartUpload;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use storage_adapter::{ByteStream, ETag, GetOptions, Host, ObjectStore, PutMode, StoreError};

use crate::conditions::Conditions;
use crate::counts::Class;
use crate::errors::{Failure, Kind};
use crate::put::{Headers, Piece};
use crate::store::{Inner, S3Store};

/// A version that no object has.
const NO_VERSION: &str = "00000000000000000000000000000000";

fn body(bytes: &'static [u8]) -> ByteStream {
    Box::pin(stream::iter([Ok(Bytes::from_static(bytes))]))
}

impl<H: Host> S3Store<H> {
    /// Writes, reads, lists and deletes a small object below `.subspace/probe/`, and tests which conditions the server
    /// supports; `None` if it ignores them.
    ///
    /// # Errors
    /// What does not work, with the server's reason.
    pub async fn probe(&self) -> Result<Option<Conditions>, StoreError> {
        let name = format!(".subspace/probe/{}", self.inner.write_id());
        let version = self.put(&name, body(b"1"), PutMode::Overwrite).await?;
        let found = self.try_out(&name, &version).await;
        let deleted = self.delete(&name).await;
        let found = found?;
        deleted.map(|()| found)
    }

    async fn try_out(&self, name: &str, version: &ETag) -> Result<Option<Conditions>, StoreError> {
        let inconsistent = |what: &str| {
            StoreError::refused(format_args!(
                "{what} another object than was written just before"
            ))
        };
        let mut object = self.get(name, GetOptions::default()).await?;
        let bytes = object.body.next().await.transpose();
        let bytes = bytes.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        if &object.etag != version || bytes.as_deref() != Some(b"1") {
            return Err(inconsistent("the server gives"));
        }
        let listed = self.list(name, None).await?;
        if listed.first().map(|entry| &entry.etag) != Some(version) {
            return Err(inconsistent("the server lists"));
        }
        let inner = &self.inner;
        let key = inner.full_key(name)?;
        let stale = PutMode::IfMatch(ETag(NO_VERSION.to_owned()));
        if inner.is_written(&key, &PutMode::IfAbsent).await?
            || inner.is_written(&key, &stale).await?
            || !inner
                .is_written(&key, &PutMode::IfMatch(version.clone()))
                .await?
            || self.makes_what_it_should_match(name, version).await?
        {
            return Ok(None);
        }
        let parts = !inner
            .is_completed(&key)
            .await
            .map_err(Failure::into_error)?;
        Ok(Some(Conditions { parts }))
    }
}

impl<H: Host> S3Store<H> {
    /// Returns whether the server accepts `If-Match` for a missing object: then a deleted head would be written again.
    async fn makes_what_it_should_match(
        &self,
        name: &str,
        version: &ETag,
    ) -> Result<bool, StoreError> {
        let absent = format!("{name}-absent");
        let key = self.inner.full_key(&absent)?;
        let mode = PutMode::IfMatch(version.clone());
        let made = self.inner.is_written(&key, &mode).await?;
        if made {
            self.delete(&absent).await?;
        }
        Ok(made)
    }
}

impl<H: Host> Inner<H> {
    /// Returns whether a write with this condition succeeds.
    async fn is_written(&self, key: &str, mode: &PutMode) -> Result<bool, StoreError> {
        let headers = Headers::of(mode);
        let send = || {
            self.client
                .put_object()
                .bucket(&self.bucket)
                .key(key)
                .set_if_none_match(headers.if_none_match.clone())
                .set_if_match(headers.if_match.clone())
                .body(Body::from_static(b"1"))
                .send()
        };
        match self.retrying(Class::Write, send).await {
            Ok(_) => Ok(true),
            Err(failure) => match failure.kind {
                Kind::Precondition | Kind::NotFound => Ok(false),
                // It knows conditions that it cannot decide: as good as none.
                Kind::NotImplemented => Ok(mode == &PutMode::IfAbsent),
                _ => Err(failure.into_error()),
            },
        }
    }

    /// Returns whether a multipart upload replaces an object although it must not.
    async fn is_completed(&self, key: &str) -> Result<bool, Failure> {
        let upload = self.begin(key, &self.write_id()).await?;
        let piece = Piece {
            bytes: Bytes::from_static(b"1"),
            last: true,
        };
        let part = match self.send_part(key, &upload, 1, &piece).await {
            Ok(part) => part,
            Err(failure) => {
                let _only_costs_space = self.give_up(key, &upload).await;
                return Err(failure);
            }
        };
        let request = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(&upload)
            .multipart_upload(CompletedMultipartUpload::builder().parts(part).build())
            .if_none_match("*");
        let completed = self.retrying(Class::Write, || request.clone().send()).await;
        let replaced = match completed {
            Ok(_) => return Ok(true),
            Err(failure) => match failure.kind {
                Kind::Precondition => Ok(false),
                Kind::NotImplemented | Kind::NoUpload => Ok(true),
                _ => Err(failure),
            },
        };
        self.give_up(key, &upload).await?;
        replaced
    }
}
