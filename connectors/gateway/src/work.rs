//! Counts the bytes and entries of what clients send that are looked at, in tests: twice the request may only be twice the
//! work.

/// So many are looked at.
#[cfg(not(test))]
pub(crate) const fn look(_: usize) {}

#[cfg(test)]
pub(crate) use counting::{count, look};

#[cfg(test)]
mod counting {
    use std::cell::Cell;

    thread_local! {
        static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    /// So many are looked at.
    pub(crate) fn look(steps: usize) {
        LOOKED_AT.set(LOOKED_AT.get() + steps);
    }

    /// How many some work looks at.
    pub(crate) fn count(work: impl FnOnce()) -> usize {
        LOOKED_AT.set(0);
        work();
        LOOKED_AT.get()
    }
}
