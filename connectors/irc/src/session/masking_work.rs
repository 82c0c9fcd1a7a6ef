//! Counts, for tests, how many bytes are examined to hide secrets. Does nothing in programs.

protocol::counted_work!();
