//! Conversations: connections to networks and who is assigned them, what happened there and its archive, and calls.

pub(crate) mod archive;
mod archive_place;
mod assignments;
pub(crate) mod away;
mod calls;
mod connections;
mod events;
mod open_calls;
mod sessions;
mod tickets;
pub(crate) mod turn;
mod turn_api;
