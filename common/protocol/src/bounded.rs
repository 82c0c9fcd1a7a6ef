//! A map of bounded size, for caches.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A map that evicts the oldest entries: those inserted, or [touched](Self::touch), longest ago. A caller that only
/// inserts and reads has a FIFO queue, one that touches what it uses has an LRU cache.
///
/// Entries count one each, or their weight ([`Self::insert_weighing`]). There is no clock: values contain their times,
/// and [`Self::expire`] removes those that have expired.
///
/// ```
/// let mut names = protocol::Bounded::new(2);
/// names.insert(1, "one");
/// names.insert(2, "two");
/// names.touch(&1);
/// names.insert(3, "three");
/// assert_eq!((names.get(&1), names.get(&2)), (Some(&"one"), None));
/// ```
#[derive(Clone, Debug)]
pub struct Bounded<K, V> {
    most: usize,
    weight: usize,
    /// The index in `entries` of each key.
    places: HashMap<K, usize>,
    entries: Vec<Entry<K, V>>,
    /// The ends of the linked list of entries.
    oldest: usize,
    newest: usize,
}

#[derive(Clone, Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    weight: usize,
    older: usize,
    newer: usize,
}

/// Stands for no entry: no vector is that long.
const NONE: usize = usize::MAX;

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    /// Creates an empty map whose entries weigh at most `most` together.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            weight: 0,
            places: HashMap::new(),
            entries: Vec::new(),
            oldest: NONE,
            newest: NONE,
        }
    }

    /// Inserts the newest entry, evicting the oldest if needed; returns the previous value of its key.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.insert_weighing(key, value, 1)
    }

    /// The same for an entry that counts `weight`; one that is heavier than the limit is not kept.
    pub fn insert_weighing(&mut self, key: K, value: V, weight: usize) -> Option<V> {
        let before = self.remove(&key);
        if weight > self.most {
            return before;
        }
        while self.weight > self.most - weight && self.take(self.oldest).is_some() {}
        let place = self.entries.len();
        self.places.insert(key.clone(), place);
        self.weight += weight;
        self.entries.push(Entry {
            key,
            value,
            weight,
            older: NONE,
            newer: NONE,
        });
        self.link_newest(place);
        before
    }

    /// Returns a value without changing its age.
    #[must_use]
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = *self.places.get(key)?;
        self.entries.get(place).map(|entry| &entry.value)
    }

    /// Returns a value to be changed, without changing its age.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = *self.places.get(key)?;
        self.entries.get_mut(place).map(|entry| &mut entry.value)
    }

    /// Returns a value and makes it the newest.
    pub fn touch<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = *self.places.get(key)?;
        self.unlink(place);
        self.link_newest(place);
        self.entries.get_mut(place).map(|entry| &mut entry.value)
    }

    /// Removes an entry; returns its value.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = *self.places.get(key)?;
        self.take(place)
    }

    /// Removes the oldest entries as long as they are `over`: if times only increase, all that have expired.
    pub fn expire(&mut self, over: impl Fn(&V) -> bool) {
        let is_over = |entry: &Entry<K, V>| over(&entry.value);
        while self.entries.get(self.oldest).is_some_and(is_over) {
            self.take(self.oldest);
        }
    }

    /// Returns whether there is an entry with this key.
    #[must_use]
    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.places.contains_key(key)
    }

    /// Returns the number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the total weight of the entries.
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.weight
    }

    /// Returns the entries, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let first = self.entries.get(self.oldest);
        std::iter::successors(first, |entry| self.entries.get(entry.newer))
            .map(|entry| (&entry.key, &entry.value))
    }

    /// Appends an unlinked entry at the newest end of the list.
    fn link_newest(&mut self, place: usize) {
        let older = self.newest;
        self.newest = place;
        if let Some(entry) = self.entries.get_mut(place) {
            (entry.older, entry.newer) = (older, NONE);
        }
        self.set_newer(older, place);
    }

    /// Unlinks an entry from the list.
    fn unlink(&mut self, place: usize) {
        if let Some(&Entry { older, newer, .. }) = self.entries.get(place) {
            self.set_newer(older, newer);
            self.set_older(newer, older);
        }
    }

    /// Sets what comes after `place`, or the start of the list.
    fn set_newer(&mut self, place: usize, newer: usize) {
        match self.entries.get_mut(place) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Sets what comes before `place`, or the end of the list.
    fn set_older(&mut self, place: usize, older: usize) {
        match self.entries.get_mut(place) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    /// Removes an entry; the last one of the vector takes its place.
    fn take(&mut self, place: usize) -> Option<V> {
        if place >= self.entries.len() {
            return None;
        }
        self.unlink(place);
        let entry = self.entries.swap_remove(place);
        self.places.remove(&entry.key);
        self.weight -= entry.weight;
        if let Some(moved) = self.entries.get(place) {
            if let Some(known) = self.places.get_mut(&moved.key) {
                *known = place;
            }
            let (older, newer) = (moved.older, moved.newer);
            self.set_newer(older, place);
            self.set_older(newer, place);
        }
        Some(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 8;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, u16, usize),
        Touch(u8),
        Change(u8, u16),
        Remove(u8),
        Expire(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || 0_u8..12;
        prop_oneof![
            4 => (key(), any::<u16>(), 0..MOST + 2).prop_map(|(k, v, w)| Step::Insert(k, v, w)),
            2 => key().prop_map(Step::Touch),
            1 => (key(), any::<u16>()).prop_map(|(k, v)| Step::Change(k, v)),
            1 => key().prop_map(Step::Remove),
            1 => any::<u16>().prop_map(Step::Expire),
        ]
    }

    /// Key, value and weight, the oldest first: slow, but obviously correct.
    #[derive(Debug, Default)]
    struct Model(Vec<(u8, u16, usize)>);

    impl Model {
        fn take(&mut self, key: u8) -> Option<(u8, u16, usize)> {
            let at = self.0.iter().position(|entry| entry.0 == key)?;
            Some(self.0.remove(at))
        }

        fn weight(&self) -> usize {
            self.0.iter().map(|entry| entry.2).sum()
        }
    }

    proptest! {
        #[test]
        fn does_what_a_list_would_do(steps in proptest::collection::vec(step(), 0..200)) {
            let (mut map, mut model) = (Bounded::new(MOST), Model::default());
            for step in steps {
                match step {
                    Step::Insert(key, value, weight) => {
                        let before = model.take(key).map(|entry| entry.1);
                        if weight <= MOST {
                            model.0.push((key, value, weight));
                        }
                        while model.weight() > MOST {
                            model.0.remove(0);
                        }
                        prop_assert_eq!(map.insert_weighing(key, value, weight), before);
                    }
                    Step::Touch(key) => {
                        let found = model.take(key);
                        model.0.extend(found);
                        prop_assert_eq!(map.touch(&key).copied(), found.map(|entry| entry.1));
                    }
                    Step::Change(key, value) => {
                        if let Some(entry) = model.0.iter_mut().find(|entry| entry.0 == key) {
                            entry.1 = value;
                        }
                        if let Some(known) = map.get_mut(&key) {
                            *known = value;
                        }
                    }
                    Step::Remove(key) => {
                        let found = model.take(key).map(|entry| entry.1);
                        prop_assert_eq!(map.remove(&key), found);
                    }
                    Step::Expire(least) => {
                        let stay = model.0.iter().position(|entry| entry.1 >= least);
                        model.0.drain(..stay.unwrap_or(model.0.len()));
                        map.expire(|value| *value < least);
                    }
                }
                let entries: Vec<_> = map.iter().map(|(key, value)| (*key, *value)).collect();
                let expected: Vec<_> = model.0.iter().map(|entry| (entry.0, entry.1)).collect();
                prop_assert_eq!(entries, expected);
                prop_assert_eq!((map.len(), map.weight()), (model.0.len(), model.weight()));
                prop_assert_eq!(map.is_empty(), model.0.is_empty());
                for key in 0..12 {
                    let known = model.0.iter().find(|entry| entry.0 == key);
                    prop_assert_eq!(map.get(&key), known.map(|entry| &entry.1));
                    prop_assert_eq!(map.contains_key(&key), known.is_some());
                }
            }
        }
    }
}
