//! Where an archive is read: in the account's storage here, or in one somewhere else.

use std::future::Future;

use bytes::Bytes;
use model::AccountName;
use storage_adapter::{
    DocumentPath, DocumentRead, FolderPath, FolderRead, Item, MaybeSend, MaybeSync, ObjectStore,
    TreeError, Version,
};

use crate::away::{self, AwayError, Remote};
use crate::body::collect;
use crate::{Functions, Host};

/// A day's document that is larger, in bytes, goes on in another one.
pub(super) const MAX_DAY: u64 = 16 * 1024 * 1024;

/// A document as it was found.
pub(super) enum Found {
    Absent,
    /// Bytes, content type, version.
    Here(Bytes, String, Version),
    TooLarge,
}

/// What planning needs of an archive.
pub(super) trait Place: MaybeSync {
    /// Why it cannot be read.
    type Error: From<TreeError> + MaybeSend;

    /// Reads a document.
    fn find(
        &self,
        path: &DocumentPath,
    ) -> impl Future<Output = Result<Found, Self::Error>> + MaybeSend;

    /// Lists a folder's names, those of folders with a slash at the end, or those of documents.
    fn names(
        &self,
        folder: &FolderPath,
        documents: bool,
    ) -> impl Future<Output = Result<Vec<String>, Self::Error>> + MaybeSend;
}

/// The account's storage here.
pub(super) struct Home<'a, S, H> {
    pub(super) functions: &'a Functions<S, H>,
    pub(super) account: &'a AccountName,
}

impl<S: ObjectStore, H: Host> Place for Home<'_, S, H> {
    type Error = TreeError;

    async fn find(&self, path: &DocumentPath) -> Result<Found, TreeError> {
        match self
            .functions
            .tree(self.account)
            .await?
            .read_document(self.account, path, &[], None)
            .await
        {
            Ok(DocumentRead::Found { info, body, .. }) if info.length <= MAX_DAY => {
                let bytes = collect(body, MAX_DAY).await?;
                Ok(Found::Here(bytes, info.content_type, info.version))
            }
            Ok(DocumentRead::Found { .. }) => Ok(Found::TooLarge),
            Ok(DocumentRead::NotModified(_)) | Err(TreeError::NotFound) => Ok(Found::Absent),
            Err(error) => Err(error),
        }
    }

    async fn names(&self, folder: &FolderPath, documents: bool) -> Result<Vec<String>, TreeError> {
        let read = self
            .functions
            .tree(self.account)
            .await?
            .read_folder(self.account, folder, &[])
            .await?;
        let FolderRead::Found(folder) = read else {
            return Ok(Vec::new());
        };
        Ok(folder
            .items
            .iter()
            .filter(|(_, item)| matches!(item, Item::Document(_)) == documents)
            .map(|(name, _)| name.clone())
            .collect())
    }
}

/// A storage at somebody else's server.
impl<H: Host> Place for Remote<'_, H> {
    type Error = AwayError;

    async fn find(&self, path: &DocumentPath) -> Result<Found, AwayError> {
        Ok(match self.get(path.segments()).await? {
            away::Document::Absent => Found::Absent,
            away::Document::TooLarge => Found::TooLarge,
            away::Document::Here(bytes, content_type, version) => {
                Found::Here(bytes, content_type, version)
            }
        })
    }

    async fn names(&self, folder: &FolderPath, documents: bool) -> Result<Vec<String>, AwayError> {
        let mut names = self.list(folder.segments()).await?;
        names.retain(|name| name.ends_with('/') != documents);
        Ok(names)
    }
}
