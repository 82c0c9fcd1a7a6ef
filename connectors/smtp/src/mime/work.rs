//! Counts the bytes that are looked at, in tests: work on foreign text may grow only as the text does.

/// So many bytes are looked at.
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

    /// So many bytes are looked at.
    pub(crate) fn look(bytes: usize) {
        LOOKED_AT.set(LOOKED_AT.get() + bytes);
    }

    /// How many bytes some work looks at.
    pub(crate) fn count(work: impl FnOnce()) -> usize {
        LOOKED_AT.set(0);
        work();
        LOOKED_AT.get()
    }
}
