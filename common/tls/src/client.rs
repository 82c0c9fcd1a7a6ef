//! Configurations of clients.

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::provider;

/// Makes a configuration that trusts the system's certificates and `extra` ones; no certificate of a client is shown.
///
/// Certificates of the system that cannot be read do not make the others useless: the log names them.
///
/// # Errors
/// [`rustls::Error`] if the provider has none of the versions of TLS, which ring has.
pub fn client_config(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "a certificate of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(extra.iter().cloned());
    with_roots(roots)
}

/// Makes a configuration that trusts these certificates only; with none it is for connections without TLS, as libraries
/// ask for one all the same.
///
/// # Errors
/// As [`client_config`].
pub fn trusting(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    with_roots(store)
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
