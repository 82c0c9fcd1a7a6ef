//! Which conditional writes a server supports, and why a store without them cannot be used.

use storage_adapter::StoreError;

/// The server's support for conditions beyond that of objects written in one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conditions {
    /// Conditions of multipart uploads as well.
    pub parts: bool,
}

/// A store cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server refuses, or cannot be reached.
    #[error("{place} cannot be used: {source}")]
    Store {
        /// The bucket.
        place: String,
        /// The cause.
        source: StoreError,
    },
    /// The server ignores conditions.
    #[error(
        "{place} does not decide conditions of writes (If-Match, If-None-Match), so it is safe with one writing \
         process only: if this is the only one, set SUBSPACE_S3_SINGLE_WRITER (single-writer) to true, else \
         choose another server"
    )]
    NoConditions {
        /// The bucket.
        place: String,
    },
}

/// Why a bucket with several writers cannot be on such a server.
pub(crate) const NO_CONDITIONS: &str = "its server does not decide conditions of writes (If-Match, If-None-Match), without \
     which one of two writes at once gets lost; choose another server";
