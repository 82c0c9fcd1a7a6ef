//! The object store as the tree sees it.

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
    /// The sender went away or the transport failed.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// More bytes than allowed.
    #[error("the body is larger than the {limit} bytes allowed")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// Others' bodies take all the memory that there is for bodies.
    #[error("too many large requests are being read at once")]
    Busy,
}

/// A version of an object, opaque. What else than the object's content it depends on says [`Versions`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ETag(pub String);

/// What the versions of a store tell apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Versions {
    /// Every write makes another version; a version never comes back.
    EveryWrite,
    /// The version is a digest of the bytes, as ETags of S3 and R2 are: the same bytes have the same
    /// version, also after others were there in between. A comparison with it is one with the content, so
    /// whoever swaps an object by its version puts something into it that is new each time.
    Content,
}

/// What a store could not do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What was read is not what was written, or is not given although others are; nobody but whom it belongs to is
    /// concerned. The sentence names it.
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
    /// As [`StoreError::Unavailable`], of a store that is one account's own: nobody else is concerned.
    #[error("the object store is unavailable: {0}")]
    AccountUnavailable(String),
    /// The store gives no access: the credentials are wrong, or allow too little. Nothing happened.
    #[error("the object store denies access: {0}")]
    Denied(Words),
    /// The store does not take this request, whoever sends it: the key is too long, the object too large, the disk read-only,
    /// or the server does not know what it is asked for. Trying again is useless. Nothing happened.
    #[error("the object store refuses: {0}")]
    Refused(Words),
    /// There is no room: the disk is full, or keeps the rest for what must go on. Nothing happened.
    #[error("{0}")]
    Full(String),
    /// This one account's storage cannot be used now: it is being moved, or its own store refuses. The sentence is
    /// for its owner and says what to do. Trying again at once is useless. A write may have happened before that.
    #[error("{0}")]
    Account(String),
    /// The body that was given to be stored failed. Nothing happened. What a store has and cannot give to its end is
    /// [`StoreError::Unavailable`].
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl StoreError {
    /// The store gives no access, in its words.
    #[must_use]
    pub fn denied(words: impl fmt::Display) -> Self {
        Self::Denied(Words::new(words))
    }

    /// The store does not take a request, in its words.
    #[must_use]
    pub fn refused(words: impl fmt::Display) -> Self {
        Self::Refused(Words::new(words))
    }

    /// Whether nobody is concerned but whom the object belongs to.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(
            self,
            Self::Damaged(_) | Self::Account(_) | Self::AccountUnavailable(_)
        )
    }
}

/// What a store said of itself: a server's own words, cut and without anything that would end a line of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Words(String);

impl Words {
    /// The longest, in characters.
    pub const MAX: usize = 400;

    /// Takes words as they came.
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

/// Conditions and part of a read.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// Answer [`StoreError::NotModified`] if this is the current version.
    pub if_none_match: Option<ETag>,
    /// First byte and, exclusive, last; clamped to the object. Empty or past the end gives no bytes.
    pub range: Option<std::ops::Range<u64>>,
}

/// An object that is being read.
pub struct Object {
    /// Its version.
    pub etag: ETag,
    /// Its whole length in bytes, whatever the range.
    pub length: u64,
    /// The bytes asked for.
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

/// When a write may happen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum PutMode {
    /// Only if there is no such object.
    IfAbsent,
    /// Only if this is the current version.
    IfMatch(ETag),
    /// Always.
    #[default]
    Overwrite,
    /// There is none: the key was made up just now, and nobody asks for it before this write is
    /// acknowledged. If there is one all the same, it stays. A write that breaks off may leave
    /// a part of the object behind, which a store can make use of: nothing has to appear at once. So documents are
    /// written; a store may refuse them before it is quite full, so that everything else still has room.
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

/// Objects under keys. A key is one or more segments joined by `/`, each not empty and neither `.` nor
/// `..`, in UTF-8 without NUL; stores map it to names of their own without loss.
///
/// Writes are atomic and durable when acknowledged; conditions are decided atomically with the
/// write; reads and listings see every write that was acknowledged before. What one call of
/// [`Self::list`] gives was there at one instant. A version comes back only as [`Self::versions`] says.
pub trait ObjectStore: MaybeSend + MaybeSync + 'static {
    /// Reads an object or a part of it.
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

    /// Deletes an object; one that does not exist is no error.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;

    /// Deletes objects, in one request where the store has such, see [`one_by_one`] for where it has not; those that
    /// do not exist are no error. After an error some may still be there.
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

    /// Removes what writes that never ended left in the store itself more than so many milliseconds ago,
    /// where nobody sees it but whoever pays for the space; returns how many there were.
    fn tidy(
        &self,
        _older_than_millis: i64,
    ) -> impl Future<Output = Result<usize, StoreError>> + MaybeSend {
        std::future::ready(Ok(0))
    }

    /// Tells how many bytes more of documents ([`PutMode::New`]) find room, if the store knows.
    fn room(&self) -> Option<u64> {
        None
    }

    /// Tells what versions depend on.
    fn versions(&self) -> Versions {
        Versions::EveryWrite
    }
}

/// Requests at a time where each object is deleted by one of its own.
const AT_ONCE: usize = 8;

/// Deletes objects with a request for each; gives the first error, and goes on after it.
///
/// # Errors
/// Those of the store.
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
