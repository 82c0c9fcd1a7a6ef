//! Where an account's tree is kept: in the installation's store, or in a bucket of the user's own.
//!
//! Records (accounts, grants, hooks, queues, sealed secrets) stay in the installation's store. What is under an account's
//! tree, as `FORMAT.md` lists it, is where the record `accounts/<account>/store.json` says; without one it is in the
//! installation's store. [`Files::tree`] is the one place that knows.
//!
//! A process may remember for [`LEASE_MS`] where a tree is. A move first closes the account to writers and then waits
//! for [`SETTLE_MS`], so that nobody remembers anything else, before it marks the heads and copies them. A writer looks once more
//! before each swap of a head; after it has made a new head, which no mark can stop, it reads the record again before it
//! answers. So a write that was accepted is in the tree that is copied, or in the one that was switched to.

mod api;
mod moving;
mod record;
#[cfg(test)]
mod tests;
mod tree_store;

use std::sync::{Arc, Mutex, PoisonError};

use protocol::{AccountName, Bounded, Timestamp};
use serde::Deserialize;
use storage_adapter::{AnyStore, ETag, GetOptions, ObjectStore, Storage, StoreError};

pub use moving::{MoveError, MoveReport};
pub use tree_store::TreeStore;

use crate::files::Files;
use crate::kernel::body::collect;
use crate::kernel::bucket::BucketSettings;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::records::{damaged, too_large};
use record::{StoreLocation, StoreRecord};

/// For how long it is remembered where a tree is, in milliseconds.
const LEASE_MS: i64 = 2_000;
/// How long a move waits after it has closed the account, in milliseconds: clocks may go wrong by the rest.
const SETTLE_MS: u64 = 3 * LEASE_MS as u64;
/// Accounts whose place is remembered.
const MAX_KNOWN: usize = 10_000;
/// Buckets that are open at once.
const MAX_OPEN: usize = 128;
/// The largest record, in bytes.
const MAX_RECORD: u64 = 1024 * 1024;
/// What a bucket of one account may remember of heads and of pages, in bytes.
const OWN_CACHE: usize = 1 << 20;
/// Begins what a user's own bucket said.
const OWN: &str = "the account's own bucket";
/// Said to writers during a move.
const CLOSED: &str = "the account's storage is being moved to another place and takes no writes for a moment; please try again";

/// The trees of an account, wherever they are.
pub type Tree<S, H> = Storage<TreeStore<S, H>, H>;

/// Where a bucket is, and the trees in it.
type Open<S, H> = (StoreLocation, Tree<S, H>);

/// Makes what [`Files`] keeps.
pub(crate) fn of<S: ObjectStore, H: Host>(
    storage: &Storage<S, H>,
) -> (Arc<StoreLocations<S, H>>, Tree<S, H>) {
    let (store, host) = (storage.shared_store(), storage.shared_host());
    let places = Arc::new(StoreLocations::new(Arc::clone(&store), Arc::clone(&host)));
    let home = TreeStore::home(Arc::clone(&places), store);
    let trees = Storage::with_options(Arc::new(home), host, storage.options());
    (places, trees)
}

/// Where a tree is to go.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NewStoreLocation {
    /// Back to the installation's store.
    Installation,
    /// To a bucket.
    Bucket(BucketSettings),
}

/// What a record said.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) record: StoreRecord,
    pub(crate) etag: Option<ETag>,
    read: Timestamp,
}

/// Records of where trees are, as they were read last; and the trees of open buckets.
pub(crate) struct StoreLocations<S, H> {
    store: Arc<S>,
    host: Arc<H>,
    known: Mutex<Bounded<AccountName, Arc<Known>>>,
    open: Mutex<Bounded<AccountName, Open<S, H>>>,
}

impl<S: ObjectStore, H: Host> StoreLocations<S, H> {
    pub(crate) fn new(store: Arc<S>, host: Arc<H>) -> Self {
        Self {
            store,
            host,
            known: Mutex::new(Bounded::new(MAX_KNOWN)),
            open: Mutex::new(Bounded::new(MAX_OPEN)),
        }
    }

    /// Returns what the record says, as it was a moment ago at most; if it is `fresh`, or the account is being
    /// closed, as it is at some point during the call.
    pub(crate) async fn known(
        &self,
        account: &AccountName,
        fresh: bool,
    ) -> Result<Arc<Known>, StoreError> {
        let remembered = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(account).cloned()
        };
        if let Some(known) = &remembered
            && !fresh
            && !known.record.is_closed()
            && (0..LEASE_MS).contains(&(self.host.now().millis() - known.read.millis()))
        {
            return Ok(Arc::clone(known));
        }
        // The time before the answer: the lease must not be longer.
        let read = self.host.now();
        let options = GetOptions {
            if_none_match: remembered.as_ref().and_then(|known| known.etag.clone()),
            range: None,
        };
        let key = keys::store(account);
        let known = match self.store.get(&key, options).await {
            Ok(object) => {
                let bytes = collect(object.body, MAX_RECORD).await?;
                let bytes = bytes
                    .ok_or_else(|| StoreError::Damaged(damaged(&key, &too_large(MAX_RECORD))))?;
                Known {
                    record: StoreRecord::read(&key, &bytes)?,
                    etag: Some(object.etag),
                    read,
                }
            }
            Err(StoreError::NotFound) => Known {
                record: StoreRecord::default(),
                etag: None,
                read,
            },
            Err(StoreError::NotModified) => match remembered {
                Some(known) => Known {
                    read,
                    ..Known::clone(&known)
                },
                None => return Err(StoreError::NotModified),
            },
            Err(error) => return Err(error),
        };
        let known = Arc::new(known);
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(account.clone(), Arc::clone(&known));
        Ok(known)
    }

    /// Forgets what was remembered.
    pub(crate) fn forget(&self, account: &AccountName) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(account);
    }
}

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Returns the trees of the store that the account's tree is in. Whoever writes keeps it from the first byte to
    /// the last answer, so that all of a write goes to one place.
    ///
    /// # Errors
    /// If the installation's store fails; [`StoreError::Account`] if the account's own cannot be opened.
    pub async fn tree(&self, account: &AccountName) -> Result<Tree<S, H>, StoreError> {
        let known = self.place_of(account).await?;
        let place = &known.record.place;
        if matches!(place, StoreLocation::Installation) {
            return Ok(self.trees.clone());
        }
        {
            let mut open = self
                .places
                .open
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some((opened, tree)) = open.touch(account)
                && opened == place
            {
                return Ok(tree.clone());
            }
        }
        let store = Box::pin(self.open_place(account, place)).await?;
        let store = TreeStore::own(Arc::clone(&self.places), store, place.clone());
        let mut options = self.kernel.storage().options();
        options.cache_bytes = options.cache_bytes.min(OWN_CACHE);
        options.page_cache_bytes = options.page_cache_bytes.min(OWN_CACHE);
        let host = self.kernel.storage().shared_host();
        let tree = Storage::with_options(Arc::new(store), host, options);
        let mut open = self
            .places
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.insert(account.clone(), (place.clone(), tree.clone()));
        Ok(tree)
    }

    /// Returns where the account's tree is. A record of it that cannot be read is this account's trouble.
    async fn place_of(&self, account: &AccountName) -> Result<Arc<Known>, StoreError> {
        let known = self.places.known(account, false).await;
        let key = || keys::store(account);
        match known {
            Ok(known) => {
                if self.kernel.damaged_records() > 0 {
                    self.kernel.note_mended(&key());
                }
                Ok(known)
            }
            Err(StoreError::Damaged(sentence)) => {
                self.kernel.note_unread(&key(), &sentence);
                Err(StoreError::Damaged(sentence))
            }
            Err(error) => Err(self.kernel.whose(&key(), error).await),
        }
    }

    /// Opens the store that a place is in.
    async fn open_place(
        &self,
        account: &AccountName,
        place: &StoreLocation,
    ) -> Result<AnyStore, StoreError> {
        let bucket = match place {
            StoreLocation::Installation => {
                return Ok(AnyStore::new(self.kernel.storage().shared_store()));
            }
            StoreLocation::Bucket(bucket) => bucket,
        };
        let secret = self
            .kernel
            .keys()
            .open(account, &bucket.id, &bucket.secret)
            .map_err(|error| {
                StoreError::Account(format!("{OWN}: {error}; enter the secret again"))
            })?;
        let settings = bucket.settings(secret);
        let opened = self
            .kernel
            .storage()
            .host()
            .open_bucket(&settings, Some(bucket.parts))
            .await
            .map_err(|error| StoreError::Account(format!("{OWN} cannot be used: {error}")))?;
        Ok(opened.store)
    }

    /// Forgets where an account's tree is.
    pub(crate) fn forget_place(&self, account: &AccountName) {
        self.places.forget(account);
    }

    /// Returns whether the account is on its way to another store.
    ///
    /// # Errors
    /// If the installation's store fails.
    pub async fn is_being_moved(&self, account: &AccountName) -> Result<bool, StoreError> {
        let known = self.place_of(account).await?;
        Ok(known.record.moving.is_some())
    }

    /// Returns whether the account's documents lie in the installation's store, whose quota is the operator's.
    pub(crate) async fn is_at_home(&self, account: &AccountName) -> Result<bool, StoreError> {
        let known = self.place_of(account).await?;
        Ok(matches!(known.record.place, StoreLocation::Installation))
    }
}
