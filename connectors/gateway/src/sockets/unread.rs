//! What clients were sent and have not read: bounded in bytes, since a queue of few packets may be large.
//!
//! Socket.IO bounds its queue in packets and does not tell what is in it. So what is put into it is counted here, and taken
//! off when it is written to the client's connection: a frame of a WebSocket with its head, or a packet of a poll's answer,
//! which counts as such a frame. Pings, and what Socket.IO sends by itself, are taken off without having been counted;
//! that is little, and forgotten whenever everything is read.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A client does not read what it is sent, or not fast enough.
#[derive(Debug)]
pub(crate) struct TooSlow;

/// Bytes that the sockets of a session were sent and have not read.
#[derive(Debug)]
pub(crate) struct Unread {
    bytes: AtomicUsize,
    most: usize,
}

impl Unread {
    pub(crate) const fn new(most: usize) -> Self {
        let bytes = AtomicUsize::new(0);
        Self { bytes, most }
    }

    /// Counts what is about to be sent.
    pub(super) fn add(&self, bytes: usize) -> Result<(), TooSlow> {
        let fits = |before: usize| Some(before + bytes).filter(|after| *after <= self.most);
        let added = self.bytes.fetch_update(Relaxed, Relaxed, fits);
        added.map(drop).map_err(|_| TooSlow)
    }

    /// So many bytes were written to the connection.
    pub(crate) fn written(&self, bytes: usize) {
        let left = |before: usize| Some(before.saturating_sub(bytes));
        let _always_changes = self.bytes.fetch_update(Relaxed, Relaxed, left);
    }

    /// A part of the answer to a poll was written.
    pub(crate) fn polled(&self, part: &[u8]) {
        // Engine.IO's separator of packets; JSON has none (RFC 8259, section 7).
        let packets = part.split(|byte| *byte == 0x1e);
        self.written(packets.map(|packet| frame(packet.len())).sum());
    }
}

/// Bytes of an unmasked frame with so long a payload (RFC 6455, section 5.2).
pub(super) const fn frame(payload: usize) -> usize {
    let head = match payload {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    };
    head + payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_bounded_and_what_is_read_makes_room() {
        let unread = Unread::new(1_000);
        unread.add(600).unwrap();
        assert!(unread.add(401).is_err());
        unread.add(400).unwrap();
        unread.written(300);
        unread.add(300).unwrap();
        assert!(unread.add(1).is_err());
        // What was not counted makes no more room than there is.
        unread.written(5_000);
        unread.add(1_000).unwrap();
        assert!(unread.add(1).is_err());
    }
}
