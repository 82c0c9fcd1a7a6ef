//! Counts, for tests, how many bytes or entries are examined or moved. Does nothing in programs.

protocol::counted_work!();
