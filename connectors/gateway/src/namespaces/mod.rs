//! Socket.IO's namespaces: who comes in, and what they may send.

pub(crate) mod calls;
pub(crate) mod chat;
mod session;
