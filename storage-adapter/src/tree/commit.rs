//! Decides writes against a head and swaps it.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::draft::{Draft, Left};
use super::heads::{mode, whole};
use super::index::{Head, Index};
use super::pack::{self, Packer};
use super::pages::page_key;
use super::path::DocumentPath;
use super::queue::{Batch, Intent, Outcome, Queue};
use super::quota::{Need, Room};
use super::shard::{self, names_below};
use super::table::{self, Loaded, Missing, PageId, Table};
use super::types::{DocumentInfo, Host, TreeError};
use super::{Storage, format, version};
use crate::store::{ObjectStore, PutMode, StoreError};

/// How often a commit is attempted before the module counts as too busy.
const ATTEMPTS: u32 = 20;
/// See `page_grace`: an hour. Each commit to a large module leaves pages behind.
const PAGE_GRACE: i64 = 60 * 60 * 1000;
/// Pages of one commit that are stored concurrently.
const PAGE_WRITES: usize = 8;

/// The outcome of a batch in one pass over a head.
#[derive(Default)]
struct Decided {
    outcomes: Vec<(Arc<Intent>, Outcome)>,
    /// The first intent that needs more of the quota than the module may use.
    blocked: Option<(Arc<Intent>, Need)>,
}

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Decides all intents of a batch, and commits the accepted ones. Returns the keys of bytes that can no longer be
    /// reached: they are deleted once others may lead.
    pub(super) async fn lead(&self, batch: Batch) -> Vec<String> {
        let mut discarded = Vec::new();
        self.lead_and_discard(batch, &mut discarded).await;
        discarded
    }

    async fn lead_and_discard(&self, mut batch: Batch, discarded: &mut Vec<String>) {
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
                slot: self.shared.options.slot_millis,
                left: Left::default(),
            };
            if let Some(allowance) = allowance.take() {
                draft.index.allowance = allowance;
            }
            let Decided { outcomes, blocked } = self.decide(&mut draft, batch.open());
            if outcomes.iter().any(|(_, outcome)| outcome.is_ok()) {
                match self.swap(&queue, &head, draft, &outcomes).await {
                    Ok(more) => {
                        outcomes
                            .into_iter()
                            .for_each(|(intent, outcome)| intent.finish(outcome));
                        known = self.shared.cache.get(&queue.key);
                        discarded.extend(more);
                        continue;
                    }
                    // Some stores return this if the object does not exist.
                    Err(StoreError::Precondition | StoreError::NotFound) => last = TreeError::Busy,
                    Err(
                        error @ (StoreError::Unavailable(_) | StoreError::AccountUnavailable(_)),
                    ) => last = error.into(),
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
                // Refusals decided on a cached head are decided again.
                continue;
            }
            attempt += 1;
            if known.is_none() {
                self.back_off(attempt).await;
            }
        }
        fail_all(&mut batch, &last);
    }

    /// Reads the pages that the intents change; returns the head that they belong to.
    async fn open_pages(
        &self,
        queue: &Queue,
        head: Arc<Head>,
        intents: &[Arc<Intent>],
        loaded: &mut Loaded,
    ) -> Result<Arc<Head>, TreeError> {
        let bound = self.shared.options.page_bytes;
        // A part that a deletion may shrink enough to be joined with another.
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

    /// Makes the draft the head's successor; returns the keys of bytes to be deleted afterwards.
    async fn swap(
        &self,
        queue: &Queue,
        head: &Head,
        draft: Draft,
        outcomes: &[(Arc<Intent>, Outcome)],
    ) -> Result<Vec<String>, StoreError> {
        let options = &self.shared.options;
        let (commit, decided) = (draft.commit.clone(), draft.now);
        let (mut index, loaded, left) = draft.finish(options.keep_millis);
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
        let added = left.retained + self.store_pages(queue, pages).await?;
        if is_paged && self.host.now() > decided.plus_millis(self.page_grace() / 2) {
            // They could be swept before the head refers to them.
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
        // Another leader may have been faster (see `Waiting::Polling`), and reported that nothing happened.
        if outcomes.iter().any(|(intent, _)| intent.is_decided()) {
            return Err(StoreError::Precondition);
        }
        // Before the swap: its response may get lost, or this future be dropped.
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
                let garbage = &self.shared.garbage;
                garbage.add(&queue.account, added);
                let key = |(path, info): &(DocumentPath, DocumentInfo)| {
                    let key = shard::data_key(&queue.account, path, &info.version);
                    (key, info.length)
                };
                let discarded = left.discarded.iter().map(key).collect();
                Ok(garbage.discard(&queue.account, discarded))
            }
            Err(error) => {
                if matches!(
                    error,
                    StoreError::Precondition
                        | StoreError::Denied(_)
                        | StoreError::Refused(_)
                        | StoreError::Full(_)
                ) {
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
    /// Stores new pages, which are not yet referenced; returns their bytes. If one cannot be stored, none stays.
    async fn store_pages(
        &self,
        queue: &Queue,
        pages: Vec<(PageId, Arc<Table>)>,
    ) -> Result<u64, StoreError> {
        let prefix = queue.shard.pages_prefix(&queue.account);
        let store = |(page, table): (PageId, Arc<Table>)| {
            let key = page_key(&prefix, &page);
            async move {
                let bytes = format::write_table(&table);
                let length = bytes.len();
                // A deletion needs pages too: they are not among the writes that wait for space.
                self.store
                    .put(&key, whole(bytes), PutMode::Overwrite)
                    .await?;
                self.shared.pages.insert(&key, &table, length);
                Ok((key, length as u64))
            }
        };
        let stored: Vec<Result<(String, u64), StoreError>> = stream::iter(pages)
            .map(store)
            .buffer_unordered(PAGE_WRITES)
            .collect()
            .await;
        let (mut keys, mut bytes, mut failed) = (Vec::new(), 0, None);
        for page in stored {
            match page {
                Ok((key, length)) => {
                    keys.push(key);
                    bytes += length;
                }
                Err(error) => failed = Some(error),
            }
        }
        let Some(error) = failed else {
            return Ok(bytes);
        };
        self.delete_all(keys).await;
        Err(error)
    }

    /// The age, in milliseconds, at which an unreferenced page is swept. A commit takes no longer than half of it.
    pub(super) fn page_grace(&self) -> i64 {
        self.shared.options.grace_millis.min(PAGE_GRACE)
    }
}

/// Answers those whose commit turns out to have happened, although the response was lost.
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
