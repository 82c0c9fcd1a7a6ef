//! Mutexes whose state is whole at every moment, so that a panic of another thread takes nothing from it: who locks one
//! goes on with what is there. State of which that is not true is no state for these functions.

#![allow(
    clippy::disallowed_types,
    reason = "this is where the others are to come for it"
)]

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Locks a mutex, whoever panicked while they had it.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a lock up until somebody notifies, and takes it again; it may return without a notification, too.
pub fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Returns what is in a mutex that nobody else can have locked.
pub fn get_mut<T: ?Sized>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_takes_nothing_from_the_others() {
        let mut mutex = Mutex::new(1);
        let panicked = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                *lock(&mutex) = 2;
                let _held = lock(&mutex);
                panic!("on purpose");
            });
            thread.join()
        });
        assert!(panicked.is_err() && mutex.is_poisoned());
        assert_eq!(*lock(&mutex), 2);
        *get_mut(&mut mutex) += 1;
        assert_eq!(*lock(&mutex), 3);
    }
}
