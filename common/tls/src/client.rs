//! Configurations of clients.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::provider;

/// A client's certificate with those that issued it, and its key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Creates a configuration that trusts the system's certificates and `extra` ones; no client certificate is sent.
///
/// Unreadable system certificates do not affect the others: the log names them.
///
/// # Errors
/// [`rustls::Error`] if the provider supports none of the TLS versions; ring supports them.
pub fn client_config(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    with_roots(system_and(extra))
}

/// Makes what checks certificates as [`client_config`] does; nothing if no certificate is trusted at all.
#[must_use]
pub fn verifier(extra: &[CertificateDer<'static>]) -> Option<Arc<WebPkiServerVerifier>> {
    let roots = Arc::new(system_and(extra));
    let made = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
    made.inspect_err(|error| tracing::warn!(%error, "no certificate of a server can be checked"))
        .ok()
}

/// Makes a configuration in which `check` decides about certificates. Nothing that was agreed on in one connection is
/// believed in another: each is checked. A server that asks for a certificate gets `identity`, if there is one.
///
/// # Errors
/// As [`client_config`]; or the key is not the certificate's.
pub fn checked_by(
    check: Arc<dyn ServerCertVerifier>,
    identity: Option<Identity>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(check);
    let mut config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn system_and(extra: &[CertificateDer<'static>]) -> RootCertStore {
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "a certificate of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(extra.iter().cloned());
    roots
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
