//! What commits leave behind: bytes that can no longer be reached are deleted in small groups, and bytes retained since
//! the last sweep are counted, so that they can be limited in time.

use std::sync::{Mutex, MutexGuard};

use mutex::lock;
use protocol::{AccountName, Bounded};

/// Unreachable documents are deleted in groups of this many …
const GROUP: usize = 16;
/// … or of this many bytes.
const GROUP_BYTES: u64 = 1 << 20;
/// The most accounts that are remembered; the sweep finds what is forgotten.
const MAX_ACCOUNTS: usize = 10_000;

/// By account, in this process.
#[derive(Debug)]
pub(super) struct Garbage(Mutex<Bounded<AccountName, Left>>);

impl Default for Garbage {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MAX_ACCOUNTS)))
    }
}

#[derive(Debug, Default)]
struct Left {
    /// Keys of unreferenced bytes.
    keys: Vec<String>,
    bytes: u64,
    /// Bytes added since the last sweep that only a sweep removes.
    added: u64,
}

impl Garbage {
    fn all(&self) -> MutexGuard<'_, Bounded<AccountName, Left>> {
        lock(&self.0)
    }

    /// Changes what is remembered of an account; evicts those that were not written for longest.
    fn change<T>(&self, account: &AccountName, change: impl FnOnce(&mut Left) -> T) -> T {
        let mut all = self.all();
        let mut left = all.remove(account).unwrap_or_default();
        let changed = change(&mut left);
        all.insert(account.clone(), left);
        changed
    }

    /// Adds bytes that are no longer referenced, as keys with lengths; returns the keys to delete now.
    pub(super) fn discard(
        &self,
        account: &AccountName,
        discarded: Vec<(String, u64)>,
    ) -> Vec<String> {
        if discarded.is_empty() {
            return Vec::new();
        }
        self.change(account, |left| {
            for (key, bytes) in discarded {
                left.keys.push(key);
                left.bytes += bytes;
            }
            if left.keys.len() < GROUP && left.bytes < GROUP_BYTES {
                return Vec::new();
            }
            left.bytes = 0;
            std::mem::take(&mut left.keys)
        })
    }

    /// Counts bytes that only a sweep removes.
    pub(super) fn add(&self, account: &AccountName, bytes: u64) {
        if bytes > 0 {
            self.change(account, |left| left.added += bytes);
        }
    }

    /// Returns the bytes counted since the last sweep.
    pub(super) fn added(&self, account: &AccountName) -> u64 {
        self.all().get(account).map_or(0, |left| left.added)
    }

    /// Returns the keys that wait to be deleted; added bytes are still counted.
    pub(super) fn take_keys(&self, account: &AccountName) -> Vec<String> {
        let mut all = self.all();
        let Some(left) = all.get_mut(account) else {
            return Vec::new();
        };
        left.bytes = 0;
        std::mem::take(&mut left.keys)
    }

    /// For a starting sweep: forgets everything, and returns the keys that wait.
    pub(super) fn take(&self, account: &AccountName) -> Vec<String> {
        let left = self.all().remove(account).unwrap_or_default();
        left.keys
    }
}
