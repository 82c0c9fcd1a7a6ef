//! Writers to one module that wait for a commit, in one process.
//!
//! A writer puts its intent into the module's queue and then waits for two things at once: its result, or its turn to
//! lead. The leader takes all waiting intents and commits them together. A future may be dropped at any point: intents
//! that a dropped leader had taken go back to the queue and the next writer leads; the intent of a dropped writer is
//! left out.
//!
//! [`Waiting::Polling`] is for hosts where a request must not wake another, and may never continue. There nobody waits
//! for another's I/O: waiting writers look again after a while, and leadership is a lease, renewed as long as its
//! holder is alive. After a lease has expired, the next leader takes over the intents that the old one had taken; if
//! the old one is still alive after all, both work on the same intents, and the attempts recorded with each keep that
//! exact.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

use mutex::lock;
use protocol::AccountName;

use super::index::RECENT_COMMITS;
use super::path::DocumentPath;
use super::shard::Shard;
use super::types::{DocumentInfo, Host, TreeError, Version, WriteCondition, Written};
use crate::store::StoreError;

/// The most intents that are committed together.
pub(super) const MAX_BATCH: usize = 256;
/// How long a polling leader may lead without renewing its lease, in milliseconds.
const LEASE: i64 = 3_000;
/// How long it sleeps between renewals, in milliseconds.
const RENEWAL: u64 = 500;
/// How long a polling writer sleeps before it looks again, in milliseconds: at least this, and at most twice as long.
const LOOK_AGAIN: u64 = 20;

/// How writers to one module, in one process, wait for the commit that includes theirs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Waiting {
    /// The committing writer wakes them.
    #[default]
    Woken,
    /// They look again every few milliseconds. For hosts such as Workers, where a request must not be woken by another
    /// one, and may be frozen for good wherever it waits.
    Polling,
}

pub(super) type Outcome = Result<Vec<Written>, TreeError>;

/// One change, whose bytes are stored already.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) path: DocumentPath,
    pub(super) condition: WriteCondition,
    /// The new document; `None` to delete.
    pub(super) put: Option<DocumentInfo>,
    /// Whether the version that it replaces is worth keeping.
    pub(super) keeps: bool,
}

/// Changes that happen together or not at all.
#[derive(Debug)]
pub(super) struct Intent {
    pub(super) ops: Vec<Op>,
    pub(super) quota: Option<u64>,
    state: Mutex<IntentState>,
}

/// A commit that may have happened, and its result.
#[derive(Debug)]
struct Attempt {
    commit: Version,
    serial: u64,
    outcome: Outcome,
}

#[derive(Debug, Default)]
struct IntentState {
    attempts: Vec<Attempt>,
    result: Option<Outcome>,
    waker: Option<Waker>,
    abandoned: bool,
}

impl Intent {
    pub(super) fn new(ops: Vec<Op>, quota: Option<u64>) -> Self {
        Self {
            ops,
            quota,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, IntentState> {
        lock(&self.state)
    }

    /// Records a commit whose response may get lost, on a head with this serial number.
    pub(super) fn attempt(&self, commit: &Version, serial: u64, outcome: Outcome) {
        self.state().attempts.push(Attempt {
            commit: commit.clone(),
            serial,
            outcome,
        });
    }

    /// Removes a commit that the store reports as not having happened: that stays certain, however many commits others
    /// make before the next look at the head.
    pub(super) fn refused(&self, commit: &Version) {
        self.state().attempts.retain(|one| one.commit != *commit);
    }

    /// Determines the outcome of earlier attempts, from a head's last commits and serial number.
    pub(super) fn settle(&self, recent: &[Version], serial: u64) {
        let outcome = {
            let mut state = self.state();
            if let Some(attempt) = state
                .attempts
                .iter()
                .find(|one| recent.contains(&one.commit))
            {
                attempt.outcome.clone()
            } else if state
                .attempts
                .iter()
                .any(|one| serial > one.serial + RECENT_COMMITS as u64)
            {
                // More commits since then than a head remembers: the outcome can no longer be determined.
                Err(lost_reply())
            } else {
                // Others have taken their place: these can never happen any more.
                state.attempts.retain(|one| serial <= one.serial);
                return;
            }
        };
        self.finish(outcome);
    }

    /// Gives up; if an earlier attempt may have happened, or still may, the result says so.
    pub(super) fn fail(&self, error: TreeError) {
        let uncertain = !self.state().attempts.is_empty();
        // The error that an account cannot be written to does not imply either that nothing happened, and it says more.
        let says_why = matches!(error, TreeError::Store(StoreError::Account(_)));
        self.finish(Err(if uncertain && !says_why {
            lost_reply()
        } else {
            error
        }));
    }

    pub(super) fn finish(&self, outcome: Outcome) {
        let waker = {
            let mut state = self.state();
            state.result = Some(outcome);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Returns whether it has been decided.
    pub(super) fn is_decided(&self) -> bool {
        self.state().result.is_some()
    }

    fn is_settled(&self) -> bool {
        let state = self.state();
        state.abandoned || state.result.is_some()
    }
}

fn lost_reply() -> TreeError {
    TreeError::Store(StoreError::Unavailable(
        "the reply to a write was lost".to_owned(),
    ))
}

/// The queues of all modules that are being written.
#[derive(Debug, Default)]
pub(super) struct Queues {
    by_key: Mutex<HashMap<String, Arc<Queue>>>,
}

/// One module's queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) account: AccountName,
    pub(super) shard: Shard,
    /// The head's key.
    pub(super) key: String,
    pending: Mutex<Vec<Arc<Intent>>>,
    leader: async_lock::Mutex<()>,
    lease: Mutex<Lease>,
}

/// Who leads among polling writers.
#[derive(Debug, Default)]
struct Lease {
    /// The leader's number; earlier ones have lost their lease.
    number: u64,
    /// When the lease ends, in milliseconds; after that nobody leads.
    until: i64,
    /// The intents that it has taken from the queue.
    in_hand: Vec<Arc<Intent>>,
}

impl Queue {
    fn pending(&self) -> MutexGuard<'_, Vec<Arc<Intent>>> {
        lock(&self.pending)
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        lock(&self.lease)
    }

    /// Takes the lease, and everything that waits, unless somebody leads.
    fn take_lease(self: &Arc<Self>, now: i64) -> Option<(u64, Batch)> {
        let mut lease = self.lease();
        // A clock that was set back does not prolong a lease.
        if now < lease.until && lease.until <= now + LEASE {
            return None;
        }
        lease.number += 1;
        lease.until = now + LEASE;
        let mut batch = Batch::take(self);
        for intent in std::mem::take(&mut lease.in_hand) {
            if !batch.intents.iter().any(|one| Arc::ptr_eq(one, &intent)) {
                batch.intents.push(intent);
            }
        }
        batch.intents.retain(|intent| !intent.is_settled());
        lease.in_hand.clone_from(&batch.intents);
        Some((lease.number, batch))
    }

    /// Renews the lease; returns whether it is still the caller's.
    fn renew_lease(&self, number: u64, now: i64) -> bool {
        let mut lease = self.lease();
        if lease.number == number {
            lease.until = now + LEASE;
        }
        lease.number == number
    }

    fn end_lease(&self, number: u64) {
        let mut lease = self.lease();
        if lease.number == number {
            lease.until = i64::MIN;
            lease.in_hand.clear();
        }
    }
}

impl Queues {
    /// Waits until the intent has been decided. `lead` commits a batch; one writer calls it at a time. The keys that it
    /// returns are to be deleted by its caller: others may lead by then.
    pub(super) async fn submit<F: Future<Output = Vec<String>>>(
        &self,
        account: &AccountName,
        shard: Shard,
        intent: Intent,
        lead: impl Fn(Batch) -> F,
    ) -> (Outcome, Vec<String>) {
        let place = self.enter(account, shard);
        let intent = Abandon(Arc::new(intent));
        let queue = &place.queue;
        queue.pending().push(Arc::clone(&intent.0));
        let mut left = Vec::new();
        loop {
            let mut turn = pin!(queue.leader.lock());
            let turn = poll_fn(|context| {
                {
                    let mut state = intent.0.state();
                    if state.result.is_some() {
                        return Poll::Ready(None);
                    }
                    state.waker = Some(context.waker().clone());
                }
                turn.as_mut().poll(context).map(Some)
            })
            .await;
            if let Some(result) = intent.0.state().result.take() {
                return (result, left);
            }
            if turn.is_some() {
                // Dropped, which puts back everything undecided, before the turn ends.
                left.extend(lead(Batch::take(queue)).await);
            }
        }
    }

    /// The same for [`Waiting::Polling`].
    pub(super) async fn submit_polling<H: Host, F: Future<Output = Vec<String>>>(
        &self,
        account: &AccountName,
        shard: Shard,
        intent: Intent,
        host: &H,
        lead: impl Fn(Batch) -> F,
    ) -> (Outcome, Vec<String>) {
        let place = self.enter(account, shard);
        let intent = Abandon(Arc::new(intent));
        let queue = &place.queue;
        queue.pending().push(Arc::clone(&intent.0));
        let mut left = Vec::new();
        loop {
            if let Some(result) = intent.0.state().result.take() {
                return (result, left);
            }
            let Some((number, batch)) = queue.take_lease(host.now().millis()) else {
                let mut random = [0; 8];
                host.random(&mut random);
                let jitter = u64::from_le_bytes(random) % (LOOK_AGAIN + 1);
                host.sleep(LOOK_AGAIN + jitter).await;
                continue;
            };
            let _end = EndLease(queue, number);
            let mut leading = pin!(lead(batch));
            let mut renewing = pin!(async {
                while queue.renew_lease(number, host.now().millis()) {
                    host.sleep(RENEWAL).await;
                }
            });
            // Until everything is decided, or another writer has taken over.
            let led = poll_fn(|context| match leading.as_mut().poll(context) {
                Poll::Ready(left) => Poll::Ready(left),
                Poll::Pending => {
                    let lost = Pin::as_mut(&mut renewing).poll(context);
                    lost.map(|()| Vec::new())
                }
            });
            left.extend(led.await);
        }
    }

    fn enter(&self, account: &AccountName, shard: Shard) -> Place<'_> {
        let key = shard.head_key(account);
        let mut queues = lock(&self.by_key);
        let queue = queues.entry(key.clone()).or_insert_with(|| {
            Arc::new(Queue {
                account: account.clone(),
                shard,
                key,
                pending: Mutex::default(),
                leader: async_lock::Mutex::default(),
                lease: Mutex::default(),
            })
        });
        Place {
            queues: self,
            queue: Arc::clone(queue),
        }
    }
}

/// A writer in a queue; the last one removes the queue.
struct Place<'a> {
    queues: &'a Queues,
    queue: Arc<Queue>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queues = lock(&self.queues.by_key);
        // The map and this place. Others can only enter under the lock that is held.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.queue.key);
        }
    }
}

/// Releases a lease.
struct EndLease<'a>(&'a Queue, u64);

impl Drop for EndLease<'_> {
    fn drop(&mut self) {
        self.0.end_lease(self.1);
    }
}

/// Removes an intent that nobody waits for.
struct Abandon(Arc<Intent>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.state().abandoned = true;
    }
}

/// Intents that a leader has taken. Those undecided when it is dropped go back.
pub(super) struct Batch {
    pub(super) queue: Arc<Queue>,
    intents: Vec<Arc<Intent>>,
}

impl Batch {
    fn take(queue: &Arc<Queue>) -> Self {
        let mut pending = queue.pending();
        let count = pending.len().min(MAX_BATCH);
        let intents = pending.drain(..count).collect();
        Self {
            queue: Arc::clone(queue),
            intents,
        }
    }

    /// Returns the undecided intents that are still wanted.
    pub(super) fn open(&mut self) -> &[Arc<Intent>] {
        self.intents.retain(|intent| !intent.is_settled());
        &self.intents
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.intents.retain(|intent| !intent.is_settled());
        if !self.intents.is_empty() {
            self.queue.pending().splice(..0, self.intents.drain(..));
        }
    }
}
