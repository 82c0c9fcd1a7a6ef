//! Counts, for tests, how many bytes of a mail are examined. Does nothing in programs.

protocol::counted_work!();
