//! Sends the AWS SDK's requests through WASI.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use mutex::{get_mut, lock};
use spin_sdk::http::send;
use spin_sdk::wasip3::http::types::ErrorCode;
use spin_sdk::wasip3::http_compat::IncomingResponseBody;

/// Sends requests; the runtime manages connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WasiHttp;

impl HttpClient for WasiHttp {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(*self)
    }
}

impl HttpConnector for WasiHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(Box::new(error)))?;
            let response = send(request).await.map_err(refused)?;
            let response = response.map(|body| SdkBody::from_body_1_x(Answer(Mutex::new(body))));
            HttpResponse::try_from(response)
                .map_err(|error| ConnectorError::other(Box::new(error), None))
        })
    }
}

/// Converts an error; distinguishes whether the request was sent at all, since only then it may have been carried out.
fn refused(error: ErrorCode) -> ConnectorError {
    match error {
        ErrorCode::ConnectionTimeout | ErrorCode::HttpResponseTimeout => {
            ConnectorError::timeout(Box::new(error))
        }
        ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestMethodInvalid => ConnectorError::user(Box::new(error)),
        error => ConnectorError::io(Box::new(error)),
    }
}

/// A response body. The SDK requires bodies that can be shared between threads; here there is only one thread, so the
/// lock is never contended.
struct Answer(Mutex<IncomingResponseBody>);

impl Answer {
    fn body(&mut self) -> &mut IncomingResponseBody {
        get_mut(&mut self.0)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        Pin::new(self.body()).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        let body = lock(&self.0);
        body.size_hint()
    }
}
