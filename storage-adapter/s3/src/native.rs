//! The HTTP client of hosts with sockets.

use std::net::IpAddr;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

use crate::{S3Settings, SharedHttpClient};

/// Creates an HTTPS client that connects to allowed addresses only: names are resolved, and the connection goes to the
/// checked address. Literal addresses are not resolved, so the caller has to check them
/// ([`S3Settings::endpoint_address`]). One client serves any number of buckets.
#[must_use]
pub fn guarded_http(allowed: fn(IpAddr) -> bool) -> SharedHttpClient {
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(Allowed(allowed))
}

/// Resolves names to allowed addresses only.
#[derive(Clone, Debug)]
struct Allowed(fn(IpAddr) -> bool);

impl ResolveDns for Allowed {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await;
            let found = found.map_err(ResolveDnsError::new)?;
            let allowed: Vec<IpAddr> = found
                .map(|address| address.ip())
                .filter(|address| (self.0)(*address))
                .collect();
            if allowed.is_empty() {
                let words = format!(
                    "{name} is not an address on the public internet, so it is not contacted"
                );
                return Err(ResolveDnsError::new(words));
            }
            Ok(allowed)
        })
    }
}

/// Creates an HTTP client over hyper and rustls, with the machine's root certificates; it keeps connections open. It
/// needs a tokio runtime only when it is used.
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
