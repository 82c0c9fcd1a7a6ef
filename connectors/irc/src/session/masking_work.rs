//! Counts the bytes that are looked at to hide secrets, in tests: twice the text may only be twice the work.

/// So many bytes are looked at.
#[cfg(not(test))]
pub(super) const fn look(_: usize) {}

#[cfg(test)]
pub(super) use counting::{count, look};

#[cfg(test)]
mod counting {
    use std::cell::Cell;

    thread_local! {
        static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    /// So many bytes are looked at.
    pub(in super::super) fn look(bytes: usize) {
        LOOKED_AT.set(LOOKED_AT.get() + bytes);
    }

    /// How many bytes some work looks at.
    pub(in super::super) fn count(work: impl FnOnce()) -> usize {
        LOOKED_AT.set(0);
        work();
        LOOKED_AT.get()
    }
}
