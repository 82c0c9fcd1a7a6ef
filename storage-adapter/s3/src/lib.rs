//! The object store kept in a bucket of S3, or of a server that speaks its protocol.
//!
//! Keys are the store's, below a prefix. Objects are plain: their bytes, and in the metadata `subspace-write` an id of
//! the request that wrote them, by which a write whose response was lost can be identified. Versions are the server's
//! ETags, which are digests of the bytes: see [`storage_adapter::Versions::Content`].
//!
//! The crate opens no sockets and has no clock: it gets an HTTP client of the AWS SDK ([`native_http`], or a host's
//! own) and a [`storage_adapter::Host`].
//!
//! A request that arrives after its sender gave up is a hazard of the protocol: an unconditional write or a deletion
//! that timed out can still take effect later. The tree only writes with conditions, and to new keys.

mod bounded;
mod conditions;
mod counts;
#[cfg(feature = "native")]
mod delete;
mod errors;
mod get;
mod keys;
mod list;
mod multipart;
#[cfg(feature = "native")]
mod native;
mod options;
mod probe;
mod put;
mod retry;
mod settings;
mod shared;
mod store;

pub use self::options::S3Options;
pub use aws_smithy_runtime_api::client::http::SharedHttpClient;
pub use conditions::{Conditions, OpenError};
pub use counts::Requests;
#[cfg(feature = "native")]
pub use native::{guarded_http, native_http};
pub use settings::{MAX_PREFIX_BYTES, S3Settings, SettingsError};
pub use store::{Commits, Limits, S3Store};
