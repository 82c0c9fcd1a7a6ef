//! Publishing each account's events apart, once batches get no answer again and again.
//!
//! It may be that the functions are down, or that one event keeps them from answering. Which of them it is, others
//! tell: only while they answer on somebody else's events, something is done about those on which they do not. Messages
//! are deferred by themselves, as where an archive cannot be written, and looked at one by one there. What changes connections
//! is published one by one here, and set aside after [`MAX_TRIES`] times. While nobody gets an answer, everything waits.

use std::collections::HashMap;

use protocol::{AccountName, EventReceipt, WaitingAccount};
use tokio::time::Instant;

use super::attempts::MAX_TRIES;
use super::deferred::DeferredPublisher;
use super::pending::Piece;
use super::{Publisher, Trouble};
use crate::metrics::add;
use connector_kit::FunctionsError;

/// Batches without an answer after which accounts are published apart.
const LONG: u32 = 3;
/// Pieces without an answer after which a round ends, if there was no answer at all: each may take as long as a request.
const ENOUGH: usize = 2;

type Key = (Option<AccountName>, bool);

fn key(piece: &Piece) -> Key {
    (piece.account.clone(), piece.messages)
}

/// What got no answer lately.
#[derive(Debug, Default)]
pub(super) struct Silence {
    batches: u32,
    /// How often pieces got none.
    pieces: HashMap<Key, u32>,
    /// How often changes got none, while others got one; by the account.
    tries: HashMap<Option<AccountName>, u32>,
}

impl Silence {
    pub(super) fn note(&mut self, sent: &Result<(), Trouble>) {
        match sent {
            Ok(()) => self.batches = 0,
            Err(Trouble::Functions(error)) if error.is_silence() => self.batches += 1,
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
    /// Publishes what is due of each account by itself; those that got an answer before go first.
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
                Err(Trouble::Functions(error)) if error.is_silence() => {
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
            // Those that got none come last, after a pause.
            Some(error) => Err(error.into()),
        }
    }

    /// Keeps what got no answer, while others did, from holding up anybody else.
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
                retry_after: 0,
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
                self.attempts.give_up(record)?;
                add(&self.metrics.set_aside);
            }
            self.pending.done(&piece.batch, Instant::now());
            self.silence.answered(piece);
        }
        self.mark();
        Ok(())
    }
}
