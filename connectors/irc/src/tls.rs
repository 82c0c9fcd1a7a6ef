//! TLS with the system's certificates, and with those that a person accepted.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest, Sha256};

use crate::Fingerprint;
use crate::failure::Failure;
use crate::identities::Identity;
use crate::io_words::words;

/// What certificates are checked with.
#[derive(Clone, Debug)]
pub(crate) struct Trust(Option<Arc<WebPkiServerVerifier>>);

impl Trust {
    /// Takes the system's certificates and those that were added.
    pub(crate) fn new(extra: &[CertificateDer<'static>]) -> Self {
        Self(::tls::verifier(extra))
    }

    /// Prepares one connection: a certificate has to be valid, or the accepted one.
    pub(crate) fn check(&self, accepted: Option<Fingerprint>) -> Arc<Check> {
        Arc::new(Check {
            valid: self.0.clone(),
            accepted,
            seen: OnceLock::new(),
        })
    }
}

/// Checks the certificate of one connection.
#[derive(Debug)]
pub(crate) struct Check {
    valid: Option<Arc<WebPkiServerVerifier>>,
    accepted: Option<Fingerprint>,
    seen: OnceLock<Fingerprint>,
}

impl Check {
    /// The certificate that was shown, if it came to that.
    pub(crate) fn seen(&self) -> Option<Fingerprint> {
        self.seen.get().copied()
    }

    /// The configuration of the connection; a server that asks for a certificate gets `identity`.
    pub(crate) fn config(
        self: &Arc<Self>,
        identity: Option<&Identity>,
    ) -> Result<Arc<ClientConfig>, String> {
        let presented = identity.map(Identity::presented);
        ::tls::checked_by(Arc::clone(self) as Arc<dyn ServerCertVerifier>, presented)
            .map(Arc::new)
            .map_err(|error| format!("TLS cannot be used: {error}"))
    }
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen: Fingerprint = Sha256::digest(end_entity).into();
        let seen = *self.seen.get_or_init(|| seen);
        if self.accepted == Some(seen) {
            return Ok(ServerCertVerified::assertion());
        }
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        self.valid.as_ref().ok_or(unknown)?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    // That the server has the key of its certificate is checked whatever the certificate is.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ::tls::signatures();
        rustls::crypto::verify_tls12_signature(message, cert, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ::tls::signatures();
        rustls::crypto::verify_tls13_signature(message, cert, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ::tls::signatures().supported_schemes()
    }
}

/// Says in words why TLS failed.
pub(crate) fn failure(host: &str, port: u16, error: &std::io::Error, check: &Check) -> Failure {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    let Some(error) = inner else {
        return format!(
            "{host} closed the connection during the TLS handshake ({}).",
            words(error)
        )
        .into();
    };
    let Error::InvalidCertificate(problem) = error else {
        return format!(
            "{host} does not speak TLS on port {port} as it should ({error}); check port and TLS in the settings."
        )
        .into();
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
    let changed = if check.accepted.is_some() {
        ", and it is not the one that you accepted"
    } else {
        ""
    };
    Failure {
        reason: format!(
            "The certificate of {host} is not accepted: {why}{changed}. Nothing was sent."
        ),
        certificate: check.seen(),
    }
}
