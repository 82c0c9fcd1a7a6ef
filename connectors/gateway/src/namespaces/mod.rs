//! Socket.IO's namespaces: who comes in, and what they may send.

pub(crate) mod chat;
mod session;
