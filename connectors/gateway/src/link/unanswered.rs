//! Client requests that the platform has not answered yet.

use protocol::Activity;

use crate::platform::{Attached, SocketId};
use crate::sockets::client::{Client, Reply};

/// A request that the platform has not answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) socket: SocketId,
    pub(super) echo: Activity,
    pub(super) reply: Option<Reply>,
    pub(super) kind: RequestKind,
}

#[derive(Debug)]
pub(super) enum RequestKind {
    Attach,
    /// A join: the channel, whether it is new to the socket, and whether the account was already in it.
    Join {
        channel: String,
        new: bool,
        known: bool,
    },
    Leave(String),
    Other,
}

pub(super) fn attached(client: &Client) -> Attached {
    Attached {
        socket: client.id,
        full: client.full,
    }
}
