//! Sockethub server, always-on connections, spool and publisher.

mod platform;

pub use platform::{
    Attached, Audience, Command, ConnectionHandle, Output, Platform, RequestId, SocketId,
};
