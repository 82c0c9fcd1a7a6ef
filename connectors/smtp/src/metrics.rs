//! Counters in Prometheus's text format.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use metrics::{Exposition, Pages};

use crate::outgoing::{Counts, Outgoing};
use crate::queue::Queue;

/// Shows the state of both queues.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) queue: Arc<Queue>,
    pub(crate) outgoing: Option<Arc<Outgoing>>,
}

impl Pages for Counted {
    fn metrics(&self) -> String {
        text(&Numbers {
            waiting: self.queue.waiting(),
            broken: self.queue.broken(),
            damaged: self.queue.damaged(),
            outgoing: self.outgoing.as_ref().map(|outgoing| OutgoingNumbers {
                waiting: outgoing.waiting(),
                broken: outgoing.broken(),
                damaged: outgoing.damaged(),
                counts: &outgoing.counts,
            }),
        })
    }
}

/// The values shown.
#[derive(Debug)]
struct Numbers<'a> {
    waiting: usize,
    broken: usize,
    damaged: usize,
    outgoing: Option<OutgoingNumbers<'a>>,
}

/// The values for outgoing mail.
#[derive(Debug)]
struct OutgoingNumbers<'a> {
    waiting: usize,
    broken: usize,
    damaged: usize,
    counts: &'a Counts,
}

fn text(numbers: &Numbers<'_>) -> String {
    let mut text = Exposition::new("subspace_smtp_");
    text.gauge(
        "incoming_waiting",
        "Mails that the functions do not have yet.",
        numbers.waiting,
    );
    text.gauge(
        "incoming_broken",
        "Mails kept aside in incoming/broken because processing them did not complete.",
        numbers.broken,
    );
    text.gauge(
        "incoming_damaged",
        "Mails in incoming that cannot be read.",
        numbers.damaged,
    );
    let Some(outgoing) = &numbers.outgoing else {
        return text.finish();
    };
    text.gauge(
        "outgoing_broken",
        "Mails kept aside in outgoing/broken because processing them did not complete.",
        outgoing.broken,
    );
    text.gauge(
        "outgoing_damaged",
        "Mails in outgoing that cannot be read, or whose outcome cannot be read.",
        outgoing.damaged,
    );
    text.gauge(
        "outgoing_waiting",
        "Mails waiting to be sent.",
        outgoing.waiting,
    );
    let counts = outgoing.counts;
    text.counter(
        "outgoing_sent_total",
        "Mails that another server accepted.",
        counts.sent.load(Relaxed),
    );
    text.counter(
        "outgoing_undeliverable_total",
        "Mails whose address was refused.",
        counts.undeliverable.load(Relaxed),
    );
    text.counter(
        "outgoing_failed_total",
        "Mails that could not be sent for other reasons.",
        counts.failed.load(Relaxed),
    );
    text.counter(
        "outgoing_retries_total",
        "Attempts that have to be repeated.",
        counts.retries.load(Relaxed),
    );
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_help_are_those_that_dashboards_know() {
        let counts = Counts {
            sent: 5.into(),
            undeliverable: 6.into(),
            failed: 7.into(),
            retries: 8.into(),
        };
        let mut numbers = Numbers {
            waiting: 1,
            broken: 2,
            damaged: 9,
            outgoing: Some(OutgoingNumbers {
                broken: 3,
                damaged: 10,
                waiting: 4,
                counts: &counts,
            }),
        };
        let expected = include_str!("../tests/metrics.txt");
        assert_eq!(text(&numbers), expected);
        // Without outgoing mail, its values are left out.
        numbers.outgoing = None;
        let (incoming, _) = expected
            .split_once("# HELP subspace_smtp_outgoing")
            .unwrap();
        assert_eq!(text(&numbers), incoming);
    }
}
