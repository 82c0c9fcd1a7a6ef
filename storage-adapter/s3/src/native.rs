//! The HTTP client of hosts with sockets.

use std::net::IpAddr;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

use crate::{S3Settings, SharedHttpClient};

/// Makes an HTTPS client that connects to allowed addresses only: names are resolved, and what was checked is what is
/// connected to. Addresses that are written out are not resolved: whoever uses it checks them
/// ([`S3Settings::endpoint_address`]). One serves any number of buckets.
#[must_use]
pub fn guarded_http(allowed: fn(IpAddr) -> bool) -> SharedHttpClient {
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_with_resolver(Allowed(allowed))
}

/// Resolves names, and gives allowed addresses only.
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
                let words =
                    format!("{name} is no address on the public internet, so it is not contacted");
                return Err(ResolveDnsError::new(words));
            }
            Ok(allowed)
        })
    }
}

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
