//! Configurations of clients.

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::provider;

/// Creates a configuration that trusts the system's certificates and `extra` ones; no client certificate is sent.
///
/// Unreadable system certificates do not affect the others: the log names them.
///
/// # Errors
/// [`rustls::Error`] if the provider supports none of the TLS versions; ring supports them.
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

/// Creates a configuration that trusts only these certificates; with none it is for connections without TLS, for which
/// libraries need one as well.
///
/// # Errors
/// Like [`client_config`].
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
