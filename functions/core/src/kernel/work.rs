//! For tests: counts how many bytes of untrusted text, such as the parameters or conditions of a request, are examined.
//! It does nothing otherwise.

protocol::counted_work!();
