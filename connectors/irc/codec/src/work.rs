//! How much work was done, for tests of growth. Costs nothing elsewhere.

#[cfg(test)]
thread_local! {
    static DONE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Notes that so many bytes or entries were looked at or moved.
#[cfg(test)]
pub(crate) fn count(steps: usize) {
    DONE.with(|done| done.set(done.get() + steps));
}

/// Notes nothing.
#[cfg(not(test))]
pub(crate) const fn count(_steps: usize) {}

/// The work that something does.
#[cfg(test)]
pub(crate) fn of(work: impl FnOnce()) -> usize {
    let before = DONE.with(std::cell::Cell::get);
    work();
    DONE.with(std::cell::Cell::get) - before
}
