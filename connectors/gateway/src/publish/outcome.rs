//! Responses of the functions to published events: counted, and logged where events are refused, which are set aside
//! by then (`attempts.rs`).
//!
//! Someone on a network may be the cause, so the log gets one line per minute; the metrics count all.

use std::sync::atomic::Ordering::Relaxed;

use program::Seldom;
use protocol::EventReceipt;

use crate::metrics::Metrics;

static REFUSED: Seldom = Seldom::new();

/// The functions stored the events, except those they refused permanently.
pub(super) fn confirmed(receipt: &EventReceipt, metrics: &Metrics) {
    let refused = receipt.refused.len() as u64;
    metrics.refused.fetch_add(refused, Relaxed);
    metrics.published.fetch_add(receipt.stored as u64, Relaxed);
    if let Some(first) = receipt.refused.first()
        && let Some(left_out) = REFUSED.say()
    {
        tracing::error!(
            id = first.id,
            reason = first.reason,
            refused,
            left_out,
            "the functions refused an event permanently; it is kept in the spool's folder aside/, unless that is full"
        );
    }
}

#[cfg(test)]
mod tests {
    use protocol::RefusedEvent;

    use super::*;

    #[test]
    fn what_is_stored_and_what_is_lost_is_counted() {
        let metrics = Metrics::default();
        let refused = |id: &str| RefusedEvent {
            id: id.to_owned(),
            reason: "it is a test".to_owned(),
        };
        let receipt = EventReceipt {
            stored: 3,
            refused: vec![refused("1"), refused("2")],
            ..EventReceipt::default()
        };
        confirmed(&receipt, &metrics);
        confirmed(&receipt, &metrics);
        assert_eq!(metrics.published.load(Relaxed), 6);
        assert_eq!(metrics.refused.load(Relaxed), 4);
    }
}
