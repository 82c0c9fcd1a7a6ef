//! An object store over the R2 binding of Cloudflare Workers.
//!
//! R2's ETags are digests of the content ([`Versions::Content`](storage_adapter::Versions)), and R2 decides conditions
//! itself. It accepts about one write per second to a key and answers further ones with 429: such a write is retried
//! here, for some seconds. Bodies of unknown length are uploaded in parts of equal size, so that their memory is
//! limited.
//!
//! It also builds natively, for the lints and for its pure parts; there is no R2 to talk to then.

mod errors;
mod get;
mod keys;
mod put;
mod retry;
mod store;

pub use store::R2Store;
