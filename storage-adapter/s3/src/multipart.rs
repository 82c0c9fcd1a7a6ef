//! Writes objects that are too large for one request.
//!
//! An upload that is neither completed nor aborted (its writer died) costs space until the bucket's lifecycle rule
//! `AbortIncompleteMultipartUpload` or the store's `tidy` removes it.

use aws_sdk_s3::primitives::ByteStream as Body;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use storage_adapter::{BodyError, ETag, Host, PutMode, StoreError};

use crate::conditions::Conditions;
use crate::counts::Class;
use crate::errors::{Failure, Kind};
use crate::put::{Headers, Next, Piece, Pieces, WRITE_ID, next};
use crate::store::{Commits, Inner, MAX_PARTS, etag};

/// The most uploads that one sweep checks.
const MAX_SWEPT: i32 = 1000;

impl<H: Host> Inner<H> {
    pub(crate) async fn put_parts(
        &self,
        key: &str,
        first: Piece,
        rest: Pieces,
        mode: &PutMode,
    ) -> Result<ETag, StoreError> {
        let id = self.write_id();
        let upload = self.begin(key, &id).await.map_err(Failure::into_error)?;
        let written = async {
            let parts = self.send_parts(key, &upload, first, rest).await?;
            self.complete(key, &upload, &id, parts, mode).await
        };
        let written = written.await;
        if written.is_err() {
            // If that fails too, it only wastes space.
            let _swept_later = self.give_up(key, &upload).await;
        }
        written
    }

    pub(crate) async fn begin(&self, key: &str, id: &str) -> Result<String, Failure> {
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .metadata(WRITE_ID, id);
        let begun = self
            .retrying(Class::Write, || request.clone().send())
            .await?;
        let id = begun.upload_id().map(str::to_owned);
        id.ok_or_else(|| Failure::new(Kind::Unknown, "an upload was begun without an id"))
    }

    async fn send_parts(
        &self,
        key: &str,
        upload: &str,
        first: Piece,
        mut rest: Pieces,
    ) -> Result<Vec<CompletedPart>, StoreError> {
        let limit = self.limits.largest_object.min(self.part as u64 * MAX_PARTS);
        let (mut parts, mut sent, mut piece) = (Vec::new(), 0, first);
        loop {
            sent += piece.bytes.len() as u64;
            if sent > limit {
                return Err(BodyError::TooLarge { limit }.into());
            }
            // At most `MAX_PARTS`, so it fits.
            let number = parts.len() as i32 + 1;
            let part = self.send_part(key, upload, number, &piece).await;
            parts.push(part.map_err(Failure::into_error)?);
            if piece.last {
                return Ok(parts);
            }
            piece = rest.next(self.part).await?;
        }
    }

    pub(crate) async fn send_part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        piece: &Piece,
    ) -> Result<CompletedPart, Failure> {
        let send = || {
            self.client
                .upload_part()
                .bucket(&self.bucket)
                .key(key)
                .upload_id(upload)
                .part_number(number)
                .body(Body::from(piece.bytes.clone()))
                .send()
        };
        let sent = self.retrying(Class::Write, send).await?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag().map(str::to_owned));
        Ok(part.build())
    }

    async fn complete(
        &self,
        key: &str,
        upload: &str,
        id: &str,
        parts: Vec<CompletedPart>,
        mode: &PutMode,
    ) -> Result<ETag, StoreError> {
        let _turn = self.turn(key).await;
        let headers = match self.commits {
            Commits::SingleWriter => self.decide(key, mode).await?,
            Commits::Server(Conditions { parts: true }) => Headers::of(mode),
            // The key was generated just now.
            Commits::Server(Conditions { parts: false }) => Headers::default(),
        };
        // The upload no longer exists: see `next`.
        let mode = if headers.is_empty() {
            &PutMode::Overwrite
        } else {
            mode
        };
        let request = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .set_if_none_match(headers.if_none_match)
            .set_if_match(headers.if_match);
        let mut attempts = self.attempts();
        let mut uncertain = false;
        loop {
            let sending = Box::pin(request.clone().send());
            let failure = match self.attempt(Class::Write, &mut attempts, sending).await {
                Ok(done) => match done.e_tag() {
                    Some(version) => return Ok(etag(version)),
                    None => return self.look(key, id).await,
                },
                Err(failure) => failure,
            };
            let more = failure.kind.is_transient() && self.again(&attempts).await;
            match next(failure, mode, more, &mut uncertain) {
                Next::Retry => {}
                Next::Look => return self.look(key, id).await,
                Next::Fail(error) => return Err(error),
            }
        }
    }

    /// Aborts an upload, so that its parts cost nothing and it can no longer be completed.
    pub(crate) async fn give_up(&self, key: &str, upload: &str) -> Result<(), Failure> {
        let request = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload);
        match self
            .retrying(Class::Delete, || request.clone().send())
            .await
        {
            Ok(_) => Ok(()),
            Err(failure) if matches!(failure.kind, Kind::NoUpload | Kind::NotFound) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

impl<H: Host> Inner<H> {
    /// Aborts uploads below the prefix that started more than this many milliseconds ago, at most 1,000; returns how
    /// many.
    pub(crate) async fn tidy(&self, older_than_millis: i64) -> Result<usize, StoreError> {
        let inner = self;
        let before = inner.host.now().millis().saturating_sub(older_than_millis);
        let request = inner
            .client
            .list_multipart_uploads()
            .bucket(&inner.bucket)
            .prefix(crate::keys::below(&inner.prefix, ""))
            .max_uploads(MAX_SWEPT);
        let found = inner
            .retrying(Class::List, || request.clone().send())
            .await
            .map_err(Failure::into_error)?;
        let mut swept = 0;
        for upload in found.uploads() {
            let begun = upload.initiated().and_then(|at| at.to_millis().ok());
            let (Some(key), Some(id), Some(begun)) = (upload.key(), upload.upload_id(), begun)
            else {
                continue;
            };
            if begun < before {
                inner.give_up(key, id).await.map_err(Failure::into_error)?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}
