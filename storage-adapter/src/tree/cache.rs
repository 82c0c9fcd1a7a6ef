//! Caches heads that were read or written, to be revalidated and reused; and pages.

use std::sync::{Arc, Mutex, MutexGuard};

use mutex::lock;
use protocol::Bounded;

/// The size of cached heads as stored; in memory they take two to four times that.
pub(super) const DEFAULT_CAPACITY: usize = 32 << 20;
/// The same for pages.
pub(super) const DEFAULT_PAGES: usize = 16 << 20;
/// The least that an object counts.
const MIN_WEIGHT: usize = 4096;

/// Evicts the least recently used objects.
#[derive(Debug)]
pub(super) struct Cache<T> {
    entries: Mutex<Bounded<String, Arc<T>>>,
}

impl<T> Cache<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: Mutex::new(Bounded::new(capacity)),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Arc<T>> {
        self.lock().touch(key).cloned()
    }

    /// Caches an object of this length, unless it is too large.
    pub(super) fn insert(&self, key: &str, object: &Arc<T>, length: usize) {
        let weight = length.max(MIN_WEIGHT);
        self.lock()
            .insert_weighing(key.to_owned(), Arc::clone(object), weight);
    }

    pub(super) fn remove(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Bounded<String, Arc<T>>> {
        lock(&self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded_and_drops_what_was_not_used() {
        let cache = Cache::new(8 * MIN_WEIGHT);
        let object = Arc::new(());
        for n in 0..100 {
            cache.insert(&n.to_string(), &object, 10);
            assert!(cache.get("0").is_some(), "used all the time");
            assert!(cache.lock().weight() <= 8 * MIN_WEIGHT);
        }
        assert!(cache.get("1").is_none());
        cache.insert("0", &object, 9 * MIN_WEIGHT);
        assert!(cache.get("0").is_none(), "too large to keep");
    }
}
