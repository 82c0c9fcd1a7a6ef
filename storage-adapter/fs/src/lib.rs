//! The object store kept in a folder of plain files.
//!
//! With `ls` a person finds every object under its own key. An acknowledged write is on disk: the file and the folders
//! that lead to it are fsynced. Conditions are decided under a lock that other processes respect, so a command
//! may write to the folder of a running server. See [`FsStore`].

mod group_sync;
mod locks;
mod names;
mod read;
mod store;
mod walk;
mod write;

pub use store::{FsError, FsStore};
