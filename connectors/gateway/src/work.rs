//! Counts, for tests, how many bytes and entries of client input are examined. Does nothing in programs.

protocol::counted_work!();
