//! GET and HEAD of documents.

use crate::kernel::host::Host;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use protocol::AccountName;
use storage_adapter::{ByteRange, DocumentInfo, DocumentPath, DocumentRead, ObjectStore, Version};

use super::conditions::{IfRange, Tags, if_range};
use super::{range, set_common};
use crate::files::Files;
use crate::kernel::body::Body;
use crate::kernel::problem::Answer;

const BYTES: HeaderValue = HeaderValue::from_static("bytes");

impl<S: ObjectStore, H: Host> Files<S, H> {
    pub(super) async fn get_document(
        &self,
        parts: &Parts,
        account: &AccountName,
        path: &DocumentPath,
        public: bool,
    ) -> Answer {
        let matching = Tags::read(&parts.headers, header::IF_MATCH)?;
        let tags = Tags::read(&parts.headers, header::IF_NONE_MATCH)?;
        if parts.method == Method::HEAD || tags == Tags::Any {
            let info = self
                .tree(account)
                .await?
                .document_info(account, path)
                .await?;
            matching.check_match(&info.version)?;
            let known = tags == Tags::Any || tags.versions(false).contains(&info.version);
            if known {
                return Ok(not_modified(&info.version, public));
            }
            let mut response = Response::new(Body::empty());
            let headers = response.headers_mut();
            describe(headers, &info, public);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(info.length));
            return Ok(response);
        }
        let known = tags.versions(false);
        let range = self.wanted_range(&parts.headers, account, path).await?;
        let asked = range.as_ref().map(|(range, _)| *range);
        let mut read = self
            .tree(account)
            .await?
            .read_document(account, path, &known, asked)
            .await?;
        if let (DocumentRead::Found { info, .. }, Some((_, Some(version)))) = (&read, &range)
            && info.version != *version
        {
            // Written in between: If-Range no longer holds.
            read = self
                .tree(account)
                .await?
                .read_document(account, path, &known, None)
                .await?;
        }
        // Before If-None-Match (RFC 9110, section 13.2.2).
        match &read {
            DocumentRead::NotModified(version) => matching.check_match(version)?,
            DocumentRead::Found { info, .. } => matching.check_match(&info.version)?,
        }
        Ok(match read {
            DocumentRead::NotModified(version) => not_modified(&version, public),
            DocumentRead::Found { info, range, body } => found(&info, range, body, public),
        })
    }

    /// Returns the requested range, with the version that `If-Range` binds it to.
    async fn wanted_range(
        &self,
        headers: &HeaderMap,
        account: &AccountName,
        path: &DocumentPath,
    ) -> Result<Option<(ByteRange, Option<Version>)>, crate::kernel::problem::Failure> {
        let Some(range) = range::read(headers) else {
            return Ok(None);
        };
        let Some(condition) = if_range(headers) else {
            return Ok(Some((range, None)));
        };
        let info = self
            .tree(account)
            .await?
            .document_info(account, path)
            .await?;
        let holds = match condition {
            IfRange::Version(version) => version == info.version,
            IfRange::Date(date) => date == info.modified.to_http_date(),
            IfRange::Never => false,
        };
        Ok(holds.then_some((range, Some(info.version))))
    }
}

fn describe(headers: &mut HeaderMap, info: &DocumentInfo, public: bool) {
    set_common(headers, &info.version, public);
    if let Ok(value) = HeaderValue::from_str(&info.content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if let Ok(value) = HeaderValue::try_from(info.modified.to_http_date()) {
        headers.insert(header::LAST_MODIFIED, value);
    }
    headers.insert(header::ACCEPT_RANGES, BYTES);
}

fn found(
    info: &DocumentInfo,
    range: Option<std::ops::Range<u64>>,
    body: storage_adapter::ByteStream,
    public: bool,
) -> Response<Body> {
    let length = range
        .as_ref()
        .map_or(info.length, |range| range.end.saturating_sub(range.start));
    let mut response = Response::new(Body::stream(body, length));
    if let Some(range) = range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let (first, last) = (range.start, range.end.saturating_sub(1));
        let text = format!("bytes {first}-{last}/{}", info.length);
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
    }
    let headers = response.headers_mut();
    describe(headers, info, public);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// 304 with the current version, which clients use.
pub(super) fn not_modified(version: &Version, public: bool) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    set_common(response.headers_mut(), version, public);
    response
}
