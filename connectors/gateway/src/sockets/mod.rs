//! Sockets of clients: one of them, how many there may be, and how much each may send.

pub(crate) mod client;
pub(crate) mod limiter;
pub(crate) mod places;
