//! What tests count: how many bytes or characters of a text from outside are looked at. In programs it is nothing.

/// Makes the functions of this module for the package that it stands in: whether that is tested only its own build knows.
#[doc(hidden)]
#[macro_export]
macro_rules! counted_work {
    () => {
        #[cfg(test)]
        ::std::thread_local! {
            static LOOKED: ::std::cell::Cell<usize> = const { ::std::cell::Cell::new(0) };
        }

        /// Notes that so many bytes or characters were looked at. Whatever goes through a text from outside says so here, so
        /// that tests of growth see whether twice the text is twice the work.
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
            (LOOKED.with(::std::cell::Cell::get), result)
        }
    };
}
