//! Items that arrive one after the other on a separate thread, and waiting for them.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use super::LIMIT;

/// A list that grows until its source ends. Clones share it.
#[derive(Debug)]
pub(crate) struct Watch<T>(Arc<(Mutex<State<T>>, Condvar)>);

/// The items, and whether that is all.
type State<T> = (Vec<T>, bool);

impl<T> Clone for Watch<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Watch<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new((Mutex::new((Vec::new(), false)), Condvar::new())))
    }

    pub(crate) fn push(&self, value: T) {
        self.0.0.lock().unwrap().0.push(value);
        self.0.1.notify_all();
    }

    /// Nothing more will come.
    pub(crate) fn end(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }

    pub(crate) fn ended(&self) -> bool {
        self.0.0.lock().unwrap().1
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.0.lock().unwrap().0.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.0.lock().unwrap().0.len()
    }

    /// Waits for a matching item from an index on; `None` if the source ends without one.
    ///
    /// # Errors
    /// The items that came instead, when the time is over.
    pub(crate) fn find(
        &self,
        from: usize,
        test: impl Fn(&T) -> bool,
    ) -> Result<Option<(usize, T)>, Vec<T>> {
        let begun = Instant::now();
        let (mut next, mut list) = (from, self.0.0.lock().unwrap());
        loop {
            if let Some(at) = list.0.iter().skip(next).position(&test) {
                return Ok(Some((next + at, list.0[next + at].clone())));
            }
            next = list.0.len().max(from);
            if list.1 {
                return Ok(None);
            }
            let left = LIMIT.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(list.0.iter().skip(from).cloned().collect());
            }
            list = self.0.1.wait_timeout(list, left).unwrap().0;
        }
    }
}
