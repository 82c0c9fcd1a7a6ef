//! Where an archive is read from: the account's storage here, or an external server.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use protocol::AccountName;
use storage_adapter::{
    Change, DocumentInfo, DocumentPath, DocumentRead, FolderPath, FolderRead, Item, MaybeSend,
    MaybeSync, ObjectStore, StoreError, TreeError, Version,
};

use crate::chat::Chat;
use crate::chat::away::{self, AwayError, Remote};
use crate::files::stores::Tree;
use crate::kernel::body::collect;
use crate::kernel::config::Connector;
use crate::kernel::host::Host;

/// A day's document larger than this, in bytes, continues in another one.
pub(super) const MAX_DAY: u64 = 16 * 1024 * 1024;

/// A document as it was found.
pub(super) enum Found {
    Absent,
    /// Bytes, content type, version.
    Here(Bytes, String, Version),
    TooLarge,
}

/// What planning needs from an archive.
pub(super) trait DayStore: MaybeSync {
    /// Why it cannot be read.
    type Error: From<TreeError> + MaybeSend;

    /// Reads one document.
    fn find(
        &self,
        path: &DocumentPath,
    ) -> impl Future<Output = Result<Found, Self::Error>> + MaybeSend;

    /// Lists the names in a folder: either its subfolders, with a trailing slash, or its documents.
    fn names(
        &self,
        folder: &FolderPath,
        documents: bool,
    ) -> impl Future<Output = Result<Vec<String>, Self::Error>> + MaybeSend;

    /// Returns the URI scheme of a connection's platform, if it has one.
    fn scheme(
        &self,
        connection: &str,
    ) -> impl Future<Output = Result<Option<String>, Self::Error>> + MaybeSend;
}

/// The account's storage here, as this process last saw it: the commit verifies that this is still current. The store
/// is only read when something is missing, and then once.
pub(super) struct Home<'a, S, H> {
    pub(super) account: &'a AccountName,
    chat: &'a Chat<S, H>,
    /// The connector that sent the messages.
    connector: &'a Connector,
    tree: Tree<S, H>,
    /// Whether the store was read.
    looked: AtomicBool,
}

impl<'a, S: ObjectStore, H: Host> Home<'a, S, H> {
    pub(crate) async fn of(
        chat: &'a Chat<S, H>,
        account: &'a AccountName,
        connector: &'a Connector,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            account,
            chat,
            connector,
            tree: chat.files.tree(account).await?,
            looked: AtomicBool::new(false),
        })
    }

    /// Applies all changes in one commit, and caches the documents.
    pub(crate) async fn append(&self, changes: Vec<Change>) -> Result<(), TreeError> {
        let documents: Vec<_> = changes
            .iter()
            .map(|change| match change {
                Change::Put {
                    path,
                    content_type,
                    body,
                    ..
                } => Some((path.clone(), content_type.clone(), body.clone())),
                Change::Delete { .. } => None,
            })
            .collect();
        let written = self.tree.append(self.account, changes).await?;
        for (document, written) in documents.into_iter().zip(written) {
            if let Some((path, content_type, body)) = document {
                let version = written.version;
                self.chat
                    .days
                    .keep(self.account, &path, (version, content_type, body));
            }
        }
        Ok(())
    }

    async fn info(&self, path: &DocumentPath) -> Result<Option<DocumentInfo>, TreeError> {
        let info = match self.tree.document_info_lately(self.account, path).await {
            Err(TreeError::NotFound) if !self.looked.swap(true, Ordering::Relaxed) => {
                self.tree.document_info(self.account, path).await
            }
            info => info,
        };
        match info {
            Ok(info) => Ok(Some(info)),
            Err(TreeError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<S: ObjectStore, H: Host> DayStore for Home<'_, S, H> {
    type Error = TreeError;

    async fn find(&self, path: &DocumentPath) -> Result<Found, TreeError> {
        match self.info(path).await? {
            None => return Ok(Found::Absent),
            Some(info) if info.length > MAX_DAY => return Ok(Found::TooLarge),
            Some(info) => {
                if let Some((content_type, bytes)) =
                    self.chat.days.get(self.account, path, &info.version)
                {
                    return Ok(Found::Here(bytes, content_type, info.version));
                }
            }
        }
        match self.tree.read_document(self.account, path, &[], None).await {
            Ok(DocumentRead::Found { info, body, .. }) if info.length <= MAX_DAY => {
                let bytes = collect(body, MAX_DAY).await?;
                Ok(bytes.map_or(Found::TooLarge, |bytes| {
                    Found::Here(bytes, info.content_type, info.version)
                }))
            }
            Ok(DocumentRead::Found { .. }) => Ok(Found::TooLarge),
            Ok(DocumentRead::NotModified(_)) | Err(TreeError::NotFound) => Ok(Found::Absent),
            Err(error) => Err(error),
        }
    }

    async fn names(&self, folder: &FolderPath, documents: bool) -> Result<Vec<String>, TreeError> {
        let folder = if self.looked.swap(true, Ordering::Relaxed) {
            self.tree.folder_lately(self.account, folder).await?
        } else {
            let read = self.tree.read_folder(self.account, folder, &[]).await?;
            let FolderRead::Found(folder) = read else {
                return Ok(Vec::new());
            };
            folder
        };
        Ok(folder
            .items
            .iter()
            .filter(|(_, item)| matches!(item, Item::Document(_)) == documents)
            .map(|(name, _)| name.clone())
            .collect())
    }

    async fn scheme(&self, connection: &str) -> Result<Option<String>, TreeError> {
        let scheme = self.chat.scheme(self.connector, self.account, connection);
        Ok(scheme.await?)
    }
}

/// A storage on an external server.
pub(super) struct There<'a, S, H> {
    pub(super) chat: &'a Chat<S, H>,
    pub(super) account: &'a AccountName,
    pub(super) connector: &'a Connector,
    pub(super) remote: &'a Remote<'a, H>,
}

impl<S: ObjectStore, H: Host> DayStore for There<'_, S, H> {
    type Error = AwayError;

    async fn find(&self, path: &DocumentPath) -> Result<Found, AwayError> {
        Ok(match self.remote.get(path.segments()).await? {
            away::Document::Absent => Found::Absent,
            away::Document::TooLarge => Found::TooLarge,
            away::Document::Here(bytes, content_type, version) => {
                Found::Here(bytes, content_type, version)
            }
        })
    }

    async fn names(&self, folder: &FolderPath, documents: bool) -> Result<Vec<String>, AwayError> {
        let mut names = self.remote.list(folder.segments()).await?;
        names.retain(|name| name.ends_with('/') != documents);
        Ok(names)
    }

    async fn scheme(&self, connection: &str) -> Result<Option<String>, AwayError> {
        let scheme = self.chat.scheme(self.connector, self.account, connection);
        Ok(scheme.await.map_err(TreeError::from)?)
    }
}
