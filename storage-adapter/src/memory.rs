//! A store in memory: the reference for all others, which can also fail on demand.
//!
//! Failures are drawn from a seed, so a run can be repeated. It uses no clock: a delay is the number of times that a
//! request lets others go first.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};
use std::task::Poll;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use mutex::lock;
use sha2::{Digest, Sha256};

use crate::store::{
    BodyError, ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError,
    Versions,
};

/// The most entries of a listing.
const PAGE: usize = 1000;

/// The faults; probabilities are in percent of the requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The seed of the random numbers.
    pub seed: u64,
    /// The request fails and nothing happens.
    pub refuse: u8,
    /// The request is carried out but fails: its response is lost.
    pub lose_reply: u8,
    /// Before and after it takes effect, a request lets others go first up to this many times. Each is a point where a
    /// future may be dropped, as when a process dies.
    pub delay: u8,
    /// The body of a read breaks off in the middle.
    pub break_off: u8,
}

/// A fault of one object only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ObjectFault {
    /// Reads, writes and deletions fail with this error; nothing happens.
    Fails(StoreError),
    /// Reads fail with this error.
    Unreadable(StoreError),
    /// Reads break off in the middle of the body.
    BreaksOff,
    /// Listings below it fail with this error, as for a folder without permission; objects can be reached by their
    /// keys.
    Unlisted(StoreError),
}

/// The number of requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Requests {
    /// Reads, including those answered with [`StoreError::NotModified`].
    pub get: u64,
    /// Writes.
    pub put: u64,
    /// Deletions.
    pub delete: u64,
    /// Listings.
    pub list: u64,
}

impl Requests {
    /// Returns the number of all requests.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.get + self.put + self.delete + self.list
    }
}

/// Objects in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    digests: bool,
    objects: BTreeMap<String, (u64, Bytes)>,
    serial: u64,
    faults: Faults,
    /// By key prefix.
    of_objects: BTreeMap<String, ObjectFault>,
    random: u64,
    requests: Requests,
    /// The most bytes of all objects before documents are refused.
    capacity: Option<u64>,
}

/// The fate of one request.
struct Fate {
    before: u8,
    after: u8,
    refused: bool,
    lost: bool,
    broken: bool,
}

impl MemoryStore {
    /// Creates an empty store without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty store with faults.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        let store = Self::default();
        store.set_faults(faults);
        store
    }

    /// From now on versions are digests of the bytes, as in S3.
    #[must_use]
    pub fn with_digests(self) -> Self {
        self.state().digests = true;
        self
    }

    /// Changes the faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state();
        state.faults = faults;
        state.random = faults.seed;
    }

    /// Sets the most bytes of all objects before documents are refused ([`PutMode::New`]); `None` for no limit.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.state().capacity = capacity;
    }

    /// Sets or clears the fault of objects whose keys have this prefix.
    pub fn set_fault_of(&self, prefix: &str, fault: Option<ObjectFault>) {
        let mut state = self.state();
        match fault {
            Some(fault) => state.of_objects.insert(prefix.to_owned(), fault),
            None => state.of_objects.remove(prefix),
        };
    }

    fn fault_of(&self, key: &str) -> Option<ObjectFault> {
        let state = self.state();
        let mut faults = state.of_objects.iter();
        let (_, fault) = faults.find(|(prefix, _)| key.starts_with(prefix.as_str()))?;
        Some(fault.clone())
    }

    /// Fails if the key is malformed, or its object has a fault.
    fn check(&self, key: &str) -> Result<(), StoreError> {
        check_key(key)?;
        match self.fault_of(key) {
            Some(ObjectFault::Fails(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the number of requests since the last call.
    pub fn take_requests(&self) -> Requests {
        std::mem::take(&mut self.state().requests)
    }

    /// Returns all keys in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn fate(&self, count: impl FnOnce(&mut Requests)) -> Fate {
        let mut state = self.state();
        count(&mut state.requests);
        let faults = state.faults;
        let mut draw = |below: u64| if below == 0 { 0 } else { state.next() % below };
        Fate {
            before: draw(u64::from(faults.delay) + 1) as u8,
            after: draw(u64::from(faults.delay) + 1) as u8,
            refused: draw(100) < u64::from(faults.refuse),
            lost: draw(100) < u64::from(faults.lose_reply),
            // Not drawn without such a fault, so that the others stay the same.
            broken: faults.break_off > 0 && draw(100) < u64::from(faults.break_off),
        }
    }

    async fn attempt<T>(
        &self,
        fate: Fate,
        act: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        give_way(fate.before).await;
        if fate.refused {
            return Err(StoreError::Unavailable("injected: refused".to_owned()));
        }
        let result = act(&mut self.state());
        give_way(fate.after).await;
        if fate.lost {
            return Err(StoreError::Unavailable("injected: reply lost".to_owned()));
        }
        result
    }
}

impl State {
    /// The bytes left for documents, if limited.
    fn room(&self) -> Option<u64> {
        let lengths = self.objects.values().map(|(_, bytes)| bytes.len() as u64);
        Some(self.capacity?.saturating_sub(lengths.sum()))
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Lets others go first.
async fn give_way(times: u8) {
    let mut left = times;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn etag(serial: u64) -> ETag {
    ETag(format!("{serial:x}"))
}

fn digest(bytes: &[u8]) -> u64 {
    let hash = Sha256::digest(bytes);
    hash.iter()
        .take(8)
        .fold(0, |all, &byte| all << 8 | u64::from(byte))
}

fn check_key(key: &str) -> Result<(), StoreError> {
    if key.contains('\0') || key.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err(StoreError::refused("the key is malformed"));
    }
    Ok(())
}

impl ObjectStore for MemoryStore {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        self.check(key)?;
        let fate = self.fate(|requests| requests.get += 1);
        let broken = match self.fault_of(key) {
            Some(ObjectFault::Unreadable(error)) => return Err(error),
            Some(ObjectFault::BreaksOff) => true,
            _ => fate.broken,
        };
        let found = self
            .attempt(fate, |state| Ok(state.objects.get(key).cloned()))
            .await?;
        let (serial, bytes) = found.ok_or(StoreError::NotFound)?;
        if options.if_none_match == Some(etag(serial)) {
            return Err(StoreError::NotModified);
        }
        let length = bytes.len();
        let part = options.range.map_or(0..length, |range| {
            let clamp = |at: u64| usize::try_from(at).unwrap_or(length).min(length);
            let start = clamp(range.start);
            start..clamp(range.end).max(start)
        });
        let chunk = bytes.slice(part);
        let chunks = match (chunk.len(), broken) {
            (0, false) => Vec::new(),
            (_, false) => vec![Ok(chunk)],
            (length, true) => {
                let error = BodyError::Broken("injected: broken off".to_owned());
                vec![Ok(chunk.slice(..length / 2)), Err(error)]
            }
        };
        Ok(Object {
            etag: etag(serial),
            length: length as u64,
            body: Box::pin(stream::iter(chunks)),
        })
    }

    async fn put(
        &self,
        key: &str,
        mut body: ByteStream,
        mode: PutMode,
    ) -> Result<ETag, StoreError> {
        self.check(key)?;
        let fate = self.fate(|requests| requests.put += 1);
        let mut chunks = VecDeque::new();
        while let Some(chunk) = body.next().await.transpose()? {
            chunks.push_back(chunk);
        }
        let bytes = match (chunks.pop_front(), chunks.is_empty()) {
            (None, _) => Bytes::new(),
            (Some(only), true) => only,
            (Some(first), false) => {
                let mut all = first.to_vec();
                chunks.iter().for_each(|chunk| all.extend_from_slice(chunk));
                all.into()
            }
        };
        self.attempt(fate, |state| {
            let is_document = mode == PutMode::New;
            let current = state.objects.get(key).map(|(serial, _)| etag(*serial));
            let holds = match mode {
                PutMode::IfAbsent | PutMode::New => current.is_none(),
                PutMode::IfMatch(wanted) => current == Some(wanted),
                PutMode::Overwrite => true,
            };
            if !holds {
                return Err(StoreError::Precondition);
            }
            if is_document && state.room().is_some_and(|room| room < bytes.len() as u64) {
                return Err(StoreError::Full("the disk is full".to_owned()));
            }
            state.serial += 1;
            let serial = if state.digests {
                digest(&bytes)
            } else {
                state.serial
            };
            state.objects.insert(key.to_owned(), (serial, bytes));
            Ok(etag(serial))
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.check(key)?;
        let fate = self.fate(|requests| requests.delete += 1);
        self.attempt(fate, |state| {
            state.objects.remove(key);
            Ok(())
        })
        .await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        keys.iter().try_for_each(|key| self.check(key))?;
        let fate = self.fate(|requests| requests.delete += 1);
        self.attempt(fate, |state| {
            keys.iter().for_each(|key| drop(state.objects.remove(key)));
            Ok(())
        })
        .await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        let fate = self.fate(|requests| requests.list += 1);
        if let Some(ObjectFault::Unlisted(error)) = self.fault_of(prefix) {
            return Err(error);
        }
        self.attempt(fate, |state| {
            let start = match start_after {
                Some(after) if after >= prefix => Bound::Excluded(after),
                _ => Bound::Included(prefix),
            };
            let entries = state
                .objects
                .range::<str, _>((start, Bound::Unbounded))
                .take_while(|(key, _)| key.starts_with(prefix))
                .take(PAGE)
                .map(|(key, (serial, bytes))| Entry {
                    key: key.clone(),
                    etag: etag(*serial),
                    length: bytes.len() as u64,
                })
                .collect();
            Ok(entries)
        })
        .await
    }

    fn room(&self) -> Option<u64> {
        self.state().room()
    }

    fn versions(&self) -> Versions {
        match self.state().digests {
            true => Versions::Content,
            false => Versions::EveryWrite,
        }
    }
}
