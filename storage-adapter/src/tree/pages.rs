//! Reads the pages of an index. They are immutable, so cached ones need no revalidation.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::AccountName;

use super::heads::Found;
use super::index::{Head, Index};
use super::shard::Shard;
use super::table::{Loaded, Missing, PageId, Table};
use super::types::{Host, TreeError};
use super::{Storage, format};
use crate::store::ObjectStore;

/// Pages that are read concurrently for one request.
const READS: usize = 16;
/// How often a head is read again because its pages were swept in between.
const ATTEMPTS: u32 = 8;

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Looks something up in a module's index, reading the pages needed; returns the head in which it was found: this
    /// one, or a newer one if pages of this one have been swept.
    pub(super) async fn look<T>(
        &self,
        account: &AccountName,
        shard: &Shard,
        mut head: Arc<Head>,
        loaded: &mut Loaded,
        look: impl Fn(&Index, &Loaded) -> Result<T, Missing>,
    ) -> Result<(Arc<Head>, T), TreeError> {
        let mut attempt = 0;
        loop {
            let missing = match look(&head.index, loaded) {
                Ok(found) => return Ok((head, found)),
                Err(Missing(pages)) => pages,
            };
            let Some(gone) = self.load(account, shard, missing, loaded).await? else {
                continue;
            };
            let key = shard.head_key(account);
            let newer = self.newer_head(&key, Some(Arc::clone(&head))).await?;
            if newer.etag == head.etag {
                return Err(format::damaged(&gone, "it is missing"));
            }
            head = newer;
            attempt += 1;
            if attempt == ATTEMPTS {
                return Err(TreeError::Busy);
            }
        }
    }

    /// Looks something up in cached pages; `None` if they are not sufficient.
    pub(super) fn peek<T>(
        &self,
        account: &AccountName,
        shard: &Shard,
        head: &Head,
        look: impl Fn(&Index, &Loaded) -> Result<T, Missing>,
    ) -> Option<T> {
        let mut loaded = Loaded::new();
        let prefix = shard.pages_prefix(account);
        loop {
            match look(&head.index, &loaded) {
                Ok(found) => return Some(found),
                Err(Missing(pages)) => {
                    for page in pages {
                        let table = self.shared.pages.get(&page_key(&prefix, &page))?;
                        loaded.insert(page, table);
                    }
                }
            }
        }
    }

    /// Reads pages; returns the key of one that is missing.
    async fn load(
        &self,
        account: &AccountName,
        shard: &Shard,
        pages: Vec<PageId>,
        loaded: &mut Loaded,
    ) -> Result<Option<String>, TreeError> {
        let prefix = shard.pages_prefix(account);
        let read = |page: PageId| {
            let key = page_key(&prefix, &page);
            async move {
                if let Some(table) = self.shared.pages.get(&key) {
                    return Ok::<_, TreeError>((page, Ok(table)));
                }
                let Found::New(_, bytes) = self.object(&key, None).await? else {
                    return Ok((page, Err(key)));
                };
                let table = Arc::new(format::read_table(&key, &bytes)?);
                self.shared.pages.insert(&key, &table, bytes.len());
                Ok((page, Ok(table)))
            }
        };
        let found: Vec<(PageId, Result<Arc<Table>, String>)> = stream::iter(pages)
            .map(read)
            .buffered(READS)
            .try_collect()
            .await?;
        let mut gone = None;
        for (page, table) in found {
            match table {
                Ok(table) => drop(loaded.insert(page, table)),
                Err(key) => gone = Some(key),
            }
        }
        Ok(gone)
    }
}

pub(super) fn page_key(prefix: &str, page: &PageId) -> String {
    format!("{prefix}{}", page.0)
}
