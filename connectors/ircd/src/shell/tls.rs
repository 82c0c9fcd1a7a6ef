//! The certificate and key of the TLS listener.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::StartError;
use crate::config::TlsConfig;

/// Reads the files and makes an acceptor of them.
pub(super) fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, StartError> {
    let failed = |path: &Path, reason: String| StartError::Tls {
        path: path.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(&config.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&config.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(failed(
            &config.certificate,
            "it holds no certificate".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| failed(&config.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| failed(&config.certificate, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(server)))
}
