//! `/` and `/public/`, made from one LIST of heads.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::AccountName;

use super::format::{self, MIN_DOCUMENT_HEAD, MIN_MODULE_HEAD};
use super::heads::Found;
use super::index::Head;
use super::path::PUBLIC;
use super::shard::{self, Shard};
use super::types::{Folder, Host, Item, TreeError, Version};
use super::{Storage, version};
use crate::store::{Entry, ObjectStore, StoreError};

/// The most entries that the store lists at once.
const PAGE: usize = 1000;
/// How often a root is read again because it changed while it was read.
const ATTEMPTS: u32 = 8;

impl<S: ObjectStore, H: Host> Storage<S, H> {
    pub(super) async fn root_folder(
        &self,
        account: &AccountName,
        public: bool,
    ) -> Result<Arc<Folder>, TreeError> {
        let mut attempt = 0;
        loop {
            let heads = self.list_heads(account).await?;
            if let Some(folder) = self.make_root(account, &heads, public).await? {
                return Ok(folder);
            }
            attempt += 1;
            if attempt == ATTEMPTS {
                return Err(TreeError::Busy);
            }
            self.back_off(attempt).await;
        }
    }

    /// Lists all heads as of one instant: one LIST; more than 1,000 heads are listed again until nothing changes
    /// between two times.
    pub(super) async fn list_heads(&self, account: &AccountName) -> Result<Vec<Entry>, TreeError> {
        let prefix = shard::heads(account);
        let mut before: Option<Vec<Entry>> = None;
        for attempt in 1..=ATTEMPTS {
            let entries = self.list_all(&prefix).await?;
            if entries.len() < PAGE || before.as_ref() == Some(&entries) {
                return Ok(entries);
            }
            before = Some(entries);
            if attempt > 1 {
                self.back_off(attempt).await;
            }
        }
        Err(TreeError::Busy)
    }

    /// Lists all objects below a prefix.
    pub(super) async fn list_all(&self, prefix: &str) -> Result<Vec<Entry>, TreeError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut failures = 0;
        loop {
            let after = entries.last().map(|entry| entry.key.as_str());
            match self.store.list(prefix, after).await {
                Ok(page) => {
                    let more = page.len() >= PAGE;
                    entries.extend(page);
                    if !more {
                        return Ok(entries);
                    }
                }
                Err(StoreError::Unavailable(_) | StoreError::AccountUnavailable(_))
                    if failures + 1 < ATTEMPTS =>
                {
                    failures += 1;
                    self.back_off(failures).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// `None` if a head changed since the listing.
    async fn make_root(
        &self,
        account: &AccountName,
        heads: &[Entry],
        public: bool,
    ) -> Result<Option<Arc<Folder>>, TreeError> {
        let (mut items, mut public_items) = (BTreeMap::new(), BTreeMap::new());
        for entry in heads {
            let Some(shard) = Shard::of_head_key(account, &entry.key) else {
                continue;
            };
            let length = usize::try_from(entry.length).unwrap_or(usize::MAX);
            let item = if length < MIN_DOCUMENT_HEAD {
                continue;
            } else if length >= MIN_MODULE_HEAD && format::is_fenced(length) {
                let Some(head) = self.listed_head(entry).await? else {
                    return Ok(None);
                };
                Item::Folder(head.index.version.clone())
            } else if length >= MIN_MODULE_HEAD {
                Item::Folder(version::of_head(&entry.etag))
            } else {
                let Some(head) = self.listed_head(entry).await? else {
                    return Ok(None);
                };
                let Some(info) = &head.index.document else {
                    return Err(format::damaged(&entry.key, "its length does not match"));
                };
                Item::Document(info.clone())
            };
            if shard.public {
                public_items.insert(shard.name, item);
            } else {
                items.insert(shard.name, item);
            }
        }
        let public_version = root_version(&public_items);
        if public {
            return Ok(Some(Arc::new(Folder {
                version: public_version,
                items: public_items,
            })));
        }
        if !public_items.is_empty() {
            items.insert(PUBLIC.to_owned(), Item::Folder(public_version));
        }
        Ok(Some(Arc::new(Folder {
            version: root_version(&items),
            items,
        })))
    }

    /// Returns the listed head; `None` if it has changed since.
    pub(super) async fn listed_head(&self, entry: &Entry) -> Result<Option<Arc<Head>>, TreeError> {
        if let Some(head) = self.shared.cache.get(&entry.key)
            && head.etag.as_ref() == Some(&entry.etag)
        {
            return Ok(Some(head));
        }
        match self.object(&entry.key, None).await? {
            Found::New(etag, bytes) if etag == entry.etag => {
                let head = Arc::new(format::read(&entry.key, &bytes, etag)?);
                self.shared.cache.insert(&entry.key, &head, head.length);
                Ok(Some(head))
            }
            _ => Ok(None),
        }
    }
}

fn root_version(items: &BTreeMap<String, Item>) -> Version {
    if items.is_empty() {
        return version::empty();
    }
    version::of_parts(items.iter().flat_map(|(name, item)| {
        let (kind, version) = match item {
            Item::Document(info) => (&b"document"[..], &info.version),
            Item::Folder(version) => (&b"folder"[..], version),
        };
        [name.as_bytes(), kind, version.0.as_bytes()]
    }))
}
