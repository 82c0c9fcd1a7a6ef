//! How much of an answer is held in memory. The SDK reads every answer whole but a document's, and errors too; a server may
//! be anybody's, since accounts have buckets of their own.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// The most bytes of an answer that is read whole: a listing of 1,000 keys has a tenth of them.
const MOST: usize = 16 << 20;

/// Which answers are bounded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bounded {
    /// All.
    All,
    /// Errors. What succeeds is a document, which is handed on piece by piece.
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
