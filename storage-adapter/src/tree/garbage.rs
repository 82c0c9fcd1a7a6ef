//! What commits leave behind: bytes that nobody can get any more are deleted in small groups, and what has been
//! retained since the last sweep is counted, so that it can be bounded in time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::{AccountName, Bounded};

/// Documents that nobody can get any more are deleted in groups of so many …
const GROUP: usize = 16;
/// … or of so many bytes.
const GROUP_BYTES: u64 = 1 << 20;
/// Accounts that are remembered; what is forgotten the sweep finds.
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
    /// Keys of bytes that no head names.
    keys: Vec<String>,
    bytes: u64,
    /// What was added since the last sweep to what only a sweep removes.
    added: u64,
}

impl Garbage {
    fn all(&self) -> MutexGuard<'_, Bounded<AccountName, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is left of an account, at the cost of those that were not written to for longest.
    fn change<T>(&self, account: &AccountName, change: impl FnOnce(&mut Left) -> T) -> T {
        let mut all = self.all();
        let mut left = all.remove(account).unwrap_or_default();
        let changed = change(&mut left);
        all.insert(account.clone(), left);
        changed
    }

    /// Takes bytes that no head names any more, as keys with lengths; gives the keys to delete now.
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

    /// Gives the keys that wait to be deleted; what was added is still counted.
    pub(super) fn take_keys(&self, account: &AccountName) -> Vec<String> {
        let mut all = self.all();
        let Some(left) = all.get_mut(account) else {
            return Vec::new();
        };
        left.bytes = 0;
        std::mem::take(&mut left.keys)
    }

    /// A sweep begins: forgets everything, and gives the keys that wait.
    pub(super) fn take(&self, account: &AccountName) -> Vec<String> {
        let left = self.all().remove(account).unwrap_or_default();
        left.keys
    }
}
