//! The tree's inputs and outputs.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use protocol::Timestamp;

use super::path::DocumentPath;
use crate::maybe_send::{MaybeSend, MaybeSync};
use crate::store::{BodyError, ByteStream, StoreError};

/// Version of a document or folder as in listings: opaque, without quotes, strong.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version(pub String);

/// Condition of a write.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum WriteCondition {
    /// Write unconditionally.
    #[default]
    None,
    /// `If-None-Match: *`: only if there is no such document.
    IfAbsent,
    /// `If-None-Match: "a", "b"`: unless the document has one of these versions.
    IfNoneOf(Vec<Version>),
    /// `If-Match: "a", "b"`: only if the document has one of these versions.
    IfMatch(Vec<Version>),
    /// `If-Match: *`: only if the document exists.
    IfExists,
}

/// A document's metadata.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DocumentInfo {
    /// Its version.
    pub version: Version,
    /// Its media type, byte for byte as stored.
    pub content_type: String,
    /// Its length in bytes.
    pub length: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// The result of reading a document.
#[allow(missing_debug_implementations, reason = "a body has none")]
pub enum DocumentRead {
    /// The document.
    Found {
        /// Its metadata.
        info: DocumentInfo,
        /// The range of `body`, within the length; `None` for all of it.
        range: Option<Range<u64>>,
        /// The bytes.
        body: ByteStream,
    },
    /// The caller has the current version, which is this one.
    NotModified(Version),
}

/// A byte range as in the Range header (RFC 9110 section 14.1.2), before the length is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ByteRange {
    /// `n-`: all from this byte on.
    From(u64),
    /// `n-m`: both inclusive.
    FromTo(u64, u64),
    /// `-n`: the last n bytes.
    Last(u64),
}

impl ByteRange {
    /// Returns the first byte and the exclusive end within a document of this length; `None` if the range is outside of
    /// the document (416).
    #[must_use]
    pub fn resolve(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first) => first..length,
            Self::FromTo(first, last) => first..length.min(last.saturating_add(1)),
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
}

/// One item of a folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Item {
    /// A document.
    Document(DocumentInfo),
    /// A folder, with its version.
    Folder(Version),
}

/// A folder's listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Folder {
    /// Changes exactly when something below changes. Folders without items share one fixed version.
    pub version: Version,
    /// By name; folder names have no slash.
    pub items: BTreeMap<String, Item>,
}

/// The result of reading a folder.
#[derive(Clone, Debug)]
pub enum FolderRead {
    /// The listing; empty for a folder that does not exist.
    Found(Arc<Folder>),
    /// The caller has the current version, which is this one.
    NotModified(Version),
}

/// Why an operation on the tree failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// There is no such document (404).
    #[error("there is no such document")]
    NotFound,
    /// The precondition failed (412).
    #[error("the document has another version than the request expects")]
    Precondition {
        /// The current version, if any.
        current: Option<Version>,
    },
    /// A document is in place of a folder, or vice versa (409); the sentence names it.
    #[error("{0}")]
    Conflict(String),
    /// The media type cannot be stored (400).
    #[error("a content type has 1 to 512 bytes and no control characters")]
    ContentType,
    /// The account would exceed its quota (507).
    #[error("the account may hold {limit} bytes and holds {used} already")]
    Quota {
        /// The quota in bytes.
        limit: u64,
        /// The bytes in use.
        used: u64,
    },
    /// The requested range is outside of the document (416).
    #[error("the range lies outside of the document's {length} bytes")]
    Range {
        /// The document's length in bytes.
        length: u64,
    },
    /// The caller's body failed; nothing happened.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Too many concurrent writes to the same module; nothing happened, try again (503).
    #[error("too many writes at once; try again")]
    Busy,
    /// So much time passed between the first byte and the commit that the bytes may have been swept; nothing happened,
    /// try again (503).
    #[error("it took too long until it could be stored, and nothing happened; try again")]
    Late,
    /// The store failed. After [`StoreError::Unavailable`] a write may have happened; repeating it is safe.
    #[error(transparent)]
    Store(StoreError),
    /// A stored object has a newer format or is damaged; the sentence explains it.
    #[error("{0}")]
    Format(String),
}

impl From<StoreError> for TreeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Body(error) => Self::Body(error),
            error => Self::Store(error),
        }
    }
}

/// One change of a commit; bodies are small and in memory.
#[derive(Clone, Debug)]
pub enum Change {
    /// Writes a document.
    Put {
        /// Its path.
        path: DocumentPath,
        /// Its media type.
        content_type: String,
        /// Its bytes.
        body: Bytes,
        /// The condition.
        condition: WriteCondition,
    },
    /// Deletes a document.
    Delete {
        /// Its path.
        path: DocumentPath,
        /// The condition.
        condition: WriteCondition,
    },
}

/// A written document; for a deletion, the version that was deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Written {
    /// The document's version.
    pub version: Version,
    /// Whether the document did not exist before.
    pub created: bool,
}

/// Time and randomness, provided by the host.
pub trait Host: MaybeSend + MaybeSync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;
    /// Fills the buffer from a cryptographic source: versions are unique because of it.
    fn random(&self, bytes: &mut [u8]);
    /// Waits this many milliseconds, before a retry.
    fn sleep(&self, millis: u64) -> impl Future<Output = ()> + MaybeSend;
}
