//! The common base of all connectors: key, signed requests to the functions, clock, delays, and the pace of clients.
//!
//! The gateway, the IRC server and the mail server build on this; none of them depends on another.

mod bucket;
mod client;
mod client_mail;
mod clock;
mod options;
mod read;

pub use self::options::{ConnectorOptions, ConnectorOptionsError};
pub use bucket::TokenBucket;
pub use client::{Assigned, FunctionsClient, FunctionsError};
pub use clock::{Backoff, jitter, now};
pub use read::read_some;
