//! The core: messages of clients and peers go in, with the time; messages to send and sockets to open come out
//! through [`Io`].

mod allocate;
mod allocation;
mod auth;
mod data;
mod limiter;
mod permit;
mod ports;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use self::allocation::{Allocation, Slot};
use self::auth::Refusal;
use self::limiter::Limiter;
use crate::clock::Time;
use crate::credentials::Secrets;
use crate::peers::PeerPolicy;
use crate::stun::{Class, Message, Writer, attribute, method};

pub use shared::Shared;

/// Bytes that must be free before a peer's data, for the header; `PADDING` bytes must be free after it.
pub const HEADROOM: usize = 48;
/// Bytes that must be free after a peer's data.
pub const PADDING: usize = 3;
/// How often allocations are checked for expiry.
const SWEEP: Duration = Duration::from_secs(1);
/// The value of SOFTWARE.
const SOFTWARE: &[u8] = b"Subspace";

/// The operator's settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// The realm of the credentials.
    pub realm: String,
    /// Secrets from which credentials are derived.
    pub secrets: Secrets,
    /// Which peers may be reached.
    pub peers: PeerPolicy,
    /// Relay addresses, at most one per family.
    pub relays: Vec<RelayAddress>,
    /// Relay ports.
    pub ports: RangeInclusive<u16>,
    /// Concurrent allocations.
    pub max_allocations: usize,
    /// Concurrent allocations per user.
    pub max_user_allocations: usize,
    /// Maximum lifetime of an allocation between two refreshes.
    pub max_lifetime: Duration,
    /// Bytes per second per allocation in each direction; 0 means no limit.
    pub max_rate: u64,
    /// Responses per second to one address without credentials.
    pub max_unauthorized: u32,
}

/// A relay address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RelayAddress {
    /// The address of this machine that sockets are bound to.
    pub local: IpAddr,
    /// The address at which peers reach it: a different one behind a NAT.
    pub public: IpAddr,
}

/// The origin of a client's messages: together with the listener's address, RFC 8656's 5-tuple.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Client {
    /// The server's socket.
    pub link: Link,
    /// The client's address.
    pub address: SocketAddr,
}

/// One of the server's sockets for clients.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Link {
    /// The UDP listener with this index.
    Datagram(u32),
    /// The TCP or TLS connection with this id.
    Stream(u32),
}

/// A relay socket: an allocation's index and the family.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct RelayId(u32);

impl RelayId {
    const fn new(allocation: u32, family: Family) -> Self {
        Self(allocation << 1 | family as u32)
    }

    const fn allocation(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// A small number, unique among open relays.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The relay with this number.
    #[must_use]
    pub const fn from_index(index: u32) -> Self {
        Self(index)
    }
}

/// Address families, as numbered in REQUESTED-ADDRESS-FAMILY (less one).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    V4 = 0,
    V6 = 1,
}

impl Family {
    const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// Why a relay socket could not be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BindError {
    /// Another program has the port.
    InUse,
    /// The system has no more sockets, or the address does not exist.
    Failed,
}

/// The core's interface to the outside.
pub trait Io {
    /// Opens a relay's socket.
    ///
    /// # Errors
    /// The port is taken, or no socket is available.
    fn bind(&mut self, relay: RelayId, address: SocketAddr) -> Result<(), BindError>;
    /// Closes a relay's socket.
    fn close(&mut self, relay: RelayId);
    /// Sends a complete message to a client.
    fn to_client(&mut self, client: Client, message: &[u8]);
    /// Sends data from a relay to a peer; if `whole`, unfragmented or not at all.
    fn to_peer(&mut self, relay: RelayId, peer: SocketAddr, data: &[u8], whole: bool);
    /// Fills a buffer with random bytes.
    fn random(&mut self, bytes: &mut [u8]);
}

/// Counters, which only grow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Messages relayed from clients to peers.
    pub messages_out: u64,
    /// Bytes of these messages.
    pub bytes_out: u64,
    /// Messages relayed from peers to clients.
    pub messages_in: u64,
    /// Bytes of these messages.
    pub bytes_in: u64,
    /// Data dropped: no allocation, permission or channel, or a peer that may not be reached.
    pub dropped: u64,
    /// Messages that the sockets did not accept; counted by their owner.
    pub unsent: u64,
    /// Data dropped because an allocation exceeded its rate.
    pub throttled: u64,
    /// Bytes from clients that are not a message.
    pub malformed: u64,
    /// Requests.
    pub requests: u64,
    /// Refused requests, except those without credentials.
    pub refused: u64,
    /// Requests without credentials or with wrong ones.
    pub unauthorized: u64,
    /// Responses withheld because an address made too many requests without credentials.
    pub withheld: u64,
    /// Allocations created.
    pub allocations: u64,
}

/// The relay of one thread. State shared across threads is in [`Shared`].
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    by_client: HashMap<Client, u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    limiter: Limiter,
    answer: Vec<u8>,
    next_sweep: Time,
    indication: u64,
    counters: Counters,
}

impl Server {
    /// Creates a relay without allocations.
    #[must_use]
    pub fn new(shared: Arc<Shared>, now: Time) -> Self {
        let limiter = Limiter::new(shared.options.max_unauthorized);
        Self {
            shared,
            by_client: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            limiter,
            answer: Vec::new(),
            next_sweep: now + SWEEP,
            indication: 0,
            counters: Counters::default(),
        }
    }

    /// The counters so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The number of allocations.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.by_client.len()
    }

    /// Returns whether a client has an allocation.
    #[must_use]
    pub fn has_allocation(&self, client: Client) -> bool {
        self.by_client.contains_key(&client)
    }

    /// When [`tick`](Self::tick) must be called next.
    #[must_use]
    pub const fn next_tick(&self) -> Time {
        self.next_sweep
    }

    /// Handles a complete message from a client.
    pub fn from_client(&mut self, now: Time, client: Client, bytes: &[u8], io: &mut impl Io) {
        match bytes.first() {
            Some(0x40..=0x7F) => self.channel_data(now, client, bytes, io),
            Some(0x00..=0x3F) => match Message::parse(bytes) {
                Ok(message) => self.message(now, client, &message, io),
                Err(_) => self.counters.malformed += 1,
            },
            _ => self.counters.malformed += 1,
        }
    }

    /// Handles the end of a client's connection.
    pub fn client_gone(&mut self, client: Client, io: &mut impl Io) {
        if let Some(&index) = self.by_client.get(&client) {
            self.remove(index, io);
        }
    }

    /// Ends what has expired.
    pub fn tick(&mut self, now: Time, io: &mut impl Io) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP;
        let ended: Vec<u32> = (0_u32..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.allocation.is_some() && slot.expires <= now)
            .map(|(index, _)| index)
            .collect();
        for index in ended {
            self.remove(index, io);
        }
    }

    fn message(&mut self, now: Time, client: Client, message: &Message<'_>, io: &mut impl Io) {
        match (message.class(), message.method()) {
            (Class::Indication, method::SEND) => self.send_indication(now, client, message, io),
            (Class::Request, method) => {
                self.counters.requests += 1;
                let outcome = match method {
                    method::BINDING => self.binding(now, client, message, io),
                    method::ALLOCATE => self.authorized(now, client, message, io, Self::allocate),
                    method::REFRESH => self.authorized(now, client, message, io, Self::refresh),
                    method::CREATE_PERMISSION => {
                        self.authorized(now, client, message, io, Self::create_permission)
                    }
                    method::CHANNEL_BIND => {
                        self.authorized(now, client, message, io, Self::channel_bind)
                    }
                    _ => Err(Refusal::BAD_REQUEST),
                };
                if let Err(refusal) = outcome {
                    self.refuse(now, client, message, &refusal, io);
                }
            }
            // Binding indications keep NAT mappings alive; responses do not belong to requests of ours.
            _ => {}
        }
    }

    /// Responds to a Binding request, RFC 8489 section 6.3.1.
    fn binding(
        &mut self,
        now: Time,
        client: Client,
        request: &Message<'_>,
        io: &mut impl Io,
    ) -> Result<(), Refusal> {
        auth::understood(request, &[])?;
        if !self.limiter.allows(client.address.ip(), now) {
            self.counters.withheld += 1;
            return Ok(());
        }
        let mut writer = Writer::answer(&mut self.answer, Class::Success, request);
        writer.xor_address(attribute::XOR_MAPPED_ADDRESS, client.address);
        io.to_client(client, writer.finish(None, request.has_fingerprint()));
        Ok(())
    }

    fn remove(&mut self, index: u32, io: &mut impl Io) {
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return;
        };
        let Some(allocation) = slot.allocation.take() else {
            return;
        };
        self.free.push(index);
        self.by_client.remove(&allocation.client);
        for family in [Family::V4, Family::V6] {
            if let Some(address) = allocation.relayed[family as usize] {
                io.close(RelayId::new(index, family));
                self.shared.release_port(address);
            }
        }
        self.shared.leave(allocation.user());
    }

    fn allocation_of(&self, client: Client) -> Option<(u32, &Allocation)> {
        let index = *self.by_client.get(&client)?;
        Some((index, self.allocation(index)?))
    }

    fn allocation(&self, index: u32) -> Option<&Allocation> {
        self.slots.get(index as usize)?.allocation.as_deref()
    }

    fn allocation_mut(&mut self, index: u32) -> Option<&mut Allocation> {
        self.slots
            .get_mut(index as usize)?
            .allocation
            .as_deref_mut()
    }
}
