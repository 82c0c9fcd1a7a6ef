//! Which conditions of writes a server decides, and why a store without them cannot be used.

use storage_adapter::StoreError;

/// What a server decides by itself; all of them decide conditions of objects written in one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conditions {
    /// Conditions of objects written in parts, too.
    pub parts: bool,
}

/// A store cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server refuses, or cannot be reached.
    #[error("{place} cannot be used: {source}")]
    Store {
        /// Which bucket.
        place: String,
        /// Why.
        source: StoreError,
    },
    /// The server ignores conditions.
    #[error(
        "{place} does not decide conditions of writes (If-Match, If-None-Match), so it is safe with one writing \
         process only: if this is the only one, set SUBSPACE_S3_SINGLE_WRITER (single-writer) to true, else \
         choose another server"
    )]
    NoConditions {
        /// Which bucket.
        place: String,
    },
}

/// Why a bucket that several write to cannot be on such a server.
pub(crate) const NO_CONDITIONS: &str = "its server does not decide conditions of writes (If-Match, If-None-Match), without \
     which one of two writes at once gets lost; choose another server";
