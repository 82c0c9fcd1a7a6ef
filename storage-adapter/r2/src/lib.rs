//! An object store over the R2 binding of Cloudflare Workers.
//!
//! R2's ETags are digests of the content ([`Versions::Content`](storage_adapter::Versions)), conditions are decided
//! by R2 itself. It takes about one write a second to one key and answers more with 429: such a write is tried
//! again here, for some seconds. Bodies of unknown length go up in parts of one size, so that the memory
//! they take is bounded.
//!
//! It builds natively too, for the lints and for what is pure; there is no R2 to talk to then.

mod errors;
mod get;
mod keys;
mod put;
mod retry;
mod store;

pub use store::R2Store;
