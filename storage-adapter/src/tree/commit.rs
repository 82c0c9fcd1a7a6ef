//! Deciding writes against a head and swapping it.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use model::Timestamp;

use super::heads::whole;
use super::index::{Allowance, Head, Index, RECENT_COMMITS, Superseded};
use super::pack::{self, Packer};
use super::pages::page_key;
use super::queue::{Batch, Intent, Op, Outcome, Queue};
use super::quota::{Need, Room};
use super::shard::names_below;
use super::table::{self, Loaded, Missing, PageId, State, Table};
use super::types::{DocumentInfo, Host, TreeError, Version, Written};
use super::{Storage, format, version};
use crate::store::{BodyError, ETag, ObjectStore, PutMode, StoreError};

/// How often a commit is tried before the module counts as too busy.
const ATTEMPTS: u32 = 20;
/// Pages of one commit that are stored at the same time.
const PAGE_WRITES: usize = 8;

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
            let mut loaded = Loaded::new();
            let head = match self
                .open_pages(&queue, head, batch.open(), &mut loaded)
                .await
            {
                Ok(head) => head,
                Err(error) => return fail_all(&mut batch, &error),
            };
            settle_attempted(&mut batch, &head);
            let mut draft = Draft {
                index: head.index.clone(),
                loaded,
                commit: version::new(&*self.host),
                now: self.host.now(),
            };
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

    /// Reads the pages that the intents change; gives the head that they belong to.
    async fn open_pages(
        &self,
        queue: &Queue,
        head: Arc<Head>,
        intents: &[Arc<Intent>],
        loaded: &mut Loaded,
    ) -> Result<Arc<Head>, TreeError> {
        let bound = self.shared.options.page_bytes;
        // A part that a deletion may make small enough to be joined with another.
        let is_small = |table: &Table| pack::is_small(pack::size(table), bound / 3 * 4);
        let find = |index: &Index, loaded: &Loaded| {
            let mut missing = Vec::new();
            for op in intents.iter().flat_map(|intent| &intent.ops) {
                let names = names_below(&op.path);
                if let Err(Missing(more)) = index.state(names, loaded) {
                    missing.extend(more);
                } else if op.put.is_none() {
                    index
                        .root
                        .neighbours(names, loaded, &is_small, &mut missing);
                }
            }
            table::all_loaded(missing)
        };
        let (account, shard) = (&queue.account, &queue.shard);
        let (head, ()) = self.look(account, shard, head, loaded, find).await?;
        Ok(head)
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
        queue: &Queue,
        head: &Head,
        draft: Draft,
        outcomes: &[(Arc<Intent>, Outcome)],
    ) -> Result<(), StoreError> {
        let options = &self.shared.options;
        let (commit, decided) = (draft.commit.clone(), draft.now);
        let (mut index, loaded) = draft.finish(options.keep_millis);
        let pages = {
            let new_id = || PageId(version::new(&*self.host).0);
            let mut packer = Packer {
                bound: options.page_bytes,
                loaded: &loaded,
                new_id: &new_id,
                pages: Vec::new(),
            };
            packer.head(&mut index.root, options.head_bytes);
            packer.pages
        };
        let is_paged = !pages.is_empty();
        self.store_pages(queue, pages).await?;
        if is_paged && self.host.now() > decided.plus_millis(options.grace_millis / 2) {
            // They may be swept before the head names them.
            return Err(StoreError::Unavailable("it took too long".to_owned()));
        }
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
                self.shared
                    .cache
                    .insert(&queue.key, &Arc::new(head), length);
                Ok(())
            }
            Err(error) => {
                if error == StoreError::Precondition {
                    for (intent, _) in outcomes {
                        intent.refused(&commit);
                    }
                }
                Err(error)
            }
        }
    }
}

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Stores new pages, which nobody names yet.
    async fn store_pages(
        &self,
        queue: &Queue,
        pages: Vec<(PageId, Arc<Table>)>,
    ) -> Result<(), StoreError> {
        let prefix = queue.shard.pages_prefix(&queue.account);
        let store = |(page, table): (PageId, Arc<Table>)| {
            let key = page_key(&prefix, &page);
            async move {
                let bytes = format::write_table(&table);
                let length = bytes.len();
                self.store.put(&key, whole(bytes), PutMode::New).await?;
                self.shared.pages.insert(&key, &table, length);
                Ok(())
            }
        };
        stream::iter(pages)
            .map(store)
            .buffer_unordered(PAGE_WRITES)
            .try_collect()
            .await
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
    /// All pages on the paths that are written to.
    loaded: Loaded,
    commit: Version,
    now: Timestamp,
}

impl Draft {
    /// Applies an intent or leaves everything as it was. Fails if there has to be room first.
    fn apply_all(&mut self, intent: &Intent, too_old: Timestamp) -> Result<Outcome, Need> {
        if let ([op], Some(limit)) = (intent.ops.as_slice(), intent.quota)
            && let Some(put) = &op.put
        {
            let refusal = self.check(op, put, too_old);
            let old = self.state(op).ok().and_then(|state| state.document);
            let old = old.map_or(0, |info| info.length);
            let after = (self.index.bytes - old).saturating_add(put.length);
            // A refusal for another reason comes first.
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

    fn state(&self, op: &Op) -> Result<State, TreeError> {
        let found = self.index.state(names_below(&op.path), &self.loaded);
        // Cannot be: all pages were read, and earlier changes of the draft need no others.
        found.map_err(|_| TreeError::Busy)
    }

    fn check(&self, op: &Op, put: &DocumentInfo, too_old: Timestamp) -> Result<(), TreeError> {
        let state = self.state(op)?;
        state.check(&op.condition)?;
        state.check_clash(&op.path, names_below(&op.path).len())?;
        if version::time(&put.version.0).is_some_and(|made| made < too_old) {
            let reason = "it took too long to arrive".to_owned();
            return Err(BodyError::Broken(reason).into());
        }
        Ok(())
    }

    /// Applies one change, unless it is refused.
    fn apply(&mut self, op: &Op, too_old: Timestamp) -> Result<Written, TreeError> {
        let names = names_below(&op.path);
        let Some(put) = &op.put else {
            let state = self.state(op)?;
            state.check(&op.condition)?;
            state.document.ok_or(TreeError::NotFound)?;
            let old = self
                .index
                .remove(names, &self.commit, &self.loaded)
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
        let old = self.index.insert(names, info, &self.commit, &self.loaded);
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

    fn finish(self, keep_millis: i64) -> (Index, Loaded) {
        let mut index = self.index;
        let expired = self.now.plus_millis(-keep_millis);
        index.superseded.retain(|entry| entry.since >= expired);
        index.serial += 1;
        index.fence = None;
        index.recent.push(self.commit.clone());
        let forgotten = index.recent.len().saturating_sub(RECENT_COMMITS);
        index.recent.drain(..forgotten);
        index.commit = self.commit;
        (index, self.loaded)
    }
}
