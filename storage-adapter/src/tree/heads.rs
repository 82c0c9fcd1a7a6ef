//! Reads heads; cached ones only after the store has confirmed that they are current.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use protocol::{Backoff, Gathered, Jitter};

use super::index::Head;
use super::types::{Host, TreeError};
use super::{Storage, format};
use crate::store::{ByteStream, ETag, GetOptions, Object, ObjectStore, PutMode, StoreError};

/// The largest object that is read into memory: heads, pages and ledgers, in bytes.
const MAX_OBJECT: u64 = 256 << 20;
/// Attempts to read before the store counts as unavailable.
const READ_ATTEMPTS: u32 = 4;
/// Waits between attempts; each is drawn between zero and a limit that doubles.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Returns the head as of some point during the call; one GET.
    pub(super) async fn head(&self, key: &str) -> Result<Arc<Head>, TreeError> {
        self.newer_head(key, self.shared.cache.get(key)).await
    }

    /// The same with the cached head.
    pub(super) async fn newer_head(
        &self,
        key: &str,
        cached: Option<Arc<Head>>,
    ) -> Result<Arc<Head>, TreeError> {
        let known = cached.as_ref().and_then(|head| head.etag.clone());
        match (self.object(key, known).await?, cached) {
            (Found::Same, Some(head)) => Ok(head),
            (Found::Same | Found::Nothing, _) => {
                self.shared.cache.remove(key);
                Ok(Arc::default())
            }
            (Found::New(etag, bytes), _) => {
                let head = Arc::new(format::read(key, &bytes, etag)?);
                self.shared.cache.insert(key, &head, head.length);
                Ok(head)
            }
        }
    }

    /// Reads a complete small object; retries if the store is unavailable.
    pub(super) async fn object(&self, key: &str, known: Option<ETag>) -> Result<Found, TreeError> {
        let mut attempt = 0;
        loop {
            let options = GetOptions {
                if_none_match: known.clone(),
                range: None,
            };
            let found = match self.store.get(key, options).await {
                Ok(object) => collect(key, object).await,
                Err(StoreError::NotModified) => Ok(Found::Same),
                Err(StoreError::NotFound) => Ok(Found::Nothing),
                Err(error) => Err(error.into()),
            };
            attempt += 1;
            match found {
                Err(
                    TreeError::Store(
                        StoreError::Unavailable(_) | StoreError::AccountUnavailable(_),
                    )
                    | TreeError::Body(_),
                ) if attempt < READ_ATTEMPTS => {}
                // A body that breaks off here is the store's failure, not the caller's.
                Err(TreeError::Body(error)) => {
                    return Err(TreeError::Store(StoreError::Unavailable(error.to_string())));
                }
                found => return found,
            }
            self.back_off(attempt).await;
        }
    }

    /// Waits before the attempt with this number, counted from 1.
    pub(super) async fn back_off(&self, attempt: u32) {
        let mut random = [0; 8];
        self.host.random(&mut random);
        let wait = Jitter::Full.of(BACKOFF.after(attempt), u64::from_le_bytes(random));
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.host.sleep(millis).await;
    }
}

/// The result of a conditional read.
pub(super) enum Found {
    Same,
    Nothing,
    New(ETag, Bytes),
}

async fn collect(key: &str, object: Object) -> Result<Found, TreeError> {
    if object.length > MAX_OBJECT {
        let reason = format!("it has {} bytes", object.length);
        return Err(format::damaged(key, reason));
    }
    let too_long = || format::damaged(key, "it is longer than the store says");
    let mut body = object.body;
    let Some(first) = body.next().await.transpose()? else {
        return Ok(Found::New(object.etag, Bytes::new()));
    };
    if first.len() as u64 == object.length {
        return Ok(Found::New(object.etag, first));
    }
    if first.len() as u64 > object.length {
        return Err(too_long());
    }
    let mut all = Gathered::default();
    all.push(first);
    while let Some(chunk) = body.next().await.transpose()? {
        if (all.len() + chunk.len()) as u64 > object.length {
            return Err(too_long());
        }
        all.push(chunk);
    }
    Ok(Found::New(object.etag, all.finish()))
}

/// A body in one piece.
pub(super) fn whole(bytes: Bytes) -> ByteStream {
    Box::pin(futures_util::stream::once(std::future::ready(Ok(bytes))))
}

/// The condition under which a head succeeds another.
pub(super) fn mode(etag: Option<&ETag>) -> PutMode {
    etag.cloned().map_or(PutMode::IfAbsent, PutMode::IfMatch)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, stream};

    use super::*;

    #[test]
    fn an_object_is_not_longer_than_the_store_says() {
        let collected = |pieces: &[&'static str], length| {
            let pieces: Vec<_> = pieces.iter().map(|piece| Ok((*piece).into())).collect();
            let object = Object {
                etag: ETag("1".to_owned()),
                length,
                body: Box::pin(stream::iter(pieces)),
            };
            collect("k", object).now_or_never().unwrap()
        };
        for pieces in [&["abc"][..], &["ab", "c"], &["a", "b", "c"]] {
            let Ok(Found::New(_, bytes)) = collected(pieces, 3) else {
                panic!("{pieces:?}");
            };
            assert_eq!(bytes, "abc");
            match collected(pieces, 2) {
                Err(TreeError::Format(_)) => {}
                // It is not read on.
                Ok(Found::New(_, bytes)) => assert_eq!(bytes, "ab", "{pieces:?}"),
                other => panic!("{pieces:?}: {:?}", other.err()),
            }
        }
    }
}
