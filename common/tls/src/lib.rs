//! TLS as every program here speaks it: rustls with ring, TLS 1.2 and 1.3 (RFC 8446), the system's roots, certificates
//! from files that are read once, at the start.

mod client;
mod files;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use client::{client_config, trusting};
pub use files::{FilesError, Part, server_config};

/// The cryptography. It is named in each configuration instead of being installed for the process, which can be done only
/// once and is not a library's to decide.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
