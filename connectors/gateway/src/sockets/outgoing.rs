//! Sends to sockets and counts what their clients have not read ([`Unread`]).

use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::{SendError, SocketError};

use super::places::Place;
use super::unread::{TooSlow, frame};
use crate::clients::json_length;

/// Sends an event to a socket; does nothing if it is closed.
pub(crate) fn emit(socket: &SocketRef, event: &str, value: &Value) -> Result<(), TooSlow> {
    count(socket, frame(event_length(event, value)), || {
        socket.emit(event, value)
    })
}

/// Sends an ack with one argument or none to a socket whose client waits for it; does nothing if it is closed.
pub(crate) fn ack(
    socket: &SocketRef,
    ack: AckSender,
    argument: Option<&Value>,
) -> Result<(), TooSlow> {
    // `430[argument]`; the number may be longer.
    let size = frame(argument.map_or(0, json_length) + 5);
    count(socket, size, || match argument {
        Some(argument) => ack.send(argument),
        None => ack.send::<[u8; 0]>(&[]),
    })
}

/// Counts what `send` sends.
fn count(
    socket: &SocketRef,
    size: usize,
    send: impl FnOnce() -> Result<(), SendError>,
) -> Result<(), TooSlow> {
    let place = socket.req_parts().extensions.get::<Place>();
    let unread = place.map(Place::unread);
    if let Some(unread) = unread {
        unread.add(size)?;
    }
    let sent = send();
    if let (Err(_), Some(unread)) = (&sent, unread) {
        unread.written(size);
    }
    match sent {
        Err(SendError::Socket(SocketError::InternalChannelFull)) => Err(TooSlow),
        // The socket is closed, or the value is not JSON, which values always are.
        _ => Ok(()),
    }
}

/// The length of an event's packet: `42["event",value]`.
fn event_length(event: &str, value: &Value) -> usize {
    event.len() + json_length(value) + 7
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::unread::Unread;
    use super::*;

    #[test]
    fn packets_of_a_poll_count_as_they_were_counted() {
        let unread = Unread::new(1_000);
        let values = [json!("x".repeat(200)), json!({"a": [1, null, "\u{1e}"]})];
        let mut packets = Vec::new();
        for value in &values {
            let packet = format!("42{}", json!(["message", value]));
            unread
                .add(frame("message".len() + json_length(value) + 7))
                .unwrap();
            assert_eq!(packet.len(), event_length("message", value));
            packets.push(packet);
        }
        unread.polled(packets.join("\u{1e}").as_bytes());
        // Nothing is left, and nothing was subtracted that had not been added.
        unread.add(1_000).unwrap();
        assert!(unread.add(1).is_err());
    }
}
