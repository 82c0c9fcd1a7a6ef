//! Writing and deleting documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use protocol::AccountName;

use super::format::MAX_CONTENT_TYPE;
use super::heads::whole;
use super::index::Index;
use super::path::DocumentPath;
use super::queue::{Intent, Op, Outcome, Waiting};
use super::shard::{self, Shard};
use super::table::{self, Loaded, Missing, State};
use super::types::{Change, DocumentInfo, Host, TreeError, Version, WriteCondition, Written};
use super::{Storage, version};
use crate::store::{BodyError, ByteStream, ObjectStore, PutMode, StoreError};

/// Bodies of one commit that are stored concurrently.
const UPLOADS: usize = 8;
/// The most changes of one commit.
const MAX_CHANGES: usize = 4096;

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Writes a document. `quota` is the limit for the total size of the account's documents, in bytes; a document that
    /// does not grow is always accepted.
    ///
    /// # Errors
    /// [`TreeError::Precondition`], [`TreeError::Conflict`], [`TreeError::Quota`], [`TreeError::ContentType`],
    /// [`TreeError::Body`], [`TreeError::Busy`] (nothing happened), and those of the store.
    pub async fn put(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        content_type: &str,
        body: ByteStream,
        condition: &WriteCondition,
        quota: Option<u64>,
    ) -> Result<Written, TreeError> {
        let (shard, names) = Shard::of_document(path)?;
        check_content_type(content_type)?;
        self.refuse_early(account, &shard, path, names, condition)
            .await?;
        let version = version::new(&*self.host);
        let (body, length) = counted(body, quota);
        let key = shard::data_key(account, path, &version);
        let store = self.store.put(&key, body, PutMode::New);
        // The index is fetched at the same time. If that fails, the committing writer tries again.
        let (stored, _) = join(store, self.prepare(account, &shard, &[names])).await;
        let length = length.load(Ordering::Acquire);
        if let Err(error) = stored {
            return Err(match (error.into(), quota) {
                (TreeError::Body(BodyError::TooLarge { limit: at }), Some(limit))
                    if at == limit =>
                {
                    TreeError::Quota { limit, used: 0 }
                }
                (error, _) => error,
            });
        }
        let info = DocumentInfo {
            version,
            content_type: content_type.to_owned(),
            length,
            modified: self.host.now(),
        };
        let op = Op {
            path: path.clone(),
            condition: condition.clone(),
            put: Some(info),
            keeps: true,
        };
        let outcome = self.submit(account, shard, vec![op], quota).await;
        outcome.map(|written| one(&written))
    }

    /// Deletes a document; returns its last version.
    ///
    /// # Errors
    /// [`TreeError::NotFound`], [`TreeError::Precondition`], [`TreeError::Busy`] (nothing happened), and those of the
    /// store.
    pub async fn delete(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        condition: &WriteCondition,
    ) -> Result<Version, TreeError> {
        let Ok((shard, names)) = Shard::of_document(path) else {
            return Err(TreeError::NotFound);
        };
        self.prepare(account, &shard, &[names]).await?;
        let op = Op {
            path: path.clone(),
            condition: condition.clone(),
            put: None,
            keeps: true,
        };
        let outcome = self.submit(account, shard, vec![op], None).await;
        outcome.map(|written| one(&written).version)
    }

    /// Applies all changes in one commit, in order, or none. They must be in one module. The results are in the same
    /// order; for a deletion, the version that was deleted.
    ///
    /// # Errors
    /// Like [`Self::put`] and [`Self::delete`], the first one encountered.
    pub async fn commit(
        &self,
        account: &AccountName,
        changes: Vec<Change>,
        quota: Option<u64>,
    ) -> Result<Vec<Written>, TreeError> {
        self.commit_as(account, changes, quota, true).await
    }

    /// The same for a writer that only appends to existing documents: the replaced versions are not retained, since the
    /// new ones contain all of it, and no quota applies. If the module's head is cached it is not revalidated: the swap
    /// does that.
    ///
    /// # Errors
    /// Like [`Self::commit`].
    pub async fn append(
        &self,
        account: &AccountName,
        changes: Vec<Change>,
    ) -> Result<Vec<Written>, TreeError> {
        self.commit_as(account, changes, None, false).await
    }

    async fn commit_as(
        &self,
        account: &AccountName,
        changes: Vec<Change>,
        quota: Option<u64>,
        keeps: bool,
    ) -> Result<Vec<Written>, TreeError> {
        let mut module: Option<Shard> = None;
        if changes.len() > MAX_CHANGES {
            let count = changes.len();
            let sentence = format!("one commit has at most {MAX_CHANGES} changes, not {count}");
            return Err(TreeError::Conflict(sentence));
        }
        for change in &changes {
            let (Change::Put { path, .. } | Change::Delete { path, .. }) = change;
            let (shard, _) = Shard::of_document(path)?;
            if *module.get_or_insert_with(|| shard.clone()) != shard {
                let sentence = "the documents of one commit lie in one module".to_owned();
                return Err(TreeError::Conflict(sentence));
            }
            if let Change::Put { content_type, .. } = change {
                check_content_type(content_type)?;
            }
        }
        let Some(shard) = module else {
            return Ok(Vec::new());
        };
        let store = |change| self.store_change(account, change, keeps);
        let paths: Vec<DocumentPath> = changes
            .iter()
            .map(|(Change::Put { path, .. } | Change::Delete { path, .. })| path.clone())
            .collect();
        let names: Vec<&[String]> = paths.iter().map(shard::names_below).collect();
        let stored = stream::iter(changes)
            .map(store)
            .buffered(UPLOADS)
            .collect::<Vec<_>>();
        let prepared = async {
            if keeps || self.shared.cache.get(&shard.head_key(account)).is_none() {
                // If that fails, the committing writer tries again.
                let _ = self.prepare(account, &shard, &names).await;
            }
        };
        let (stored, ()) = join(stored, prepared).await;
        let (mut ops, mut failed) = (Vec::new(), None);
        for stored in stored {
            match stored {
                Ok(op) => ops.push(op),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            // A full disk must not fill up with unreferenced bytes.
            self.delete_all(keys_of(account, &ops)).await;
            return Err(error);
        }
        self.submit(account, shard, ops, quota).await
    }

    async fn store_change(
        &self,
        account: &AccountName,
        change: Change,
        keeps: bool,
    ) -> Result<Op, TreeError> {
        match change {
            Change::Delete { path, condition } => Ok(Op {
                path,
                condition,
                put: None,
                keeps,
            }),
            Change::Put {
                path,
                content_type,
                body,
                condition,
            } => {
                let version = version::new(&*self.host);
                let length = body.len() as u64;
                let key = shard::data_key(account, &path, &version);
                self.store.put(&key, whole(body), PutMode::New).await?;
                let modified = self.host.now();
                let info = DocumentInfo {
                    version,
                    content_type,
                    length,
                    modified,
                };
                Ok(Op {
                    path,
                    condition,
                    put: Some(info),
                    keeps,
                })
            }
        }
    }

    /// Caches the head for the commit, which proves that it is current, and also the fact that it does not exist.
    /// (Reads do not cache that: anyone may request what does not exist.) Likewise the pages.
    async fn prepare(
        &self,
        account: &AccountName,
        shard: &Shard,
        documents: &[&[String]],
    ) -> Result<(), TreeError> {
        let key = shard.head_key(account);
        let head = self.head(&key).await?;
        if head.etag.is_none() {
            self.shared.cache.insert(&key, &head, head.length);
        }
        let find = |index: &Index, loaded: &Loaded| {
            let mut missing = Vec::new();
            for names in documents {
                if let Err(Missing(more)) = index.state(names, loaded) {
                    missing.extend(more);
                }
            }
            table::all_loaded(missing)
        };
        self.look(account, shard, head, &mut Loaded::new(), find)
            .await?;
        Ok(())
    }

    /// Refuses a write before its body is read, if it would fail by the cached head and still does after revalidation.
    async fn refuse_early(
        &self,
        account: &AccountName,
        shard: &Shard,
        path: &DocumentPath,
        names: &[String],
        condition: &WriteCondition,
    ) -> Result<(), TreeError> {
        let key = shard.head_key(account);
        let Some(cached) = self.shared.cache.get(&key) else {
            return Ok(());
        };
        let find = |index: &Index, loaded: &Loaded| index.state(names, loaded);
        let check = |state: &State| {
            state.check(condition)?;
            state.check_clash(path, names.len())
        };
        let Some(state) = self.peek(account, shard, &cached, find) else {
            return Ok(());
        };
        if check(&state).is_ok() {
            return Ok(());
        }
        let head = self.newer_head(&key, Some(cached)).await?;
        let (_, state) = self
            .look(account, shard, head, &mut Loaded::new(), find)
            .await?;
        check(&state)
    }

    async fn submit(
        &self,
        account: &AccountName,
        shard: Shard,
        ops: Vec<Op>,
        quota: Option<u64>,
    ) -> Outcome {
        let stored = keys_of(account, &ops);
        let intent = Intent::new(ops, quota);
        let (queues, lead) = (&self.shared.queues, |batch| self.lead(batch));
        let (outcome, left) = match self.shared.options.waiting {
            Waiting::Woken => queues.submit(account, shard, intent, lead).await,
            Waiting::Polling => {
                let host = &*self.host;
                queues
                    .submit_polling(account, shard, intent, host, lead)
                    .await
            }
        };
        self.delete_all(left).await;
        if outcome.as_ref().is_err_and(nothing_happened) {
            self.delete_all(stored).await;
        }
        outcome
    }

    /// Deletes unreferenced objects; what cannot be deleted now is swept later.
    pub(super) async fn delete_all(&self, keys: Vec<String>) {
        if keys.is_empty() {
            return;
        }
        let _swept_later = self.store.delete_many(&keys).await;
    }
}

/// The keys of the bytes that were stored for these.
fn keys_of(account: &AccountName, ops: &[Op]) -> Vec<String> {
    ops.iter()
        .filter_map(|op| {
            let put = op.put.as_ref()?;
            Some(shard::data_key(account, &op.path, &put.version))
        })
        .collect()
}

fn nothing_happened(error: &TreeError) -> bool {
    match error {
        TreeError::Store(StoreError::Denied(_) | StoreError::Refused(_) | StoreError::Full(_)) => {
            true
        }
        TreeError::Store(_) | TreeError::Format(_) => false,
        _ => true,
    }
}

/// There is a result for each change.
fn one(written: &[Written]) -> Written {
    written.first().cloned().unwrap_or_else(|| Written {
        version: version::empty(),
        created: false,
    })
}

fn check_content_type(content_type: &str) -> Result<(), TreeError> {
    let fits = (1..=MAX_CONTENT_TYPE).contains(&content_type.len());
    if fits && !content_type.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(TreeError::ContentType)
    }
}

/// Counts the bytes, and stops when they could not be stored anyway.
fn counted(body: ByteStream, limit: Option<u64>) -> (ByteStream, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    let counted = body.map(move |chunk| {
        let chunk = chunk?;
        let length = chunk.len() as u64;
        let total = counter.fetch_add(length, Ordering::AcqRel) + length;
        match limit {
            Some(limit) if total > limit => Err(BodyError::TooLarge { limit }),
            _ => Ok(chunk),
        }
    });
    (Box::pin(counted), count)
}
