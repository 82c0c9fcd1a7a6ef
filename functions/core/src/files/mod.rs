//! Documents of accounts: the remoteStorage API, where an account's tree is, and how much of what was overwritten is retained.

pub mod client_files;
mod kept;
pub(crate) mod listings;
pub(crate) mod looks;
pub(crate) mod remote_storage;
pub(crate) mod stores;
