//! An account's remoteStorage tree, kept in an object store.
//!
//! [`ObjectStore`] is what a store has to provide; [`Storage`] keeps the trees of all accounts in one. It uses no
//! clock, randomness, sockets or files: time and random bytes are passed in.

mod any;
pub mod contract;
mod maybe_send;
pub mod memory;
mod store;
mod tree;

pub use any::AnyStore;
pub use maybe_send::{MaybeSend, MaybeSync};
pub use protocol::Gathered;
pub use store::{
    BodyError, ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError,
    Versions, Words, one_by_one,
};
pub use tree::*;
