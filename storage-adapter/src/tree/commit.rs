//! Deciding writes against a head and swapping it.

use std::sync::Arc;

use model::Timestamp;

use super::heads::whole;
use super::index::{Allowance, Head, Index, RECENT_COMMITS, Superseded};
use super::queue::{Batch, Intent, Op, Outcome};
use super::quota::{Need, Room};
use super::types::{DocumentInfo, Host, TreeError, Version, Written};
use super::{Storage, format, version};
use crate::store::{BodyError, ETag, ObjectStore, PutMode, StoreError};

/// How often a commit is tried before the module counts as too busy.
const ATTEMPTS: u32 = 20;

/// What became of a batch in one pass over a head.
#[derive(Default)]
struct Decided {
    outcomes: Vec<(Arc<Intent>, Outcome)>,
    /// The first intent that needs more of the quota than the module may use.
    blocked: Option<(Arc<Intent>, Need)>,
}

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Decides all intents of a batch, and commits those that may.
    pub(super) async fn lead(&self, mut batch: Batch) {
        let queue = Arc::clone(&batch.queue);
        let mut known = self.shared.cache.get(&queue.key);
        let mut allowance = None;
        let mut last = TreeError::Busy;
        let mut attempt = 0;
        while attempt < ATTEMPTS {
            if batch.open().is_empty() {
                return;
            }
            let fresh = known.is_none();
            let head = match known.take() {
                Some(head) => head,
                None => match self.head(&queue.key).await {
                    Ok(head) => head,
                    Err(error) => return fail_all(&mut batch, &error),
                },
            };
            settle_attempted(&mut batch, &head);
            let mut draft = Draft::new(&head.index, version::new(&*self.host), self.host.now());
            if let Some(allowance) = allowance.take() {
                draft.index.allowance = allowance;
            }
            let Decided { outcomes, blocked } = self.decide(&mut draft, batch.open());
            if outcomes.iter().any(|(_, outcome)| outcome.is_ok()) {
                match self.swap(&queue, &head, draft, &outcomes).await {
                    Ok(()) => {
                        outcomes
                            .into_iter()
                            .for_each(|(intent, outcome)| intent.finish(outcome));
                        known = self.shared.cache.get(&queue.key);
                        continue;
                    }
                    // Some stores call it so if the object is not there.
                    Err(StoreError::Precondition | StoreError::NotFound) => last = TreeError::Busy,
                    Err(error @ StoreError::Unavailable(_)) => last = error.into(),
                    Err(error) => return fail_all(&mut batch, &error.into()),
                }
            } else if let Some((intent, need)) = blocked {
                match self
                    .make_room(&queue.account, &queue.shard, &head, need)
                    .await
                {
                    Ok(Room::Allowed(more)) => (allowance, known) = (Some(more), Some(head)),
                    Ok(Room::Full { limit, used }) => {
                        intent.fail(TreeError::Quota { limit, used });
                        known = Some(head);
                    }
                    Ok(Room::HeadChanged) => {}
                    Err(error) => return fail_all(&mut batch, &error),
                }
            } else if fresh {
                outcomes
                    .into_iter()
                    .filter_map(|(intent, outcome)| Some((intent, outcome.err()?)))
                    .for_each(|(intent, error)| intent.fail(error));
                continue;
            } else {
                // Refusals that were decided on a head from memory are decided again.
                continue;
            }
            attempt += 1;
            if known.is_none() {
                self.back_off(attempt).await;
            }
        }
        fail_all(&mut batch, &last);
    }

    /// Applies the intents one after the other.
    fn decide(&self, draft: &mut Draft, intents: &[Arc<Intent>]) -> Decided {
        let too_old = draft.now.plus_millis(-self.shared.options.grace_millis / 2);
        let mut decided = Decided::default();
        for intent in intents {
            match draft.apply_all(intent, too_old) {
                Ok(outcome) => decided.outcomes.push((Arc::clone(intent), outcome)),
                Err(need) => {
                    let waiting = intents.iter().flat_map(|intent| &intent.ops);
                    let wish = waiting
                        .filter_map(|op| op.put.as_ref())
                        .map(|put| put.length)
                        .sum();
                    decided.blocked = Some((Arc::clone(intent), Need { wish, ..need }));
                    break;
                }
            }
        }
        decided
    }

    /// Makes the draft the head's successor.
    async fn swap(
        &self,
        queue: &super::queue::Queue,
        head: &Head,
        draft: Draft,
        outcomes: &[(Arc<Intent>, Outcome)],
    ) -> Result<(), StoreError> {
        let commit = draft.commit.clone();
        let mut index = draft.finish(self.shared.options.keep_millis);
        let (bytes, page) = format::write(&mut index);
        if let Some(page) = page {
            let prefix = queue.shard.superseded_prefix(&queue.account);
            let key = format!("{prefix}{}", commit.0);
            self.store
                .put(&key, whole(page), PutMode::Overwrite)
                .await?;
        }
        // Another leader may have been quicker (see `Waiting::Polling`), and answered that nothing happened.
        if outcomes.iter().any(|(intent, _)| intent.is_decided()) {
            return Err(StoreError::Precondition);
        }
        // Before the swap: its reply may get lost, or this future be dropped.
        for (intent, outcome) in outcomes {
            intent.attempt(&commit, head.index.serial, outcome.clone());
        }
        let length = bytes.len();
        let swapped = self
            .store
            .put(&queue.key, whole(bytes), mode(head.etag.as_ref()))
            .await;
        match swapped {
            Ok(etag) => {
                index.set_etag(&etag);
                let head = Head {
                    etag: Some(etag),
                    index,
                    length,
                };
                self.shared.cache.insert(&queue.key, &Arc::new(head));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// The condition under which a head follows another.
pub(super) fn mode(etag: Option<&ETag>) -> PutMode {
    etag.cloned().map_or(PutMode::IfAbsent, PutMode::IfMatch)
}

/// Answers those whose commit turns out to have happened, although the reply was lost.
fn settle_attempted(batch: &mut Batch, head: &Head) {
    for intent in batch.open() {
        intent.settle(&head.index.recent, head.index.serial);
    }
}

fn fail_all(batch: &mut Batch, error: &TreeError) {
    for intent in batch.open() {
        intent.fail(error.clone());
    }
}

/// The next state of an index.
struct Draft {
    index: Index,
    commit: Version,
    now: Timestamp,
}

impl Draft {
    fn new(index: &Index, commit: Version, now: Timestamp) -> Self {
        Self {
            index: index.clone(),
            commit,
            now,
        }
    }

    /// Applies an intent or leaves everything as it was. Fails if there has to be room first.
    fn apply_all(&mut self, intent: &Intent, too_old: Timestamp) -> Result<Outcome, Need> {
        if let ([op], Some(limit)) = (intent.ops.as_slice(), intent.quota)
            && let Some(put) = &op.put
        {
            let old = self.index.document(names(op)).map_or(0, |info| info.length);
            let after = (self.index.bytes - old).saturating_add(put.length);
            // A refusal for another reason comes first.
            let refusal = self.check(op, put, too_old);
            return match refusal {
                Err(error) => Ok(Err(error)),
                Ok(()) => {
                    self.check_room(self.index.bytes, after, limit)?;
                    Ok(self.apply(op, too_old).map(|written| vec![written]))
                }
            };
        }
        let before = (intent.ops.len() > 1).then(|| self.index.clone());
        let written = intent
            .ops
            .iter()
            .map(|op| self.apply(op, too_old))
            .collect();
        if let Some(before) = before {
            let room = match (&written, intent.quota) {
                (Ok(_), Some(limit)) => self.check_room(before.bytes, self.index.bytes, limit),
                _ => Ok(()),
            };
            if written.is_err() || room.is_err() {
                self.index = before;
            }
            room?;
        }
        Ok(written)
    }

    /// What does not grow is never refused.
    fn check_room(&self, before: u64, after: u64, limit: u64) -> Result<(), Need> {
        let Allowance {
            limit: known,
            bytes: allowed,
        } = self.index.allowance;
        if after <= before || (known == limit && after <= allowed) {
            Ok(())
        } else {
            Err(Need {
                limit,
                bytes: after,
                grows: after - before,
                wish: 0,
            })
        }
    }

    fn check(&self, op: &Op, put: &DocumentInfo, too_old: Timestamp) -> Result<(), TreeError> {
        self.index.check(names(op), &op.condition)?;
        self.index.check_clash(&op.path, names(op))?;
        if version::time(&put.version.0).is_some_and(|made| made < too_old) {
            let reason = "it took too long to arrive".to_owned();
            return Err(BodyError::Broken(reason).into());
        }
        Ok(())
    }

    /// Applies one change, unless it is refused.
    fn apply(&mut self, op: &Op, too_old: Timestamp) -> Result<Written, TreeError> {
        let names = names(op);
        let Some(put) = &op.put else {
            self.index.check(names, &op.condition)?;
            let old = self
                .index
                .remove(names, &self.commit)
                .ok_or(TreeError::NotFound)?;
            let version = old.version.clone();
            self.supersede(op, old);
            return Ok(Written {
                version,
                created: false,
            });
        };
        self.check(op, put, too_old)?;
        let info = DocumentInfo {
            modified: self.now,
            ..put.clone()
        };
        let version = info.version.clone();
        let old = self.index.insert(names, info, &self.commit);
        let created = old.is_none();
        if let Some(old) = old {
            self.supersede(op, old);
        }
        Ok(Written { version, created })
    }

    fn supersede(&mut self, op: &Op, info: DocumentInfo) {
        let (path, since) = (op.path.clone(), self.now);
        self.index.superseded.push(Superseded { path, info, since });
    }

    fn finish(self, keep_millis: i64) -> Index {
        let mut index = self.index;
        let expired = self.now.plus_millis(-keep_millis);
        index.superseded.retain(|entry| entry.since >= expired);
        index.serial += 1;
        index.fence = None;
        index.recent.push(self.commit.clone());
        let forgotten = index.recent.len().saturating_sub(RECENT_COMMITS);
        index.recent.drain(..forgotten);
        index.commit = self.commit;
        index
    }
}

/// The document's names below its module.
fn names(op: &Op) -> &[String] {
    let above = 1 + usize::from(op.path.is_public());
    op.path.segments().get(above..).unwrap_or_default()
}
