//! Client sockets: one socket, how many there may be, and how much each may send.

pub(crate) mod addresses;
pub(crate) mod client;
pub(crate) mod limiter;
pub(crate) mod outgoing;
pub(crate) mod places;
pub(crate) mod tickets;
pub(crate) mod unread;

use std::net::IpAddr;

use socketioxide::extract::SocketRef;

use self::places::{Place, Proof};

/// Sent to a socket whose session has ended.
pub(crate) const SESSION_OVER: &str = "the session has ended; sign in again";
/// Sent while it cannot be determined whether a session has ended.
pub(crate) const SESSION_UNCONFIRMED: &str =
    "can't check whether you're still signed in; try again in a moment";

/// Closes a refused socket, and its session too unless another of its sockets has shown a ticket.
pub(crate) fn dismiss(socket: SocketRef) {
    let place = socket.req_parts().extensions.get::<Place>().cloned();
    let id = socket.id.to_string();
    // Fails only if it is already closed or its client does not read.
    let _ = socket.disconnect();
    if let Some(place) = place {
        place.refused(&id);
    }
}

/// Notes that a socket has shown a ticket; the returned proof is dropped when the socket ends.
pub(crate) fn prove(socket: &SocketRef) -> Option<Proof> {
    let place = socket.req_parts().extensions.get::<Place>();
    place.map(|place| place.prove(socket.id.to_string()))
}

/// Returns the address of a socket's client, if known; see [`addresses::address_of`].
pub(crate) fn address(socket: &SocketRef) -> Option<IpAddr> {
    let place = socket.req_parts().extensions.get::<Place>();
    place.and_then(Place::address)
}
