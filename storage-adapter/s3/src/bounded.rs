//! Limits how much of a response is held in memory. The SDK reads every response completely except documents, including
//! errors; a server may be anyone's, since accounts have their own buckets.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// The limit for responses read completely, in bytes: a listing of 1,000 keys takes a tenth of it.
const MOST: usize = 16 << 20;

/// Which responses are limited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bounded {
    /// All.
    All,
    /// Errors. A successful response is a document, which is streamed.
    Errors,
}

impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "Bounded"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if *self == Self::All || !response.status().is_success() {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, MOST));
        }
        Ok(())
    }
}
