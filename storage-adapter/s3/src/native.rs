//! The HTTP client of hosts with sockets.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::{S3Settings, SharedHttpClient};

/// Makes an HTTP client over hyper and rustls, with the machine's root certificates; it keeps connections
/// open. It needs a tokio runtime when it is used, not before.
#[must_use]
pub fn native_http(settings: &S3Settings) -> SharedHttpClient {
    let endpoint = settings.endpoint.as_deref();
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        // No root certificates are needed.
        return Builder::new().build_http();
    }
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}
