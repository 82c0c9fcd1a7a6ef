//! The store of an account's tree as writers see it: it refuses writes to a tree that is being moved.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use mutex::lock;
use protocol::AccountName;
use storage_adapter::{
    AnyStore, ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError,
    Versions,
};

use super::record::StoreLocation;
use super::{CLOSED, OWN, StoreLocations};
use crate::kernel::host::Host;

/// The most new heads remembered as uncertain; beyond that, all are.
const MAX_UNCERTAIN: usize = 1024;

/// The installation's store or an account's own bucket, for trees only.
pub struct TreeStore<S, H> {
    places: Arc<StoreLocations<S, H>>,
    store: AnyStore,
    place: StoreLocation,
    /// New heads whose response was lost: whoever finds one has to check whether it counts.
    uncertain: Mutex<HashSet<String>>,
}

impl<S, H> std::fmt::Debug for TreeStore<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeStore").finish_non_exhaustive()
    }
}

impl<S: ObjectStore, H: Host> TreeStore<S, H> {
    /// The installation's store, for all accounts in it.
    pub(super) fn home(places: Arc<StoreLocations<S, H>>, store: Arc<S>) -> Self {
        Self {
            places,
            store: AnyStore::new(store),
            place: StoreLocation::Installation,
            uncertain: Mutex::default(),
        }
    }

    /// The bucket of one account.
    pub(super) fn own(
        places: Arc<StoreLocations<S, H>>,
        store: AnyStore,
        place: StoreLocation,
    ) -> Self {
        Self {
            places,
            store,
            place,
            uncertain: Mutex::default(),
        }
    }

    /// Refuses if the account is elsewhere, or being moved.
    async fn check_open(&self, key: &str, fresh: bool) -> Result<Option<AccountName>, StoreError> {
        let mut names = key.split('/').skip(1);
        let Some(account) = names.next().and_then(|name| name.parse().ok()) else {
            return Err(StoreError::refused("the key does not belong to a tree"));
        };
        let is_head = names.next() == Some("index");
        let known = self.places.known(&account, fresh).await?;
        if known.record.is_closed() || !known.record.place.is_same(&self.place) {
            return Err(StoreError::Account(CLOSED.to_owned()));
        }
        Ok(is_head.then_some(account))
    }

    fn doubt(&self, key: &str) {
        let mut uncertain = lock(&self.uncertain);
        if uncertain.len() < MAX_UNCERTAIN {
            uncertain.insert(key.to_owned());
        }
    }

    fn doubts(&self, key: &str) -> bool {
        let uncertain = lock(&self.uncertain);
        uncertain.len() >= MAX_UNCERTAIN || uncertain.contains(key)
    }

    /// Adds whose bucket failed: only its owner can fix it.
    fn explain(&self, error: StoreError) -> StoreError {
        if matches!(self.place, StoreLocation::Installation) {
            return error;
        }
        match error {
            StoreError::Denied(words) | StoreError::Refused(words) => StoreError::Account(format!(
                "{OWN} refuses: {words}; correct it in the settings, under Storage"
            )),
            StoreError::Full(words) => StoreError::Account(format!(
                "{OWN} has no space left: {words}; free some there, or choose another place in the settings, under Storage"
            )),
            StoreError::Unavailable(words) => {
                StoreError::AccountUnavailable(format!("{OWN} does not answer: {words}"))
            }
            error => error,
        }
    }
}

impl<S: ObjectStore, H: Host> ObjectStore for TreeStore<S, H> {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        let got = self.store.get(key, options).await;
        if got.is_ok() && self.doubts(key) {
            self.check_open(key, true).await?;
            let mut uncertain = lock(&self.uncertain);
            uncertain.remove(key);
        }
        got.map_err(|error| self.explain(error))
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        let head = self.check_open(key, false).await?;
        let makes = mode == PutMode::IfAbsent;
        match (self.store.put(key, body, mode).await, head) {
            // No mark can stop a new head, so it counts only if the account is still open.
            (Ok(etag), Some(_)) if makes => {
                // The head already exists: nobody may conclude that nothing happened.
                let open = self.check_open(key, true).await;
                open.map_err(|error| match error {
                    StoreError::Denied(words) | StoreError::Refused(words) => {
                        StoreError::Unavailable(words.to_string())
                    }
                    StoreError::Full(words) => StoreError::Unavailable(words),
                    error => error,
                })?;
                Ok(etag)
            }
            (Ok(etag), _) => Ok(etag),
            (Err(StoreError::Precondition), Some(account)) => {
                // Perhaps it was the mark.
                self.places.forget(&account);
                Err(StoreError::Precondition)
            }
            (Err(error), head) => {
                if makes && head.is_some() && matches!(error, StoreError::Unavailable(_)) {
                    self.doubt(key);
                }
                Err(self.explain(error))
            }
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.check_open(key, false).await?;
        let deleted = self.store.delete(key).await;
        deleted.map_err(|error| self.explain(error))
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        for key in keys {
            self.check_open(key, false).await?;
        }
        let deleted = self.store.delete_many(keys).await;
        deleted.map_err(|error| self.explain(error))
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        let listed = self.store.list(prefix, start_after).await;
        listed.map_err(|error| self.explain(error))
    }

    async fn tidy(&self, older_than_millis: i64) -> Result<usize, StoreError> {
        let tidied = self.store.tidy(older_than_millis).await;
        tidied.map_err(|error| self.explain(error))
    }

    fn room(&self) -> Option<u64> {
        self.store.room()
    }

    fn versions(&self) -> Versions {
        self.store.versions()
    }
}
