//! The IRC server for private spaces.
