//! Sockethub server, always-on connections, spool and publisher.
//!
//! A [`Gateway`] keeps the connections of accounts to chat networks ([`Platform`]), lets browsers use
//! them over Socket.IO in both dialects of Sockethub, and publishes what happens to the functions through a
//! durable [`Spool`]. See `SOCKETHUB.md` beside this package.

mod attempts;
mod body;
mod calls;
mod closing;
mod config;
mod dialect;
mod gateway;
mod handshake;
mod held_publisher;
mod hub;
mod limiter;
mod link;
mod metrics;
mod outbox;
mod pending;
mod places;
mod platform;
mod publisher;
mod serve;
mod service;
mod session;
mod sessions;
mod socket;
mod spool;

pub use config::{GatewayConfig, Limits};
pub use gateway::{Gateway, GatewayError};
pub use platform::{
    Attached, Audience, Command, ConnectionHandle, Output, PERSONS, Platform, RequestId, Said,
    Saying, Seen, SocketId,
};
pub use publisher::{Publisher, PublisherConfig};
pub use serve::serve;
pub use service::{Body, GatewayService, PATH, Peer};
pub use spool::{Durable, Spool, SpoolConfig, SpoolError};
