//! PUT of documents.

use crate::kernel::host::Host;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode, header};
use protocol::AccountName;
use storage_adapter::{BodyError, DocumentPath, ObjectStore, WriteCondition};

use super::conditions::write_condition;
use crate::files::Files;
use crate::kernel::body::Body;
use crate::kernel::etag::quoted;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};

/// The longest content type, in bytes.
const MAX_CONTENT_TYPE: usize = 255;

impl<S: ObjectStore, H: Host> Files<S, H> {
    pub(super) async fn put_document(
        &self,
        parts: &Parts,
        account: &AccountName,
        path: &DocumentPath,
        body: Incoming,
    ) -> Answer {
        let (content_type, condition) = match self.check_put(&parts.headers) {
            Ok(checked) => checked,
            Err(failure) => {
                body.drain().await;
                return Err(failure);
            }
        };
        let quota = self.quota(account).await?;
        let limit = self.kernel.config().max_document_size;
        let length = length(&parts.headers);
        let fits = length.filter(|length| quota.is_none_or(|quota| *length <= quota));
        let _room = match fits {
            Some(length) => self.make_room(account, length).await,
            None => None,
        };
        let stream = body.into_stream(limit);
        let written = self
            .tree(account)
            .await?
            .put(account, path, content_type, stream, &condition, quota)
            .await;
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                self.make_room_for_next(account, length, &error).await;
                return Err(error.into());
            }
        };
        self.trim_kept(account).await;
        let status = if written.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        if let Ok(etag) = quoted(&written.version) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        Ok(response)
    }

    fn check_put<'a>(&self, headers: &'a HeaderMap) -> Result<(&'a str, WriteCondition), Failure> {
        if headers.contains_key(header::CONTENT_RANGE) {
            return Err(Failure::bad_request(
                "a PUT replaces the whole document; it does not take Content-Range",
            ));
        }
        if headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "documents are stored as they are; send this one without Content-Encoding",
            ));
        }
        let content_type = content_type(headers)?;
        let condition = write_condition(headers)?;
        let limit = self.kernel.config().max_document_size;
        if length(headers).is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge { limit }.into());
        }
        Ok((content_type, condition))
    }
}

/// The length of the body, if it is given.
fn length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Returns the content type, byte for byte; it is opaque but must be well-formed.
fn content_type(headers: &HeaderMap) -> Result<&str, Failure> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(Failure::bad_request(
            "a PUT needs a Content-Type, for instance application/octet-stream",
        ));
    };
    value
        .to_str()
        .ok()
        .filter(|text| {
            let (kind, rest) = text.split_once('/').unwrap_or_default();
            !kind.trim().is_empty() && !rest.trim().is_empty() && text.len() <= MAX_CONTENT_TYPE
        })
        .ok_or_else(|| {
            Failure::bad_request(
                "the Content-Type is not a media type; expected a form like text/plain in ASCII, at most 255 bytes",
            )
        })
}
