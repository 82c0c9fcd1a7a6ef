//! Client requests that the platform has not answered yet.

use protocol::Activity;

use crate::clients::{Answer, Client};
use crate::platform::{Attached, SocketId};

/// A request that the platform has not answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) socket: SocketId,
    pub(super) echo: Activity,
    pub(super) reply: Option<Box<dyn Answer>>,
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

pub(super) fn attached(client: &dyn Client) -> Attached {
    let admitted = client.admitted();
    Attached {
        socket: admitted.id,
        full: admitted.full,
    }
}
