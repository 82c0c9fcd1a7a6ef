//! The session with a scripted server and a fake clock: one story per file.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

mod any_input;
mod case_mapping;
mod channels;
mod common;
mod external;
mod history;
mod messages;
mod netsplits;
mod new_account;
mod nick_clash;
mod odd_servers;
mod odd_welcomes;
mod on_connect;
mod pacing;
mod queries;
mod reconnect;
mod refusals;
mod registration;
mod relations;
mod renames;
mod sasl;
mod scram;
mod services;
mod sign_in;
mod sources;
mod sts;
mod tasks;
