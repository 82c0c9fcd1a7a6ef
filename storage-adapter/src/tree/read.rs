//! Reading documents and folders.

use std::sync::Arc;

use futures_util::future::join;
use protocol::AccountName;

use super::Storage;
use super::index::{Head, Index};
use super::path::{DocumentPath, FolderPath};
use super::shard::{self, Shard};
use super::table::Loaded;
use super::types::{ByteRange, DocumentInfo, DocumentRead, FolderRead, Host, TreeError, Version};
use crate::store::{GetOptions, Object, ObjectStore, StoreError};

/// How often a read starts again because the store failed in between, or referenced bytes are repeatedly missing.
const ATTEMPTS: u32 = 4;
/// How often it starts again because others replaced the document in between.
const REPLACED: u32 = 40;

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Reads a document: one conditional GET of the head and, at the same time if the document is known, one GET of the
    /// bytes. For a large module's index, pages that are not cached are read too.
    ///
    /// # Errors
    /// [`TreeError::NotFound`], [`TreeError::Range`], and those of the store.
    pub async fn read_document(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        if_none_match: &[Version],
        range: Option<ByteRange>,
    ) -> Result<DocumentRead, TreeError> {
        let Ok((shard, names)) = Shard::of_document(path) else {
            return Err(TreeError::NotFound);
        };
        let key = shard.head_key(account);
        let (mut attempt, mut replaced) = (0, 0);
        let mut missing = None;
        loop {
            // The bytes that are probably wanted are opened while the head is revalidated.
            let cached = self.shared.cache.get(&key);
            let find = |index: &Index, loaded: &Loaded| index.state(names, loaded);
            let guess = cached
                .as_ref()
                .and_then(|head| self.peek(account, &shard, head, find)?.document);
            let guess = guess.filter(|info| !if_none_match.contains(&info.version));
            let (head, opened) = match &guess {
                Some(info) => {
                    let open = self.open(account, path, info, range);
                    let (head, opened) = join(self.newer_head(&key, cached.clone()), open).await;
                    (head?, Some(opened))
                }
                None => (self.newer_head(&key, cached).await?, None),
            };
            let mut loaded = Loaded::new();
            let (_, state) = self.look(account, &shard, head, &mut loaded, find).await?;
            let info = state.document.ok_or(TreeError::NotFound)?;
            if if_none_match.contains(&info.version) {
                return Ok(DocumentRead::NotModified(info.version));
            }
            let opened = match opened {
                Some(opened) if guess.as_ref() == Some(&info) => opened,
                _ => self.open(account, path, &info, range).await,
            };
            if matches!(opened, Err(TreeError::Store(StoreError::NotFound)))
                && missing.as_ref() != Some(&info.version)
            {
                // Apparently replaced and deleted since the head was read: the next look will show.
                missing = Some(info.version);
                replaced += 1;
                if replaced > REPLACED {
                    return Err(TreeError::Busy);
                }
                continue;
            }
            attempt += 1;
            match opened {
                Ok((object, range)) => {
                    let body = object.body;
                    return Ok(DocumentRead::Found { info, range, body });
                }
                // Overwritten and swept since the head was read, or the store's failure.
                Err(TreeError::Store(
                    StoreError::NotFound
                    | StoreError::Unavailable(_)
                    | StoreError::AccountUnavailable(_),
                )) if attempt < ATTEMPTS => {}
                Err(TreeError::Store(StoreError::NotFound)) => {
                    return Err(TreeError::Format(format!(
                        "the bytes of \"{path}\" of the account {account} are missing in the \
                         store; restore them from a backup, or write the document again"
                    )));
                }
                Err(error) => return Err(error),
            }
            self.back_off(attempt).await;
        }
    }

    async fn open(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        info: &DocumentInfo,
        range: Option<ByteRange>,
    ) -> Result<(Object, Option<std::ops::Range<u64>>), TreeError> {
        let length = info.length;
        let range = range
            .map(|range| range.resolve(length).ok_or(TreeError::Range { length }))
            .transpose()?;
        let key = shard::data_key(account, path, &info.version);
        let options = GetOptions {
            if_none_match: None,
            range: range.clone(),
        };
        Ok((self.store.get(&key, options).await?, range))
    }

    /// Returns a document's metadata, without its bytes: one conditional GET.
    ///
    /// # Errors
    /// [`TreeError::NotFound`], and those of the store.
    pub async fn document_info(
        &self,
        account: &AccountName,
        path: &DocumentPath,
    ) -> Result<DocumentInfo, TreeError> {
        let Ok((shard, names)) = Shard::of_document(path) else {
            return Err(TreeError::NotFound);
        };
        let head = self.head(&shard.head_key(account)).await?;
        self.document_at(account, &shard, names, head).await
    }

    /// Finds a document in the index that starts with a head.
    pub(super) async fn document_at(
        &self,
        account: &AccountName,
        shard: &Shard,
        names: &[String],
        head: Arc<Head>,
    ) -> Result<DocumentInfo, TreeError> {
        let find = |index: &Index, loaded: &Loaded| index.state(names, loaded);
        let (_, state) = self
            .look(account, shard, head, &mut Loaded::new(), find)
            .await?;
        state.document.ok_or(TreeError::NotFound)
    }

    /// Reads a folder: one conditional GET of the head; `/` and `/public/` take one LIST. A missing folder is an empty
    /// one. Pages are read as by [`Self::read_document`]; a poll does not read those of the folder itself.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn read_folder(
        &self,
        account: &AccountName,
        path: &FolderPath,
        if_none_match: &[Version],
    ) -> Result<FolderRead, TreeError> {
        let Some((shard, names)) = Shard::of_folder(path) else {
            let folder = self.root_folder(account, path.is_public()).await?;
            return Ok(if if_none_match.contains(&folder.version) {
                FolderRead::NotModified(folder.version.clone())
            } else {
                FolderRead::Found(folder)
            });
        };
        let head = self.head(&shard.head_key(account)).await?;
        let list = |index: &Index, loaded: &Loaded| {
            let version = index.folder_version(names, loaded)?;
            if if_none_match.contains(&version) {
                return Ok(FolderRead::NotModified(version));
            }
            Ok(FolderRead::Found(index.list(names, loaded)?))
        };
        let found = self
            .look(account, &shard, head, &mut Loaded::new(), list)
            .await?;
        Ok(found.1)
    }
}
