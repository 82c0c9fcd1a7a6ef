//! The account tree: documents and folders with versions, over an object store.

mod path;
mod types;

use crate::store::{ByteStream, ObjectStore};
use model::AccountName;
pub use path::{DocumentPath, FolderPath, InvalidPath, ItemPath, MAX_NAME_BYTES, MAX_PATH_BYTES};
use std::sync::Arc;
pub use types::{
    ByteRange, Change, DocumentInfo, DocumentRead, Folder, FolderRead, Host, Item, TreeError,
    Version, WriteCondition, Written,
};

/// The trees of all accounts in one store. Long-lived and shared; cheap to clone.
pub struct Storage<S, H> {
    store: Arc<S>,
    host: Arc<H>,
}
impl<S, H> std::fmt::Debug for Storage<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Storage")
    }
}
impl<S, H> Clone for Storage<S, H> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            host: Arc::clone(&self.host),
        }
    }
}
#[allow(
    missing_docs,
    clippy::unused_async,
    unused_variables,
    reason = "interface draft"
)]
impl<S: ObjectStore, H: Host> Storage<S, H> {
    pub fn new(store: Arc<S>, host: Arc<H>) -> Self {
        Self { store, host }
    }
    pub fn store(&self) -> &S {
        &self.store
    }
    pub fn host(&self) -> &H {
        &self.host
    }
    pub async fn read_document(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        if_none_match: &[Version],
        range: Option<ByteRange>,
    ) -> Result<DocumentRead, TreeError> {
        todo!()
    }
    /// HEAD: no blob is touched.
    pub async fn document_info(
        &self,
        account: &AccountName,
        path: &DocumentPath,
    ) -> Result<DocumentInfo, TreeError> {
        todo!()
    }
    pub async fn read_folder(
        &self,
        account: &AccountName,
        path: &FolderPath,
        if_none_match: &[Version],
    ) -> Result<FolderRead, TreeError> {
        todo!()
    }
    pub async fn put(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        content_type: &str,
        body: ByteStream,
        condition: &WriteCondition,
        quota: Option<u64>,
    ) -> Result<Written, TreeError> {
        todo!()
    }
    pub async fn delete(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        condition: &WriteCondition,
    ) -> Result<Version, TreeError> {
        todo!()
    }
    /// All changes of one module, or none, in one commit. All paths must lie in one module.
    pub async fn commit(
        &self,
        account: &AccountName,
        changes: Vec<Change>,
        quota: Option<u64>,
    ) -> Result<Vec<Written>, TreeError> {
        todo!()
    }
}
