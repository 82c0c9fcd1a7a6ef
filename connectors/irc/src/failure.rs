//! Why a connection could not be made.

use crate::Fingerprint;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence.
    pub(crate) reason: String,
    /// The certificate of the server, if that is the reason.
    pub(crate) certificate: Option<Fingerprint>,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self {
            reason,
            certificate: None,
        }
    }
}
