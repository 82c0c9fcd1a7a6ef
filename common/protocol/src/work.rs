//! For tests: counts how many bytes or characters of untrusted text are processed. It does nothing otherwise.

/// Defines the functions of this module in the calling package: only its own build knows whether it is being tested.
#[doc(hidden)]
#[macro_export]
macro_rules! counted_work {
    () => {
        #[cfg(test)]
        ::std::thread_local! {
            static LOOKED: ::std::cell::Cell<usize> = const { ::std::cell::Cell::new(0) };
        }

        /// Counts processed bytes or characters. Everything that processes untrusted text calls this, so that tests of
        /// growth see whether twice the text is twice the work.
        #[inline]
        pub(crate) fn look(steps: usize) {
            #[cfg(test)]
            LOOKED.with(|looked| looked.set(looked.get() + steps));
            #[cfg(not(test))]
            let _ = steps;
        }

        /// Counts the work of `job`.
        #[cfg(test)]
        pub(crate) fn steps_of<T>(job: impl FnOnce() -> T) -> (usize, T) {
            LOOKED.with(|looked| looked.set(0));
            let result = job();
            (LOOKED.with(::std::cell::Cell::get), result)
        }
    };
}
