//! TLS for all programs: rustls with ring, TLS 1.2 and 1.3 (RFC 8446), the system's roots, certificates from files that
//! are read once, at the start.

mod client;
mod files;
mod refused;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};

pub use client::{Identity, checked_by, client_config, trusting, verifier};
pub use files::{FilesError, Part, server_config};
pub use refused::is_self_signed;

/// The cryptography provider. It is passed to each configuration instead of being installed for the process, which can
/// only be done once and is not up to a library.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Returns the signatures that are understood, for what checks certificates itself.
#[must_use]
pub fn signatures() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}
