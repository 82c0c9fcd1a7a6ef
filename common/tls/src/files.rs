//! The configuration of a server, from a certificate and a key in PEM files (RFC 7468).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::provider;

/// One of the two files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The certificate, with its intermediate ones.
    Certificate,
    /// Its private key.
    Key,
}

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used: {reason}", path.display())]
pub struct FilesError {
    /// Which of the two.
    pub part: Part,
    /// Its path.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a certificate chain and its key, and creates a configuration that presents them to every client; clients need
/// no certificate.
///
/// # Errors
/// One sentence that names the file: it cannot be read, contains nothing of its kind, or the two do not match.
pub fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, FilesError> {
    let wrong = |part, path: &Path| {
        let path = path.to_owned();
        move |reason: String| FilesError { part, path, reason }
    };
    let of_certificate = wrong(Part::Certificate, certificate);
    let chain: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = match chain {
        Ok(chain) if chain.is_empty() => {
            return Err(of_certificate("it holds no certificate".to_owned()));
        }
        Ok(chain) => chain,
        Err(error) => return Err(of_certificate(error.to_string())),
    };
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| error.to_string())
        .map_err(wrong(Part::Key, key))?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| of_certificate(error.to_string()))?;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_that_is_to_blame_is_named_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["own", "other"] {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(at(&format!("{name}.pem")), made.cert.pem()).unwrap();
            let key = made.signing_key.serialize_pem();
            fs::write(at(&format!("{name}.key")), key).unwrap();
        }
        fs::write(at("text"), "neither").unwrap();
        assert!(server_config(&at("own.pem"), &at("own.key")).is_ok());
        for (certificate, key, part, file) in [
            ("missing", "own.key", Part::Certificate, "missing"),
            ("text", "own.key", Part::Certificate, "text"),
            ("own.pem", "missing", Part::Key, "missing"),
            ("own.pem", "text", Part::Key, "text"),
            ("own.pem", "own.pem", Part::Key, "own.pem"),
            ("own.pem", "other.key", Part::Certificate, "own.pem"),
        ] {
            let error = server_config(&at(certificate), &at(key)).unwrap_err();
            assert_eq!((error.part, &error.path), (part, &at(file)), "{error}");
            let said = error.to_string();
            let begin = format!("{} cannot be used: ", at(file).display());
            assert!(said.starts_with(&begin) && !said.contains('\n'), "{said}");
        }
        let error = server_config(&at("text"), &at("own.key")).unwrap_err();
        assert_eq!(error.reason, "it holds no certificate");
    }
}
