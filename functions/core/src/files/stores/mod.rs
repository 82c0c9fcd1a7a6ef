//! Where an account's tree is stored: in the installation's store, or in the account's own bucket.
//!
//! Records (accounts, grants, hooks, queues, encrypted secrets) stay in the installation's store. An account's tree, as
//! `FORMAT.md` lists it, is where the record `accounts/<account>/store.json` says; without a record it is in the
//! installation's store. [`Files::tree`] is the only place that knows.
//!
//! A process may cache a tree's location for [`LEASE_MS`]. A move first closes the account to writers and waits for
//! [`SETTLE_MS`], so that no process has an older record cached, before it marks the heads and copies them. A writer
//! checks again before each swap of a head; after creating a new head, which no mark can prevent, it reads the record
//! again before it responds. So an accepted write is either in the tree that is copied, or in the one that was switched
//! to.

mod api;
mod moving;
mod record;
#[cfg(test)]
mod tests;
mod tree_store;

use std::sync::{Arc, Mutex};

use mutex::lock;
use protocol::{AccountName, Bounded, NewPlace, Timestamp};
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

/// How long a tree's location is cached, in milliseconds.
const LEASE_MS: i64 = 2_000;
/// How long a move waits after closing the account, in milliseconds: the difference allows for clock drift.
const SETTLE_MS: u64 = 3 * LEASE_MS as u64;
/// The most accounts whose location is cached.
const MAX_KNOWN: usize = 10_000;
/// Buckets that are open at once.
const MAX_OPEN: usize = 128;
/// The largest record, in bytes.
const MAX_RECORD: u64 = 1024 * 1024;
/// How much a bucket of one account may cache of heads and of pages, in bytes.
const OWN_CACHE: usize = 1 << 20;
/// Prefix of errors from an account's own bucket.
const OWN: &str = "the account's own bucket";
/// Returned to writers during a move.
const CLOSED: &str = "the account's storage is being moved to another place and takes no writes for a moment; please try again";

/// The trees of an account, wherever they are.
pub type Tree<S, H> = Storage<TreeStore<S, H>, H>;

/// A bucket's location, and the trees in it.
type Open<S, H> = (StoreLocation, Tree<S, H>);

/// Creates the state that [`Files`] keeps.
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
#[derive(Clone, Debug)]
pub enum NewStoreLocation {
    /// Back to the installation's store.
    Installation,
    /// To a bucket.
    Bucket(BucketSettings),
}

impl From<NewPlace> for NewStoreLocation {
    fn from(place: NewPlace) -> Self {
        match place {
            NewPlace::Installation => Self::Installation,
            NewPlace::Bucket(named) => Self::Bucket(named.into()),
        }
    }
}

/// What a record said.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) record: StoreRecord,
    pub(crate) etag: Option<ETag>,
    read: Timestamp,
}

/// Records of where trees are, as last read, and the trees of open buckets.
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

    /// Returns what the record says, cached for a moment; if `fresh`, or while the account is being closed, as read
    /// during this call.
    pub(crate) async fn known(
        &self,
        account: &AccountName,
        fresh: bool,
    ) -> Result<Arc<Known>, StoreError> {
        let remembered = {
            let known = lock(&self.known);
            known.get(account).cloned()
        };
        if let Some(known) = &remembered
            && !fresh
            && !known.record.is_closed()
            && (0..LEASE_MS).contains(&(self.host.now().millis() - known.read.millis()))
        {
            return Ok(Arc::clone(known));
        }
        // The time before the read: the lease must not be longer.
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
        let mut all = lock(&self.known);
        all.insert(account.clone(), Arc::clone(&known));
        Ok(known)
    }

    /// Drops the cached record.
    pub(crate) fn forget(&self, account: &AccountName) {
        let mut known = lock(&self.known);
        known.remove(account);
    }
}

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Returns the trees of the store that contains the account's tree. A writer holds on to it from the first byte to
    /// the last response, so that all of a write goes to one place.
    ///
    /// # Errors
    /// If the installation's store fails; [`StoreError::Account`] if the account's own bucket cannot be opened.
    pub async fn tree(&self, account: &AccountName) -> Result<Tree<S, H>, StoreError> {
        let known = self.place_of(account).await?;
        let place = &known.record.place;
        if matches!(place, StoreLocation::Installation) {
            return Ok(self.trees.clone());
        }
        {
            let mut open = lock(&self.places.open);
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
        let mut open = lock(&self.places.open);
        open.insert(account.clone(), (place.clone(), tree.clone()));
        Ok(tree)
    }

    /// Returns where the account's tree is. An unreadable record affects this account only.
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

    /// Opens the store of a location.
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

    /// Drops the cached location of an account's tree.
    pub(crate) fn forget_place(&self, account: &AccountName) {
        self.places.forget(account);
    }

    /// Returns whether the account is being moved to another store.
    ///
    /// # Errors
    /// If the installation's store fails.
    pub async fn is_being_moved(&self, account: &AccountName) -> Result<bool, StoreError> {
        let known = self.place_of(account).await?;
        Ok(known.record.moving.is_some())
    }

    /// Returns whether the account's documents are in the installation's store, whose quota is the operator's.
    pub(crate) async fn is_at_home(&self, account: &AccountName) -> Result<bool, StoreError> {
        let known = self.place_of(account).await?;
        Ok(matches!(known.record.place, StoreLocation::Installation))
    }
}
