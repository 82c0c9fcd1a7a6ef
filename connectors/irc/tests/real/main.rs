//! The platform with real servers: InspIRCd with Atheme, and ngIRCd, started here on loopback.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

mod client;
mod inspircd;
mod network;
mod ngircd;
mod odd;
mod own_server;
#[path = "../stories/scram.rs"]
mod scram;
mod servers;
mod services;
