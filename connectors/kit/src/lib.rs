//! What every connector is made with: its key, its signed requests to the functions, the clock, and pauses.
//!
//! Gateway, IRC server and mail server stand on this; none of them needs another.

mod client;
mod client_mail;
mod clock;
mod options;

pub use self::options::{ConnectorOptions, ConnectorOptionsError};
pub use client::{Assigned, FunctionsClient, FunctionsError};
pub use clock::{Backoff, jitter, now};
