//! The IRC server for private spaces.
//!
//! [`server`] is the protocol as a state machine without I/O; the store keeps messages, channels and accounts on
//! disk; [`start`] runs both behind TCP and TLS. The server lets a team talk with any IRC client, an account may be
//! connected several times under one nickname, and nothing is shown to anyone before it is durable.

mod accounts;
mod change;
mod channel_record;
mod config;
mod options;
mod query;
mod record;
mod secret;
pub mod server;
mod shell;
mod store;

pub use self::options::{Contradiction, Options, ProgramOptions};
pub use accounts::{
    AUTHENTICATION_SECONDS, Accounts, Answered, Authentication, NoAccounts, Proof, Refusal,
};
pub use change::{ChannelChange, Entries};
pub use config::{DefaultChannel, Guests, IrcdConfig, Limits, TlsConfig};
pub use query::{Answer, Query, Range};
pub use record::{
    Ban, Body, ChannelRecord, NetworkBan, Read, Record, Seen, State, Stored, Topic, conversation,
    other_side,
};
pub use shell::{Ircd, StartError, start};
pub use store::{Found, History, StoreError};
