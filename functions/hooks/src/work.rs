//! For tests: counts how many bytes or characters of untrusted text are processed. It does nothing otherwise.

protocol::counted_work!();
