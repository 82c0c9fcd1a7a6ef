//! TLS with the system's certificates.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, ClientConfig};

use crate::io_words::words;

/// Creates the configuration: the system's root certificates and additional ones.
pub(crate) fn client_config(
    extra: &[CertificateDer<'static>],
) -> Result<Arc<ClientConfig>, String> {
    ::tls::client_config(extra)
        .map(Arc::new)
        .map_err(|error| format!("TLS cannot be used: {error}"))
}

/// Says in words why TLS failed.
pub(crate) fn failure(host: &str, port: u16, error: &std::io::Error) -> String {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(error) = inner else {
        return format!(
            "{host} closed the connection during the TLS handshake ({}).",
            words(error)
        );
    };
    let rustls::Error::InvalidCertificate(problem) = error else {
        return format!(
            "{host} does not speak TLS correctly on port {port} ({error}); check port and TLS in the settings."
        );
    };
    let why = match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it was not issued by a trusted authority".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another host".to_owned()
        }
        problem if ::tls::is_self_signed(problem) => "it is self-signed".to_owned(),
        other => format!("{other}"),
    };
    format!("The certificate of {host} is not accepted: {why}. Nothing was sent.")
}
