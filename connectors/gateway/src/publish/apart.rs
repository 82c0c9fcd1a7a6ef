//! Publishes each account's events separately once batches repeatedly get no response, or the response that the
//! functions cannot take them now.
//!
//! Either the functions or their store are down, or one event or one account's records prevent them from accepting a
//! batch. Other accounts' events show which: only while the functions accept those is anything done about events they
//! do not accept. Messages are then deferred, as if the archive could not be written, and examined one by one there.
//! Events that change connections are published one by one here, and set aside after [`MAX_TRIES`] attempts. While
//! the functions accept nobody's events, everything waits: a round consists of [`ENOUGH`] requests, and the pauses
//! between rounds grow.

use std::collections::HashMap;

use protocol::{AccountName, EventReceipt, WaitingAccount};
use tokio::time::Instant;

use super::attempts::MAX_TRIES;
use super::deferred::DeferredPublisher;
use super::pending::Piece;
use super::{Publisher, Trouble};
use crate::metrics::add;
use connector_kit::FunctionsError;

/// Number of failed batches after which accounts are published separately.
const LONG: u32 = 3;
/// Number of failed pieces after which a round without success ends: each may take as long as a request.
const ENOUGH: usize = 2;

type Key = (Option<AccountName>, bool);

/// Returns whether the published events may be the reason why the functions cannot accept them now.
fn may_be_the_events(error: &FunctionsError) -> bool {
    error.is_silence() || matches!(error, FunctionsError::Status { status: 503, .. })
}

fn key(piece: &Piece) -> Key {
    (piece.account.clone(), piece.messages)
}

/// Recent failures.
#[derive(Debug, Default)]
pub(super) struct Silence {
    batches: u32,
    /// How often each piece failed.
    pieces: HashMap<Key, u32>,
    /// How often each account's changes failed while others' succeeded.
    tries: HashMap<Option<AccountName>, u32>,
}

impl Silence {
    pub(super) fn note(&mut self, sent: &Result<(), Trouble>) {
        match sent {
            Ok(()) => self.batches = 0,
            Err(Trouble::Functions(error)) if may_be_the_events(error) => self.batches += 1,
            Err(_) => {}
        }
    }

    pub(super) const fn is_long(&self) -> bool {
        self.batches >= LONG
    }

    fn answered(&mut self, piece: &Piece) {
        self.pieces.remove(&key(piece));
        if !piece.messages {
            self.tries.remove(&piece.account);
        }
    }
}

impl Publisher {
    /// Publishes each account's due events separately; those accepted before go first.
    pub(super) async fn publish_apart(
        &mut self,
        all: bool,
        deferred: &mut DeferredPublisher,
    ) -> Result<(), Trouble> {
        let (most, bytes) = (self.most, self.config.batch_bytes);
        let mut pieces = self.pending.pieces(Instant::now(), all, most, bytes);
        pieces.sort_by_key(|piece| self.silence.pieces.get(&key(piece)).copied());
        let (mut heard, mut silent) = (false, Vec::new());
        for piece in &pieces {
            match self.send(&piece.batch, deferred).await {
                Ok(()) => {
                    heard = true;
                    self.silence.answered(piece);
                }
                Err(Trouble::Functions(error)) if may_be_the_events(&error) => {
                    *self.silence.pieces.entry(key(piece)).or_default() += 1;
                    if heard {
                        self.isolate(piece, &error, deferred).await?;
                    }
                    silent.push(error);
                    if !heard && silent.len() >= ENOUGH {
                        break;
                    }
                }
                Err(other) => return Err(other),
            }
        }
        match silent.pop() {
            None => {
                self.silence = Silence::default();
                Ok(())
            }
            // Failed ones come last, after a pause.
            Some(error) => Err(error.into()),
        }
    }

    /// Prevents what failed, while others succeeded, from holding up everyone else.
    async fn isolate(
        &mut self,
        piece: &Piece,
        error: &FunctionsError,
        deferred: &mut DeferredPublisher,
    ) -> Result<(), Trouble> {
        if let (true, Some(account)) = (piece.messages, &piece.account) {
            let waiting = WaitingAccount {
                account: account.clone(),
                reason: error.to_string(),
                retry_after: error.retry_after().map_or(0, |after| after.as_secs()),
            };
            let receipt = EventReceipt {
                waiting: vec![waiting],
                ..EventReceipt::default()
            };
            self.set_aside(&receipt, deferred).await?;
            self.pending.forget(account);
            self.silence.answered(piece);
        } else {
            let tries = self.silence.tries.entry(piece.account.clone()).or_default();
            *tries += 1;
            if *tries < MAX_TRIES {
                return Ok(());
            }
            for record in &piece.batch.records {
                self.attempts.give_up(record, error)?;
                add(&self.metrics.set_aside);
            }
            self.pending.done(&piece.batch, Instant::now());
            self.silence.answered(piece);
        }
        self.mark();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_events_may_cause_counts_against_them() {
        let status = |status| FunctionsError::Status {
            status,
            detail: String::new(),
            retry_after: None,
        };
        let mut silence = Silence::default();
        for error in [status(400), status(401), status(429)] {
            assert!(!may_be_the_events(&error), "{error}");
            for _ in 0..LONG {
                silence.note(&Err(status(429).into()));
            }
            assert!(!silence.is_long());
        }
        for error in [
            status(500),
            status(503),
            FunctionsError::Silent(String::new()),
        ] {
            assert!(may_be_the_events(&error), "{error}");
        }
        for _ in 0..LONG {
            assert!(!silence.is_long());
            silence.note(&Err(status(503).into()));
        }
        assert!(silence.is_long());
        silence.note(&Ok(()));
        assert!(!silence.is_long());
    }
}
