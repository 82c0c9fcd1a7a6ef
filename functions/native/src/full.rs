//! Reports a full disk to the operator: in the log, at most once a minute, and as a metric.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use functions_core::{Body, DiskFull};
use http::Response;
use mutex::lock;

/// The shortest time between two log lines about it.
const APART: Duration = Duration::from_secs(60);

static ANSWERS: AtomicU64 = AtomicU64::new(0);
static SAID: Mutex<Option<Instant>> = Mutex::new(None);

/// Returns how many requests were refused because the disk is full.
#[must_use]
pub fn full_disk_answers() -> u64 {
    ANSWERS.load(Ordering::Relaxed)
}

/// Checks a response.
pub(crate) fn note(response: &Response<Body>) {
    if response.extensions().get::<DiskFull>().is_none() {
        return;
    }
    let refused = ANSWERS.fetch_add(1, Ordering::Relaxed) + 1;
    let mut said = lock(&SAID);
    if said.is_none_or(|said| said.elapsed() >= APART) {
        *said = Some(Instant::now());
        tracing::error!(
            refused,
            "the disk of the storage is full: requests that store something are refused with 507 until there is space"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_counts() {
        let before = full_disk_answers();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::INSUFFICIENT_STORAGE;
        note(&response);
        assert_eq!(full_disk_answers(), before);
        response.extensions_mut().insert(DiskFull);
        note(&response);
        note(&response);
        assert_eq!(full_disk_answers(), before + 2);
    }
}
