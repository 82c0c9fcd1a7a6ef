//! Publishing each account's events apart, once batches get no answer again and again, or the one that the functions cannot take
//! them now.
//!
//! It may be that the functions or their store are down, or that one event or one account's records keep them from taking
//! what they are sent. Which of them it is, others
//! tell: only while they take somebody else's events, something is done about those that they do not. Messages
//! are deferred by themselves, as where an archive cannot be written, and looked at one by one there. What changes connections
//! is published one by one here, and set aside after [`MAX_TRIES`] times. While they take nobody's, everything waits: a round is
//! [`ENOUGH`] requests, and the pauses between rounds grow.

use std::collections::HashMap;

use protocol::{AccountName, EventReceipt, WaitingAccount};
use tokio::time::Instant;

use super::attempts::MAX_TRIES;
use super::deferred::DeferredPublisher;
use super::pending::Piece;
use super::{Publisher, Trouble};
use crate::metrics::add;
use connector_kit::FunctionsError;

/// Batches that were not taken after which accounts are published apart.
const LONG: u32 = 3;
/// Pieces that were not taken after which a round ends, if none was: each may take as long as a request.
const ENOUGH: usize = 2;

type Key = (Option<AccountName>, bool);

/// Whether it may be what was published that keeps the functions from taking it.
fn may_be_the_events(error: &FunctionsError) -> bool {
    error.is_silence() || matches!(error, FunctionsError::Status { status: 503, .. })
}

fn key(piece: &Piece) -> Key {
    (piece.account.clone(), piece.messages)
}

/// What was not taken lately.
#[derive(Debug, Default)]
pub(super) struct Silence {
    batches: u32,
    /// How often pieces were not taken.
    pieces: HashMap<Key, u32>,
    /// How often changes were not taken, while others were; by the account.
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
    /// Publishes what is due of each account by itself; those that were taken before go first.
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
            // Those that were not taken come last, after a pause.
            Some(error) => Err(error.into()),
        }
    }

    /// Keeps what was not taken, while others were, from holding up anybody else.
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
