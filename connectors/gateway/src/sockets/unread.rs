//! Data sent to clients but not read, limited in bytes, since a queue of few packets may still be large.
//!
//! Socket.IO limits its queue in packets and does not reveal its content. So packets are counted here when they are
//! queued, and subtracted when they are written to the client's connection: a WebSocket frame with its header, or a
//! packet in a poll's response, which is counted as if it were such a frame. Pings and Socket.IO's own packets are
//! subtracted without having been added; that is little, and forgotten whenever everything has been read.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The client does not read what it is sent, or not fast enough.
#[derive(Debug)]
pub(crate) struct TooSlow;

/// Bytes sent to a session's sockets but not read.
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

    /// Counts bytes about to be sent.
    pub(crate) fn add(&self, bytes: usize) -> Result<(), TooSlow> {
        let fits = |before: usize| Some(before + bytes).filter(|after| *after <= self.most);
        let added = self.bytes.fetch_update(Relaxed, Relaxed, fits);
        added.map(drop).map_err(|_| TooSlow)
    }

    /// Subtracts bytes written to the connection.
    pub(crate) fn written(&self, bytes: usize) {
        let left = |before: usize| Some(before.saturating_sub(bytes));
        let _always_changes = self.bytes.fetch_update(Relaxed, Relaxed, left);
    }

    /// Subtracts a part of a poll's response that was written.
    pub(crate) fn polled(&self, part: &[u8]) {
        // Engine.IO's packet separator; it never occurs in JSON (RFC 8259, section 7).
        let packets = part.split(|byte| *byte == 0x1e);
        self.written(packets.map(|packet| frame(packet.len())).sum());
    }
}

/// Bytes of an unmasked frame with this payload length (RFC 6455, section 5.2).
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
        // Bytes that were never counted do not increase the allowance.
        unread.written(5_000);
        unread.add(1_000).unwrap();
        assert!(unread.add(1).is_err());
    }
}
