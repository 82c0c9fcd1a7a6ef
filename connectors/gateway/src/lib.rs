//! Sockethub server, always-on connections, spool and publisher.
//!
//! A [`Gateway`] keeps accounts' connections to chat networks ([`Platform`]), lets browsers use them over Socket.IO
//! in both dialects of Sockethub, and publishes events to the functions through a durable [`Spool`]. See
//! `SOCKETHUB.md` beside this package.

mod calls;
mod channel_keys;
mod clients;
mod config;
mod dialect;
mod entrance;
mod gateway;
mod hub;
mod link;
mod metrics;
mod namespaces;
mod outbox;
mod platform;
mod publish;
mod run;
mod serve;
mod service;
mod sessions;
mod settings;
mod sockets;
mod spool;
mod work;

pub use config::{GatewayConfig, Limits};
#[doc(hidden)]
pub use dialect::fuzz::any_message;
pub use entrance::{Attachment, Entrance, NetworkState, News, NotAdmitted};
pub use gateway::{Gateway, GatewayError};
pub use platform::{
    Attached, Audience, Command, ConnectionHandle, Output, PERSONS, Platform, RequestId, SayTask,
    Seen, SocketId, TaskOutcome,
};
pub use publish::{Publisher, PublisherConfig};
pub use run::{RunError, run, run_beside};
pub use serve::serve;
pub use service::{Body, GatewayService, PATH};
pub use settings::GatewayOptions;
pub use sockets::addresses::Peer;
pub use spool::{Durable, Spool, SpoolConfig, SpoolError};
