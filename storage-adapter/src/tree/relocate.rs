//! Copies an account's tree to another store, bytes before the heads that refer to them.
//!
//! Immutable objects (bytes of documents, pages, lists of superseded documents) are copied while the account is still
//! being written; then, once nobody may write any more, every head is rewritten with a mark ([`Storage::fence`]), so
//! that swaps still under way fail; and then everything that was added in the meantime and the marked heads are copied.
//! A marked head contains its folder's version, so the copy has exactly the versions of the original.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use mutex::lock;
use protocol::AccountName;
use sha2::{Digest, Sha256};

use super::heads::{Found, mode, whole};
use super::index::Fence;
use super::path::{DocumentPath, FolderPath};
use super::shard::{self, Shard};
use super::types::{Folder, FolderRead, Host, Item, TreeError, Version};
use super::{Storage, format, version};
use crate::store::{ByteStream, Entry, GetOptions, ObjectStore, PutMode, StoreError};

/// The most entries that a store lists at once.
const PAGE: usize = 1000;
/// How often copying an object, or marking a head, is attempted before it counts as failed.
const ATTEMPTS: u32 = 8;

/// A part of what the other store does not have yet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Missing {
    /// Keys and lengths.
    pub entries: Vec<Entry>,
    /// Where to continue; `None` at the end.
    pub next: Option<String>,
}

/// The outcome for one object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Copied {
    /// It is there, read back and verified; with its length in bytes.
    Verified(u64),
    /// It no longer exists here: it was swept in the meantime.
    Gone,
}

/// The content of two identical trees.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Compared {
    /// Documents.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Folders.
    pub folders: u64,
}

/// The prefixes of immutable objects, in key order.
fn immutable(account: &AccountName) -> [String; 3] {
    [
        shard::data_prefix(account),
        shard::pages_prefix(account),
        format!("accounts/{account}/superseded/"),
    ]
}

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Returns whether this store contains nothing of the account's tree.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn is_vacant(&self, account: &AccountName) -> Result<bool, TreeError> {
        let prefixes = immutable(account).into_iter();
        for prefix in prefixes.chain([shard::heads(account), shard::ledger_key(account)]) {
            if !self.store.list(&prefix, None).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether the other store is really a different one, not the same under another name: an object written
    /// there must not appear here.
    ///
    /// # Errors
    /// If one of the stores fails.
    pub async fn is_apart<T: ObjectStore, G: Host>(
        &self,
        account: &AccountName,
        other: &Storage<T, G>,
    ) -> Result<bool, TreeError> {
        let id = version::new(&*self.host).0;
        let key = format!("accounts/{account}/superseded/.apart/{id}");
        let (body, mode) = (whole(id.into()), PutMode::Overwrite);
        other.store.put(&key, body, mode).await?;
        let seen = self.object(&key, None).await;
        other.store.delete(&key).await?;
        Ok(matches!(seen?, Found::Nothing))
    }

    /// Returns the total size of all documents of the account, in bytes.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn used_bytes(&self, account: &AccountName) -> Result<u64, TreeError> {
        let mut used = 0_u64;
        for entry in self.list_heads(account).await? {
            used = used.saturating_add(self.head(&entry.key).await?.index.bytes);
        }
        Ok(used)
    }

    /// Removes the account's whole tree from this store: heads first, so that nothing refers to deleted objects.
    ///
    /// # Errors
    /// If the store fails; repeating it resumes.
    pub async fn remove_tree(&self, account: &AccountName) -> Result<usize, TreeError> {
        let mut removed = 0;
        let first = [shard::heads(account), shard::ledger_key(account)];
        for prefix in first.into_iter().chain(immutable(account)) {
            loop {
                let entries = self.store.list(&prefix, None).await?;
                if entries.is_empty() {
                    break;
                }
                for entry in entries {
                    self.store.delete(&entry.key).await?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// Finds immutable objects that are here but missing, or of another length, in another store; for one page of the
    /// listing, which starts after `after`.
    ///
    /// # Errors
    /// If one of the stores fails.
    pub async fn missing_in<T: ObjectStore, G: Host>(
        &self,
        account: &AccountName,
        to: &Storage<T, G>,
        after: Option<&str>,
    ) -> Result<Missing, TreeError> {
        let prefixes = immutable(account);
        let at = after.and_then(|key| prefixes.iter().position(|prefix| key.starts_with(prefix)));
        let at = at.unwrap_or(0);
        let Some(prefix) = prefixes.get(at) else {
            return Ok(Missing::default());
        };
        // The prefix itself, as a name, means its start.
        let start = after.filter(|key| key.len() > prefix.len());
        let here = self.store.list(prefix, start).await?;
        let more = here.len() >= PAGE;
        let mut there: HashMap<String, u64> = HashMap::new();
        if let Some(last) = here.last() {
            let mut start = start.map(str::to_owned);
            loop {
                let page = to.store.list(prefix, start.as_deref()).await?;
                let done = page.len() < PAGE || page.last().is_some_and(|e| e.key >= last.key);
                start = page.last().map(|entry| entry.key.clone());
                there.extend(page.into_iter().map(|entry| (entry.key, entry.length)));
                if done {
                    break;
                }
            }
        }
        let next = match here.last() {
            Some(last) if more => Some(last.key.clone()),
            _ => prefixes.get(at + 1).cloned(),
        };
        let mut entries = here;
        entries.retain(|entry| there.get(&entry.key) != Some(&entry.length));
        Ok(Missing { entries, next })
    }

    /// Copies one immutable object, reads the copy back and compares both.
    ///
    /// # Errors
    /// If one of the stores fails; [`TreeError::Format`] if the copy differs each time.
    pub async fn copy_object<T: ObjectStore, G: Host>(
        &self,
        to: &Storage<T, G>,
        key: &str,
    ) -> Result<Copied, TreeError> {
        let mut last = None;
        for attempt in 1..=ATTEMPTS {
            match self.try_copy(to, key).await {
                Ok(Some(copied)) => return Ok(copied),
                Ok(None) => last = None,
                Err(
                    error @ (StoreError::Unavailable(_)
                    | StoreError::AccountUnavailable(_)
                    | StoreError::Body(_)),
                ) => {
                    last = Some(error);
                }
                Err(error) => return Err(error.into()),
            }
            self.back_off(attempt).await;
        }
        Err(match last {
            // A body that breaks off here is a store's failure, not a caller's.
            Some(StoreError::Body(error)) => StoreError::Unavailable(error.to_string()).into(),
            Some(error) => error.into(),
            None => TreeError::Format(format!(
                "the copy of \"{key}\" is not what was written; choose another place for it"
            )),
        })
    }

    async fn try_copy<T: ObjectStore, G: Host>(
        &self,
        to: &Storage<T, G>,
        key: &str,
    ) -> Result<Option<Copied>, StoreError> {
        let object = match self.store.get(key, GetOptions::default()).await {
            Ok(object) => object,
            Err(StoreError::NotFound) => return Ok(Some(Copied::Gone)),
            Err(error) => return Err(error),
        };
        let length = object.length;
        let seen = Arc::new(Mutex::new((Sha256::new(), 0)));
        to.store
            .put(key, hashed(object.body, &seen), PutMode::Overwrite)
            .await?;
        let (hash, bytes) = {
            let seen = lock(&seen);
            (seen.0.clone().finalize(), seen.1)
        };
        let back = to.store.get(key, GetOptions::default()).await?;
        let whole_length = back.length == length && bytes == length;
        let (mut check, mut body) = (Sha256::new(), back.body);
        while let Some(chunk) = body.next().await.transpose()? {
            check.update(&chunk);
        }
        Ok((whole_length && check.finalize() == hash).then_some(Copied::Verified(length)))
    }

    /// Rewrites every head with a mark, so that writers that have read one before can no longer swap it. Heads that
    /// have the mark stay as they are. The folders keep their versions.
    ///
    /// # Errors
    /// If the store fails; [`TreeError::Busy`] if there are constant concurrent writes.
    pub async fn fence(&self, account: &AccountName, mark: &str) -> Result<(), TreeError> {
        for entry in self.list_heads(account).await? {
            self.fence_head(account, &entry.key, mark).await?;
        }
        Ok(())
    }

    async fn fence_head(
        &self,
        account: &AccountName,
        key: &str,
        mark: &str,
    ) -> Result<(), TreeError> {
        for attempt in 1..=ATTEMPTS {
            let head = self.head(key).await?;
            let marked = |fence: &Fence| fence.id.0 == mark;
            if head.etag.is_none() || head.index.fence.as_ref().is_some_and(marked) {
                return Ok(());
            }
            let mut index = head.index.clone();
            let held = index.version.clone();
            let id = Version(mark.to_owned());
            index.fence = Some(Fence { id, held });
            let (body, page) = format::write(&mut index);
            if let (Some(page), Some(shard)) = (page, Shard::of_head_key(account, key)) {
                let page_key = format!("{}{mark}", shard.superseded_prefix(account));
                self.store
                    .put(&page_key, whole(page), PutMode::Overwrite)
                    .await?;
            }
            match self
                .store
                .put(key, whole(body), mode(head.etag.as_ref()))
                .await
            {
                Ok(_) => return Ok(()),
                Err(
                    StoreError::Precondition
                    | StoreError::NotFound
                    | StoreError::Unavailable(_)
                    | StoreError::AccountUnavailable(_),
                ) => {}
                Err(error) => return Err(error.into()),
            }
            self.back_off(attempt).await;
        }
        Err(TreeError::Busy)
    }

    /// Copies heads and the quota's ledger, last of all. Existing ones must be identical.
    ///
    /// Copies nothing and returns false if there were heads without a mark: somebody who had started earlier created
    /// them since [`Storage::fence`]. They have it now; what they refer to must be copied before this is repeated. A
    /// copy of one without a mark would have another version than the original.
    ///
    /// # Errors
    /// If one of the stores fails; [`TreeError::Conflict`] if there is another object in place of a head.
    pub async fn copy_heads<T: ObjectStore, G: Host>(
        &self,
        account: &AccountName,
        to: &Storage<T, G>,
        mark: &str,
    ) -> Result<bool, TreeError> {
        let heads = self.list_heads(account).await?;
        let mut marked = true;
        for entry in &heads {
            if !format::is_fenced(entry.length as usize) {
                self.fence_head(account, &entry.key, mark).await?;
                marked = false;
            }
        }
        if !marked {
            return Ok(false);
        }
        let keys = heads.into_iter().map(|entry| entry.key);
        for key in keys.chain([shard::ledger_key(account)]) {
            let Found::New(_, bytes) = self.object(&key, None).await? else {
                continue;
            };
            let mut attempt = 0;
            loop {
                let put = to
                    .store
                    .put(&key, whole(bytes.clone()), PutMode::IfAbsent)
                    .await;
                match put {
                    Ok(_)
                    | Err(
                        StoreError::Precondition
                        | StoreError::Unavailable(_)
                        | StoreError::AccountUnavailable(_),
                    ) => {}
                    Err(error) => return Err(error.into()),
                }
                match to.object(&key, None).await? {
                    Found::New(_, there) if there == bytes => break,
                    Found::New(..) => {
                        return Err(TreeError::Conflict(format!(
                            "\"{key}\" is in the other store already, with other content; remove what is left \
                             there of the account first"
                        )));
                    }
                    Found::Nothing | Found::Same if attempt < ATTEMPTS => {
                        attempt += 1;
                        self.back_off(attempt).await;
                    }
                    Found::Nothing | Found::Same => return Err(TreeError::Busy),
                }
            }
        }
        Ok(true)
    }

    /// Reads both trees completely: every folder must be identical in both, with every version, and every document's
    /// bytes must exist with their length.
    ///
    /// # Errors
    /// If one of the stores fails; [`TreeError::Format`] names what differs.
    pub async fn compare<T: ObjectStore, G: Host>(
        &self,
        account: &AccountName,
        to: &Storage<T, G>,
    ) -> Result<Compared, TreeError> {
        let mut there: HashMap<u64, u64> = HashMap::new();
        for entry in to.list_all(&shard::data_prefix(account)).await? {
            there.insert(short(&entry.key), entry.length);
        }
        let mut found = Compared::default();
        let mut waiting = vec![Vec::<String>::new()];
        while let Some(above) = waiting.pop() {
            let path = FolderPath::from_segments(above.clone())
                .map_err(|error| TreeError::Format(error.to_string()))?;
            let folder = whole_folder(self, account, &path).await?;
            if folder != whole_folder(to, account, &path).await? {
                return Err(TreeError::Format(format!(
                    "the folder \"{path}\" differs in the copy"
                )));
            }
            found.folders += 1;
            for (name, item) in &folder.items {
                let mut names = above.clone();
                names.push(name.clone());
                let Item::Document(info) = item else {
                    waiting.push(names);
                    continue;
                };
                let document = DocumentPath::from_segments(names)
                    .map_err(|error| TreeError::Format(error.to_string()))?;
                let key = shard::data_key(account, &document, &info.version);
                if there.get(&short(&key)) != Some(&info.length) {
                    return Err(TreeError::Format(format!(
                        "the bytes of \"{document}\" are missing; restore them from a backup, or delete the document"
                    )));
                }
                found.documents += 1;
                found.bytes += info.length;
            }
        }
        Ok(found)
    }
}

/// Represents a key in memory.
fn short(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

async fn whole_folder<S: ObjectStore, H: Host>(
    storage: &Storage<S, H>,
    account: &AccountName,
    path: &FolderPath,
) -> Result<Arc<Folder>, TreeError> {
    match storage.read_folder(account, path, &[]).await? {
        FolderRead::Found(folder) => Ok(folder),
        // Unreachable: only versions that were asked about are "not modified".
        FolderRead::NotModified(_) => Err(TreeError::Busy),
    }
}

/// Passes a body through and hashes it.
fn hashed(body: ByteStream, seen: &Arc<Mutex<(Sha256, u64)>>) -> ByteStream {
    let seen = Arc::clone(seen);
    Box::pin(body.inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            let mut seen = lock(&seen);
            seen.0.update(chunk);
            seen.1 += chunk.len() as u64;
        }
    }))
}
