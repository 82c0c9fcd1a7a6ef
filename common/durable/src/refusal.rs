//! Errors for clients while a disk refuses.

use std::io;

/// Why something could not be stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no space: the operator's disk, quota, or limit.
    #[error("the server's disk is full")]
    Full,
    /// The disk failed.
    #[error("the server's disk cannot be written ({0})")]
    Failed(io::ErrorKind),
}

impl From<io::ErrorKind> for Refusal {
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            // The last one: the file must not grow any further.
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            other => Self::Failed(other),
        }
    }
}

impl From<&io::Error> for Refusal {
    fn from(error: &io::Error) -> Self {
        error.kind().into()
    }
}

/// Returns whether the disk is full, or our part of it.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    Refusal::from(error) == Refusal::Full
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_full_disk_is_that_it_is_full() {
        for kind in [
            io::ErrorKind::StorageFull,
            io::ErrorKind::QuotaExceeded,
            io::ErrorKind::FileTooLarge,
        ] {
            assert_eq!(Refusal::from(kind).to_string(), "the server's disk is full");
        }
        let broken = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(!is_full(&broken));
        let said = Refusal::from(&broken).to_string();
        assert!(
            said.contains("cannot be written (permission denied)"),
            "{said}"
        );
    }
}
