//! The time and random numbers, which are passed to a session because it must not obtain them itself.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::Timestamp;

/// Returns the time of day.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A random number, or the time on a system without randomness: ids only need to differ.
pub(crate) fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| now().millis().unsigned_abs())
}
