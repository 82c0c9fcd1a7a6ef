//! Bounds that capabilities announce.

/// Keys per account.
pub(super) const MAX_KEYS: usize = 10;

/// Keys that a client may subscribe to.
pub(super) const MAX_SUBS: usize = 20;

/// Maximum length of a value, in bytes.
pub(super) const MAX_VALUE: usize = 300;

/// Bytes of a message, line feeds included.
pub(super) const MAX_MESSAGE_BYTES: usize = 4_096;

/// Lines of a message: each costs everybody who reads it a line with the sender's name.
pub(super) const MAX_MESSAGE_LINES: usize = 32;
