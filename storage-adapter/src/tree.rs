//! The tree (interface only; implementation follows).
#![allow(
    missing_docs,
    clippy::unused_async,
    unused_variables,
    reason = "interface draft"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{AccountName, Timestamp};

use crate::MaybeSend;
use crate::store::{BodyError, ByteStream, ObjectStore, StoreError};

/// Path of a document, decoded segments: `["notes","a b.txt"]`, `["public","notes","x"]`, `["x"]` (root document).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DocumentPath {
    segments: Vec<String>,
}
/// Path of a folder; no segments = the root.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FolderPath {
    segments: Vec<String>,
}
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ItemPath {
    Document(DocumentPath),
    Folder(FolderPath),
}
/// Empty name, `.`, `..`, NUL, invalid UTF-8 or percent-encoding, too long…
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPath(pub String);

impl ItemPath {
    /// Parses the part of a URL after `/storage/<account>`, percent-encoded, e.g. `/notes/a%20b.txt` or `/notes/`.
    pub fn parse(url_path: &str) -> Result<Self, InvalidPath> {
        todo!()
    }
    /// The module: first segment, or the one after `public`; None for root, `/public/`, root documents.
    pub fn module(&self) -> Option<&str> {
        todo!()
    }
    pub fn is_public(&self) -> bool {
        todo!()
    }
}
impl DocumentPath {
    pub fn from_segments(segments: Vec<String>) -> Result<Self, InvalidPath> {
        todo!()
    }
}
impl FolderPath {
    pub fn from_segments(segments: Vec<String>) -> Result<Self, InvalidPath> {
        todo!()
    }
}

/// Version of a document or folder as it stands in listings (unquoted, strong).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Version(pub String);

/// Condition of a write.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum WriteCondition {
    #[default]
    None,
    IfAbsent, /* If-None-Match: * */
    IfMatch(Vec<Version>),
    IfExists, /* If-Match: * */
}

/// What a document is, without its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DocumentInfo {
    pub version: Version,
    pub content_type: String,
    pub length: u64,
    pub modified: Timestamp,
}

#[allow(missing_debug_implementations)]
pub enum DocumentRead {
    /// the bytes of `range` (resolved: start..end within length) or all
    Found {
        info: DocumentInfo,
        range: Option<std::ops::Range<u64>>,
        body: ByteStream,
    },
    NotModified(Version),
}

/// A byte range as in the Range header, before the length is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ByteRange {
    From(u64),
    FromTo(u64, u64), /* inclusive */
    Last(u64),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Item {
    Document(DocumentInfo),
    Folder(Version),
}
#[derive(Clone, Debug)]
pub struct Folder {
    pub version: Version,
    pub items: BTreeMap<String, Item>, /* folder names without slash: see Item */
}
#[derive(Clone, Debug)]
pub enum FolderRead {
    Found(Arc<Folder>),
    NotModified(Version),
}

#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    #[error("no such document")]
    NotFound,
    #[error("precondition failed")]
    Precondition { current: Option<Version> },
    /// document where a folder is, or the other way round; with the path that is in the way
    #[error("{0}")]
    Conflict(String),
    #[error("over quota")]
    Quota { limit: u64, used: u64 },
    #[error("range not satisfiable")]
    Range { length: u64 },
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("busy")]
    Busy, // retries exhausted: 503
    #[error(transparent)]
    Store(StoreError),
    /// the index is of a newer format or damaged
    #[error("{0}")]
    Format(String),
}

/// One change of a commit; small bodies in memory.
#[derive(Clone, Debug)]
pub enum Change {
    Put {
        path: DocumentPath,
        content_type: String,
        body: Bytes,
        condition: WriteCondition,
    },
    Delete {
        path: DocumentPath,
        condition: WriteCondition,
    },
}

/// Time and randomness, handed in by the host.
pub trait Host: crate::MaybeSync + MaybeSend + 'static {
    fn now(&self) -> Timestamp;
    fn random(&self, bytes: &mut [u8]);
    /// waits (jittered back-off between retries)
    fn sleep(&self, millis: u64) -> impl Future<Output = ()> + MaybeSend;
}

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

#[derive(Clone, Debug)]
pub struct Written {
    pub version: Version,
    pub created: bool,
}

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
    // later in the same file family: list_superseded, restore, sweep
}
