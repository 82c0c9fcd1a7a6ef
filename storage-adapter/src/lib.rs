//! An account's remoteStorage tree, kept in an object store.
//!
//! [`ObjectStore`] is what a store has to offer; [`Storage`] keeps the trees of all accounts in one. It
//! knows no clock, no randomness, no sockets and no files: time and random bytes are handed in.

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
