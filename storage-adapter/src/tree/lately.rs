//! Reads an index as this process last saw it, for callers that commit to it: the swap of the head decides whether that
//! is still current. Nothing else may rely on it.

use std::sync::Arc;

use protocol::AccountName;

use super::Storage;
use super::index::{Head, Index};
use super::path::{DocumentPath, FolderPath};
use super::shard::Shard;
use super::table::Loaded;
use super::types::{DocumentInfo, Folder, Host, TreeError};
use crate::store::ObjectStore;

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Like [`Self::document_info`], but uses a cached head of the module without revalidation.
    ///
    /// # Errors
    /// The same as there.
    pub async fn document_info_lately(
        &self,
        account: &AccountName,
        path: &DocumentPath,
    ) -> Result<DocumentInfo, TreeError> {
        let Ok((shard, names)) = Shard::of_document(path) else {
            return Err(TreeError::NotFound);
        };
        let head = self.head_lately(&shard.head_key(account)).await?;
        self.document_at(account, &shard, names, head).await
    }

    /// Like [`Self::read_folder`] for a folder in a module, in the same way.
    ///
    /// # Errors
    /// The same as there.
    pub async fn folder_lately(
        &self,
        account: &AccountName,
        path: &FolderPath,
    ) -> Result<Arc<Folder>, TreeError> {
        let Some((shard, names)) = Shard::of_folder(path) else {
            return Err(TreeError::NotFound);
        };
        let head = self.head_lately(&shard.head_key(account)).await?;
        let list = |index: &Index, loaded: &Loaded| index.list(names, loaded);
        let found = self
            .look(account, &shard, head, &mut Loaded::new(), list)
            .await?;
        Ok(found.1)
    }

    async fn head_lately(&self, key: &str) -> Result<Arc<Head>, TreeError> {
        match self.shared.cache.get(key) {
            Some(head) => Ok(head),
            None => self.head(key).await,
        }
    }
}
