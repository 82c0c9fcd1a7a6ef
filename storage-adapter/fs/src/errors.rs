//! What the system's errors mean.

use std::io;

use rustix::io::Errno;
use storage_adapter::StoreError;

/// Said when nothing fits any more.
const FULL: &str = "the disk is full; the operator must make room";

/// Nothing has happened yet.
pub(crate) fn before(error: impl Into<io::Error>) -> StoreError {
    let error = error.into();
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NOTDIR) => StoreError::NotFound,
        // The last one: the file may not grow any more.
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => StoreError::Full(FULL.to_owned()),
        Some(Errno::NAMETOOLONG) => StoreError::refused("the key is too long"),
        Some(Errno::ROFS) => StoreError::refused(error),
        Some(Errno::ACCESS | Errno::PERM) => StoreError::denied(error),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// Something may have happened.
pub(crate) fn after(error: io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
