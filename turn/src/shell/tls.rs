//! Certificate and key.

use std::sync::Arc;

use rustls::ServerConfig;
use tls::{Part, server_config};

use super::StartError;
use crate::config::TlsFiles;

/// Reads the files.
pub(super) fn server(files: &TlsFiles) -> Result<Arc<ServerConfig>, StartError> {
    server_config(&files.certificate, &files.key).map_err(|error| StartError::Tls {
        key: match error.part {
            Part::Certificate => "tls-certificate",
            Part::Key => "tls-key",
        },
        path: error.path,
        reason: error.reason,
    })
}
