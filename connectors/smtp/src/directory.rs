//! Which addresses exist, according to the functions, and how much mail each received recently.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use connector_kit::FunctionsClient;
use mutex::lock;
use program::Seldom;
use protocol::Bounded;

use crate::outgoing::Outgoing;
use crate::session::Recipient;

/// How long an answer is cached.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// How long it is cached that an address does not exist.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// Maximum number of addresses cached.
const MAX_REMEMBERED: usize = 10_000;
/// The period over which an address's mails are counted.
const WINDOW: Duration = Duration::from_secs(3_600);

static NOT_FOUND: Seldom = Seldom::new();

/// Asks the functions, with a short-lived cache.
#[derive(Debug)]
pub(crate) struct Directory {
    client: FunctionsClient,
    answers: Mutex<Bounded<String, (bool, Instant)>>,
    counts: Mutex<Bounded<String, (u32, Instant)>>,
    per_hour: u32,
    outgoing: Option<Arc<Outgoing>>,
}

impl Directory {
    pub(crate) fn new(
        client: FunctionsClient,
        per_hour: u32,
        outgoing: Option<Arc<Outgoing>>,
    ) -> Self {
        Self {
            client,
            answers: Mutex::new(Bounded::new(MAX_REMEMBERED)),
            counts: Mutex::new(Bounded::new(MAX_REMEMBERED)),
            per_hour,
            outgoing,
        }
    }

    /// Looks up whether an address exists. An unknown answer is reported as unknown, never as non-existent.
    pub(crate) async fn find(&self, address: &str) -> Recipient {
        if self
            .outgoing
            .as_ref()
            .is_some_and(|outgoing| outgoing.is_bounce_address(address))
        {
            return Recipient::Known;
        }
        let known = match self.remembered(address) {
            Some(known) => known,
            None => match self.client.mail_address(address).await {
                Ok(known) => {
                    self.remember(address, known);
                    known
                }
                Err(error) => {
                    if let Some(left_out) = NOT_FOUND.say() {
                        tracing::warn!(%error, left_out, "an address cannot be looked up");
                    }
                    return Recipient::Unavailable;
                }
            },
        };
        match known {
            false => Recipient::Unknown,
            true if self.is_busy(address) => Recipient::Busy,
            true => Recipient::Known,
        }
    }

    /// Counts a mail that was accepted for an address.
    pub(crate) fn count(&self, address: &str) {
        let now = Instant::now();
        let mut counts = lock(&self.counts);
        match counts.get_mut(address) {
            Some((count, since)) if now.duration_since(*since) < WINDOW => *count += 1,
            // It is then the newest: periods that started first end first, and are forgotten first.
            _ => drop(counts.insert(address.to_owned(), (1, now))),
        }
    }

    fn is_busy(&self, address: &str) -> bool {
        let counts = lock(&self.counts);
        counts
            .get(address)
            .is_some_and(|(count, since)| *count >= self.per_hour && since.elapsed() < WINDOW)
    }

    fn remembered(&self, address: &str) -> Option<bool> {
        let answers = lock(&self.answers);
        let (known, until) = answers.get(address)?;
        (Instant::now() < *until).then_some(*known)
    }

    fn remember(&self, address: &str, known: bool) {
        let now = Instant::now();
        let until = now + if known { KNOWN_FOR } else { UNKNOWN_FOR };
        let mut answers = lock(&self.answers);
        answers.insert(address.to_owned(), (known, until));
    }
}
