//! Responses in S3's format.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;

use super::{Body, Broken, whole};

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// HEAD: the body is only described.
    pub head_only: bool,
}

impl Answer {
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
            head_only: false,
        }
    }

    pub fn error(status: StatusCode, code: &str) -> Self {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>no</Message></Error>"
        );
        Self::new(status, text).with("content-type", "application/xml")
    }

    pub fn xml(root: &str, content: &str) -> Self {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{content}</{root}>"
        );
        Self::new(StatusCode::OK, text).with("content-type", "application/xml")
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// Adds blanks to a text.
    pub(super) fn padded(mut self, padding: usize) -> Self {
        let kind = self.headers.get("content-type");
        if padding > 0 && kind.is_some_and(|kind| kind == "application/xml") {
            self.body = [&self.body[..], &vec![b' '; padding]].concat().into();
        }
        self
    }

    pub(super) fn into_response(self, truncate: bool) -> Response<Body> {
        let length = self.body.len();
        let body = if self.head_only {
            whole(Bytes::new())
        } else if truncate && length > 1 && self.status.is_success() {
            let half = Some(self.body.slice(..length / 2));
            let length = length as u64;
            Broken { half, length }.boxed()
        } else {
            whole(self.body)
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if self.status != StatusCode::NO_CONTENT && self.status != StatusCode::NOT_MODIFIED {
            response
                .headers_mut()
                .insert("content-length", length.into());
        }
        response
    }
}
