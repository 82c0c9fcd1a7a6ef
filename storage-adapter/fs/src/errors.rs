//! Classifies the system's errors.

use std::io;

use rustix::io::Errno;
use storage_adapter::StoreError;

/// The error when there is no space at all.
const FULL: &str = "the disk is full; the operator must free space";

/// For errors before anything has happened.
pub(crate) fn before(error: impl Into<io::Error>) -> StoreError {
    let error = error.into();
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NOTDIR) => StoreError::NotFound,
        // The last one: the file must not grow any further.
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => StoreError::Full(FULL.to_owned()),
        Some(Errno::NAMETOOLONG) => StoreError::refused("the key is too long"),
        Some(Errno::ROFS) => StoreError::refused(error),
        Some(Errno::ACCESS | Errno::PERM) => StoreError::denied(error),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// For errors after which something may have happened.
pub(crate) fn after(error: io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
