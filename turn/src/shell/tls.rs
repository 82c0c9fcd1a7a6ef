//! Certificate and key.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::StartError;
use crate::config::TlsFiles;

/// Reads the files.
pub(super) fn server(files: &TlsFiles) -> Result<Arc<ServerConfig>, StartError> {
    let failed = |key, path: &Path, reason: String| StartError::Tls {
        key,
        path: path.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed("tls-certificate", &files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(failed(
            "tls-certificate",
            &files.certificate,
            "it holds no certificate".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| failed("tls-key", &files.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| failed("tls-certificate", &files.certificate, error.to_string()))?;
    Ok(Arc::new(server))
}
