//! Heads that were read or written before, to be revalidated and used again; and pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Objects' bytes that the cached heads stand for; in memory they take two to four times that.
pub(super) const DEFAULT_CAPACITY: usize = 32 << 20;
/// The same for pages.
pub(super) const DEFAULT_PAGES: usize = 16 << 20;
/// What an object counts at least.
const MIN_WEIGHT: usize = 4096;

#[derive(Debug)]
pub(super) struct Cache<T> {
    capacity: usize,
    entries: Mutex<Entries<T>>,
}

#[derive(Debug)]
struct Entries<T> {
    by_key: HashMap<String, Entry<T>>,
    weight: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<T> {
    object: Arc<T>,
    weight: usize,
    used: u64,
}

impl<T> Cache<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: Mutex::new(Entries {
                by_key: HashMap::new(),
                weight: 0,
                clock: 0,
            }),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Arc<T>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.clock += 1;
        let clock = entries.clock;
        let entry = entries.by_key.get_mut(key)?;
        entry.used = clock;
        Some(Arc::clone(&entry.object))
    }

    /// Keeps an object of this length, unless it is too large, at the cost of those not used for
    /// longest.
    pub(super) fn insert(&self, key: &str, object: &Arc<T>, length: usize) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(key);
        let weight = length.max(MIN_WEIGHT);
        if weight > self.capacity {
            return;
        }
        if entries.weight + weight > self.capacity {
            let mut oldest: Vec<(u64, String)> = entries
                .by_key
                .iter()
                .map(|(key, entry)| (entry.used, key.clone()))
                .collect();
            oldest.sort_unstable();
            // Some room to spare, so that not every insertion has to look for the oldest.
            let target = self.capacity / 8 * 7;
            for (_, key) in oldest {
                if entries.weight + weight <= target {
                    break;
                }
                entries.remove(&key);
            }
        }
        entries.weight += weight;
        entries.clock += 1;
        let entry = Entry {
            object: Arc::clone(object),
            weight,
            used: entries.clock,
        };
        entries.by_key.insert(key.to_owned(), entry);
    }

    pub(super) fn remove(&self, key: &str) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

impl<T> Entries<T> {
    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.by_key.remove(key) {
            self.weight -= entry.weight;
        }
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
            assert!(cache.entries.lock().unwrap().weight <= 8 * MIN_WEIGHT);
        }
        assert!(cache.get("1").is_none());
        cache.insert("0", &object, 9 * MIN_WEIGHT);
        assert!(cache.get("0").is_none(), "too large to keep");
    }
}
