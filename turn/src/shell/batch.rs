//! Many datagrams per system call: recvmmsg(2) and sendmmsg(2).

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV6};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg,
};

/// Datagrams per call.
pub(super) const BATCH: usize = 32;
/// Maximum length of a relayed datagram in bytes; longer ones are dropped. Media stay below 1500.
pub(super) const MAX_DATAGRAM: usize = 16 * 1024;
/// Bytes per slot: a datagram, and room before and after it.
pub(super) const PLACE: usize = MAX_DATAGRAM + 64;

/// Datagrams received by a listener.
pub(super) struct Incoming {
    headers: MultiHeaders<SockaddrStorage>,
    received: [(usize, Option<SocketAddr>); BATCH],
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Incoming")
    }
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH, None),
            received: [(0, None); BATCH],
        }
    }

    /// Receives the available datagrams, each in its slot of `places`. Returns their lengths and senders.
    pub(super) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        places: &mut [u8],
    ) -> io::Result<&[(usize, Option<SocketAddr>)]> {
        let mut chunks = places.chunks_exact_mut(PLACE);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_DONTWAIT;
        let results = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            flags,
            None,
        )?;
        let mut count = 0;
        for (message, into) in results.zip(&mut self.received) {
            let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
            *into = (
                message.bytes,
                message.address.as_ref().filter(|_| whole).and_then(to_std),
            );
            count += 1;
        }
        Ok(&self.received[..count])
    }
}

/// Datagrams queued for sending by one listener.
pub(super) struct Outgoing {
    headers: MultiHeaders<SockaddrStorage>,
    waiting: [(Range<usize>, Option<SockaddrStorage>); BATCH],
    count: usize,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({})", self.count)
    }
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH, None),
            waiting: std::array::from_fn(|_| (0..0, None)),
            count: 0,
        }
    }

    /// The slot for the next datagram.
    pub(super) const fn place(&self) -> Range<usize> {
        self.count * PLACE..(self.count + 1) * PLACE
    }

    /// Adds the datagram at `range` of the next slot; returns whether the batch is full.
    pub(super) fn push(&mut self, range: Range<usize>, address: SocketAddr) -> bool {
        let start = self.count * PLACE;
        self.waiting[self.count] = (start + range.start..start + range.end, Some(address.into()));
        self.count += 1;
        self.count == BATCH
    }

    /// Sends all. What the system does not accept is lost, as is normal for datagrams; returns how many were not
    /// sent.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>, places: &[u8]) -> usize {
        let mut start = 0;
        let mut lost = 0;
        while start < self.count {
            let waiting = &self.waiting[start..self.count];
            let slices: [[IoSlice<'_>; 1]; BATCH] = std::array::from_fn(|index| {
                let range = waiting.get(index).map_or(0..0, |(range, _)| range.clone());
                [IoSlice::new(places.get(range).unwrap_or_default())]
            });
            let addresses: [Option<SockaddrStorage>; BATCH] =
                std::array::from_fn(|index| waiting.get(index).and_then(|(_, address)| *address));
            let none: [ControlMessage<'_>; 0] = [];
            let sent = sendmmsg(
                socket.as_raw_fd(),
                &mut self.headers,
                &slices[..waiting.len()],
                &addresses[..waiting.len()],
                none,
                MsgFlags::MSG_DONTWAIT,
            )
            .map_or(0, Iterator::count);
            // The first one not sent is the one that failed.
            start += sent;
            if sent < waiting.len() {
                start += 1;
                lost += 1;
            }
        }
        self.count = 0;
        lost
    }
}

fn to_std(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::new(v4.ip().into(), v4.port()));
    }
    address
        .as_sockaddr_in6()
        .map(|v6| SocketAddrV6::new(v6.ip(), v6.port(), 0, v6.scope_id()).into())
}
