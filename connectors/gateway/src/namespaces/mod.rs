//! Socket.IO namespaces: admission, and the events that may be sent.

pub(crate) mod calls;
pub(crate) mod chat;
mod session;
