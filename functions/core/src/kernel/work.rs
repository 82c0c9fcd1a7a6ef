//! What tests count: how many bytes of a text from outside are looked at. In programs it is nothing.

#[cfg(test)]
thread_local! {
    static LOOKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Notes that so many bytes were looked at. Whatever goes through parameters or conditions of a request says so here, so
/// that `tests::growth` sees whether twice the text is twice the work.
#[inline]
pub(crate) fn look(steps: usize) {
    #[cfg(test)]
    LOOKED.with(|looked| looked.set(looked.get() + steps));
    #[cfg(not(test))]
    let _ = steps;
}

/// Counts what `job` looks at.
#[cfg(test)]
pub(crate) fn steps_of<T>(job: impl FnOnce() -> T) -> (usize, T) {
    LOOKED.with(|looked| looked.set(0));
    let result = job();
    (LOOKED.with(std::cell::Cell::get), result)
}
