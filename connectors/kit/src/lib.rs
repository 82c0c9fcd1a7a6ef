//! The common base of all connectors: key, signed requests to the functions, clock, and delays.
//!
//! The gateway, the IRC server and the mail server build on this; none of them depends on another.

mod client;
mod client_mail;
mod clock;
mod options;

pub use self::options::{ConnectorOptions, ConnectorOptionsError};
pub use client::{Assigned, FunctionsClient, FunctionsError};
pub use clock::{Backoff, jitter, now};
