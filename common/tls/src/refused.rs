//! Why a certificate is not accepted, beyond what rustls says itself.

use rustls::CertificateError;

/// Returns whether a server shows the certificate of an authority, which nobody issued but itself, as its own.
///
/// A certificate that somebody made for a single server without an authority is usually such a one.
#[must_use]
pub fn is_self_signed(error: &CertificateError) -> bool {
    let CertificateError::Other(other) = error else {
        return false;
    };
    matches!(
        other.0.downcast_ref::<webpki::Error>(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{Error, RootCertStore};

    use super::*;

    fn certificate(is_ca: IsCa) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["chat.example.org".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn authority() -> CertificateDer<'static> {
        certificate(IsCa::Ca(BasicConstraints::Unconstrained))
    }

    /// As a client with other roots refuses it.
    fn refused(certificate: &CertificateDer<'_>) -> CertificateError {
        let mut roots = RootCertStore::empty();
        roots.add(authority()).unwrap();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crate::provider())
                .build()
                .unwrap();
        let name = ServerName::try_from("chat.example.org").unwrap();
        match verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()) {
            Err(Error::InvalidCertificate(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    /// It fails as well if rustls takes another version of webpki than this package does.
    #[test]
    fn an_authority_that_is_shown_as_a_server_is_self_signed() {
        assert!(is_self_signed(&refused(&authority())));
        assert!(!is_self_signed(&refused(&certificate(IsCa::NoCa))));
        assert!(!is_self_signed(&CertificateError::Expired));
    }
}
