//! The object store from the tree's point of view.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::future::join_all;

use crate::maybe_send::{MaybeSend, MaybeSync};

/// A body in pieces.
#[cfg(not(target_family = "wasm"))]
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;
/// A body in pieces.
#[cfg(target_family = "wasm")]
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>>>>;

/// A body broke off, or exceeded its limit, while it was read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The sender disconnected or the transport failed.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// More bytes than allowed.
    #[error("the body is larger than the {limit} bytes allowed")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// Other bodies take all the memory available for bodies.
    #[error("too many large requests are being read at once")]
    Busy,
}

/// A version of an object, opaque. [`Versions`] specifies what it depends on besides the content.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ETag(pub String);

/// What the versions of a store distinguish.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Versions {
    /// Every write creates another version; a version never comes back.
    EveryWrite,
    /// The version is a digest of the bytes, like ETags of S3 and R2: the same bytes have the same version, even if
    /// there were others in between. Comparing it means comparing the content, so an object that is swapped by its
    /// version must contain something new each time.
    Content,
}

/// Why a store failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data read differs from the data written, or is not delivered although other data is; only its owner is
    /// affected. The sentence names it.
    #[error("{0}")]
    Damaged(String),
    /// No such object.
    #[error("no such object")]
    NotFound,
    /// A condition of a write did not hold. Nothing happened.
    #[error("the object was changed in between")]
    Precondition,
    /// The version asked about is the current one.
    #[error("not modified")]
    NotModified,
    /// The store could not be reached or failed; a write may have happened.
    #[error("the object store is unavailable: {0}")]
    Unavailable(String),
    /// Like [`StoreError::Unavailable`], for one account's own store: nobody else is affected.
    #[error("the object store is unavailable: {0}")]
    AccountUnavailable(String),
    /// The store denies access: the credentials are wrong, or have too few permissions. Nothing happened.
    #[error("the object store denies access: {0}")]
    Denied(Words),
    /// The store does not accept this request from anyone: the key is too long, the object too large, the disk
    /// read-only, or the server does not support it. Retrying is useless. Nothing happened.
    #[error("the object store refuses: {0}")]
    Refused(Words),
    /// There is no space: the disk is full, or reserves the rest for essential writes. Nothing happened.
    #[error("{0}")]
    Full(String),
    /// This one account's storage cannot be used now: it is being moved, or its own store refuses. The sentence is for
    /// its owner and says what to do. An immediate retry is useless. A write may have happened before that.
    #[error("{0}")]
    Account(String),
    /// The body to be stored failed. Nothing happened. For data that a store cannot deliver completely there is
    /// [`StoreError::Unavailable`].
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl StoreError {
    /// Creates [`StoreError::Denied`] with the store's words.
    #[must_use]
    pub fn denied(words: impl fmt::Display) -> Self {
        Self::Denied(Words::new(words))
    }

    /// Creates [`StoreError::Refused`] with the store's words.
    #[must_use]
    pub fn refused(words: impl fmt::Display) -> Self {
        Self::Refused(Words::new(words))
    }

    /// Whether only the object's owner is affected.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(
            self,
            Self::Damaged(_) | Self::Account(_) | Self::AccountUnavailable(_)
        )
    }
}

/// A store's own error text, cut and without characters that would end a log line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Words(String);

impl Words {
    /// The longest, in characters.
    pub const MAX: usize = 400;

    /// Sanitises a text.
    #[must_use]
    pub fn new(words: impl fmt::Display) -> Self {
        let words = words.to_string();
        let mut kept: String = words.chars().take(Self::MAX).collect();
        if kept.len() < words.len() {
            kept.push('…');
        }
        if kept.contains(char::is_control) {
            let escape = |c: char| -> String {
                match c.is_control() {
                    true => c.escape_default().collect(),
                    false => c.to_string(),
                }
            };
            kept = kept.chars().map(escape).collect();
        }
        Self(kept)
    }

    /// Returns the words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The condition and range of a read.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// Fail with [`StoreError::NotModified`] if this is the current version.
    pub if_none_match: Option<ETag>,
    /// The first byte and the exclusive end; clamped to the object. An empty range or one past the end returns no
    /// bytes.
    pub range: Option<std::ops::Range<u64>>,
}

/// An object being read.
pub struct Object {
    /// Its version.
    pub etag: ETag,
    /// Its total length in bytes, whatever the range.
    pub length: u64,
    /// The requested bytes.
    pub body: ByteStream,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("etag", &self.etag)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// The condition of a write.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum PutMode {
    /// Only if there is no such object.
    IfAbsent,
    /// Only if this is the current version.
    IfMatch(ETag),
    /// Always.
    #[default]
    Overwrite,
    /// There is no such object: the key was just generated, and nobody reads it before this write is acknowledged. If
    /// there is one nevertheless, it stays. A write that breaks off may leave a partial object behind; stores may take
    /// advantage of that, since nothing has to appear atomically. Documents are written this way; a store may refuse
    /// them before it is completely full, so that there is still space for everything else.
    New,
}

/// One entry of a listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The object's key.
    pub key: String,
    /// Its version.
    pub etag: ETag,
    /// Its length in bytes.
    pub length: u64,
}

/// Objects under keys. A key is one or more segments joined by `/`, each not empty and neither `.` nor `..`, in UTF-8
/// without NUL; stores map keys losslessly to their own names.
///
/// Writes are atomic, and durable when acknowledged; conditions are decided atomically with the write; reads and
/// listings see every write acknowledged before. The result of one call of [`Self::list`] is a state of one instant. A
/// version comes back only as [`Self::versions`] specifies.
pub trait ObjectStore: MaybeSend + MaybeSync + 'static {
    /// Reads an object or a range of it.
    fn get(
        &self,
        key: &str,
        options: GetOptions,
    ) -> impl Future<Output = Result<Object, StoreError>> + MaybeSend;

    /// Writes an object; the body may be of unknown length.
    fn put(
        &self,
        key: &str,
        body: ByteStream,
        mode: PutMode,
    ) -> impl Future<Output = Result<ETag, StoreError>> + MaybeSend;

    /// Deletes an object; succeeds if it does not exist.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;

    /// Deletes objects, in one request where the store supports that (see [`one_by_one`] for where it does not);
    /// succeeds for those that do not exist. After an error some may still exist.
    fn delete_many(
        &self,
        keys: &[String],
    ) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;

    /// Lists objects whose key begins with `prefix` and sorts (by bytes) after `start_after`, in order of
    /// keys, at most 1,000; fewer than 1,000 means there are no more.
    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + MaybeSend;

    /// Removes from the store itself what unfinished writes and deletions (empty folders) left behind more than this
    /// many milliseconds ago, which only costs space; returns how many.
    fn tidy(
        &self,
        _older_than_millis: i64,
    ) -> impl Future<Output = Result<usize, StoreError>> + MaybeSend {
        std::future::ready(Ok(0))
    }

    /// Returns how many more bytes of documents ([`PutMode::New`]) fit, if the store knows.
    fn room(&self) -> Option<u64> {
        None
    }

    /// Returns what versions depend on.
    fn versions(&self) -> Versions {
        Versions::EveryWrite
    }
}

/// Concurrent requests where objects are deleted one by one.
const AT_ONCE: usize = 8;

/// Deletes objects with a request for each; continues after an error, and returns the first one.
///
/// # Errors
/// If the store fails.
pub async fn one_by_one<S: ObjectStore>(store: &S, keys: &[String]) -> Result<(), StoreError> {
    let mut result = Ok(());
    for some in keys.chunks(AT_ONCE) {
        let deleted = join_all(some.iter().map(|key| store.delete(key))).await;
        result = deleted.into_iter().fold(result, Result::and);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_and_stay_on_one_line() {
        assert_eq!(Words::new("no such thing").as_str(), "no such thing");
        let hostile = Words::new("a\nERROR forged\u{1b}[2J\0");
        assert_eq!(hostile.as_str(), "a\\nERROR forged\\u{1b}[2J\\u{0}");
        let long = Words::new("é".repeat(Words::MAX + 1));
        assert_eq!(long.as_str().chars().count(), Words::MAX + 1);
        assert!(long.as_str().ends_with('…'));
        assert!(!Words::new("é".repeat(Words::MAX)).as_str().ends_with('…'));
    }
}
