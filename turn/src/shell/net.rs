//! One thread's sockets, as the core uses them.

use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use program::Seldom;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::{
    self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};
use rustix::net::{SendFlags, sendto};

use super::batch::{BATCH, Outgoing, PLACE};
use super::sockets;
use super::stream::Streams;
use crate::relay::{BindError, Client, Io, Link, RelayId};

static NO_SOCKET: Seldom = Seldom::new();

/// The subject of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    Wake,
    Datagram(u32),
    Plain(u32),
    Tls(u32),
    Relay(u32),
    Stream(u32),
}

impl Source {
    pub(super) fn data(self) -> EventData {
        let (kind, index) = match self {
            Self::Wake => (0_u64, 0),
            Self::Datagram(index) => (1, index),
            Self::Plain(index) => (2, index),
            Self::Tls(index) => (3, index),
            Self::Relay(index) => (4, index),
            Self::Stream(index) => (5, index),
        };
        EventData::new_u64(kind << 32 | u64::from(index))
    }

    pub(super) fn of(data: EventData) -> Self {
        let data = data.u64();
        let index = data as u32;
        match data >> 32 {
            1 => Self::Datagram(index),
            2 => Self::Plain(index),
            3 => Self::Tls(index),
            4 => Self::Relay(index),
            5 => Self::Stream(index),
            _ => Self::Wake,
        }
    }
}

/// Sockets, and what is queued for sending.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) epoll: OwnedFd,
    pub(super) datagram: Vec<OwnedFd>,
    pub(super) relays: Vec<Option<OwnedFd>>,
    pub(super) streams: Streams,
    outgoing: Outgoing,
    /// The listener that sends what is queued.
    by: u32,
    pub(super) places: Box<[u8]>,
    /// Datagrams that the system did not accept.
    pub(super) unsent: u64,
}

impl Net {
    pub(super) fn new(epoll: OwnedFd, datagram: Vec<OwnedFd>, streams: Streams) -> Self {
        Self {
            epoll,
            datagram,
            relays: Vec::new(),
            streams,
            outgoing: Outgoing::new(),
            by: 0,
            places: vec![0; BATCH * PLACE].into(),
            unsent: 0,
        }
    }

    /// Registers a socket for events.
    pub(super) fn watch(&self, socket: BorrowedFd<'_>, source: Source) -> rustix::io::Result<()> {
        epoll::add(&self.epoll, socket, source.data(), EventFlags::IN)
    }

    /// Where the next datagram for a client may be composed.
    pub(super) const fn place(&self) -> Range<usize> {
        self.outgoing.place()
    }

    /// Sends the bytes at `range` of the next slot to a client, soon.
    pub(super) fn queue(&mut self, client: Client, range: Range<usize>) {
        match client.link {
            Link::Datagram(listener) => {
                if listener != self.by {
                    // The next slot is not the first: its content moves once the batch before it was sent.
                    let place = self.outgoing.place();
                    let whole = place.start + range.start..place.start + range.end;
                    self.flush();
                    self.by = listener;
                    self.places.copy_within(whole, range.start);
                }
                if self.outgoing.push(range, client.address) {
                    self.flush();
                }
            }
            Link::Stream(id) => {
                let place = self.outgoing.place();
                let message = &self.places[place.start + range.start..place.start + range.end];
                self.streams.queue(id, message);
            }
        }
    }

    /// Sends the queued datagrams.
    pub(super) fn flush(&mut self) {
        if let Some(socket) = self.datagram.get(self.by as usize) {
            self.unsent += self.outgoing.send(socket.as_fd(), &self.places) as u64;
        }
    }

    fn send_whole(socket: &OwnedFd, peer: SocketAddr, data: &[u8]) -> rustix::io::Result<usize> {
        // For this one datagram: never fragmented, RFC 8656 section 15.
        if peer.is_ipv4() {
            let before = sockopt::ip_mtu_discover(socket)?;
            set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DO)?;
            let sent = sendto(socket, data, SendFlags::DONTWAIT, &peer);
            set_ip_mtu_discover(socket, before)?;
            sent
        } else {
            let before = sockopt::ipv6_mtu_discover(socket)?;
            set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DO)?;
            let sent = sendto(socket, data, SendFlags::DONTWAIT, &peer);
            set_ipv6_mtu_discover(socket, before)?;
            sent
        }
    }
}

impl Io for Net {
    fn bind(&mut self, relay: RelayId, address: SocketAddr) -> Result<(), BindError> {
        let socket = sockets::relay(address).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => BindError::InUse,
            _ => {
                if let Some(left_out) = NO_SOCKET.say() {
                    tracing::warn!(%address, %error, left_out, "no socket for a relay");
                }
                BindError::Failed
            }
        })?;
        self.watch(socket.as_fd(), Source::Relay(relay.index()))
            .map_err(|_| BindError::Failed)?;
        let index = relay.index() as usize;
        if self.relays.len() <= index {
            self.relays.resize_with(index + 1, || None);
        }
        self.relays[index] = Some(socket);
        Ok(())
    }

    fn close(&mut self, relay: RelayId) {
        // Closing unregisters it.
        if let Some(relay) = self.relays.get_mut(relay.index() as usize) {
            *relay = None;
        }
    }

    fn to_client(&mut self, client: Client, message: &[u8]) {
        match client.link {
            Link::Datagram(listener) => {
                let Some(socket) = self.datagram.get(listener as usize) else {
                    return;
                };
                if sendto(socket, message, SendFlags::DONTWAIT, &client.address).is_err() {
                    self.unsent += 1;
                }
            }
            Link::Stream(id) => self.streams.queue(id, message),
        }
    }

    #[inline]
    fn to_peer(&mut self, relay: RelayId, peer: SocketAddr, data: &[u8], whole: bool) {
        let Some(Some(socket)) = self.relays.get(relay.index() as usize) else {
            return;
        };
        let mut sent = if whole {
            Self::send_whole(socket, peer, data)
        } else {
            sendto(socket, data, SendFlags::DONTWAIT, &peer)
        };
        if sent == Err(Errno::CONNREFUSED) {
            // The error of an earlier datagram is reported by the next call.
            sent = sendto(socket, data, SendFlags::DONTWAIT, &peer);
        }
        if sent.is_err() {
            self.unsent += 1;
        }
    }

    fn random(&mut self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Ports are then tried from the first one on, and reservation tokens are all equal, though bound to a user.
            tracing::error!(%error, "the system provides no random bytes");
        }
    }
}
