//! The data path: ChannelData and Send indications out, ChannelData and Data indications back. Nothing is copied or
//! allocated here.

use std::net::SocketAddr;
use std::ops::Range;

use super::{Client, Family, HEADROOM, Io, Link, Options, PADDING, RelayId, Server};
use crate::clock::Time;
use crate::frame::{CHANNEL_HEADER, channel_data, channel_header};
use crate::stun::{
    Class, HEADER, Message, attribute, encode_xor_address, message_type, method, padded,
};

impl Server {
    /// Relays a client's ChannelData, RFC 8656 section 12.6.
    #[inline]
    pub(super) fn channel_data(
        &mut self,
        now: Time,
        client: Client,
        bytes: &[u8],
        io: &mut impl Io,
    ) {
        let Some((number, data)) = channel_data(bytes) else {
            self.counters.malformed += 1;
            return;
        };
        let Some(&index) = self.by_client.get(&client) else {
            self.counters.dropped += 1;
            return;
        };
        let own = self
            .slots
            .get_mut(index as usize)
            .filter(|slot| slot.expires > now);
        let Some(own) = own.and_then(|slot| slot.allocation.as_deref_mut()) else {
            self.counters.dropped += 1;
            return;
        };
        let Some(peer) = own
            .channel(number, now)
            .filter(|peer| own.is_permitted(peer.ip(), now))
        else {
            self.counters.dropped += 1;
            return;
        };
        if !own.out.take(data.len(), self.shared.options.max_rate, now) {
            self.counters.throttled += 1;
            return;
        }
        self.counters.messages_out += 1;
        self.counters.bytes_out += data.len() as u64;
        let relay = RelayId::new(index, Family::of(peer.ip()));
        io.to_peer(relay, inward(&self.shared.options, peer), data, false);
    }

    /// Relays a Send indication, RFC 8656 section 11.2.
    pub(super) fn send_indication(
        &mut self,
        now: Time,
        client: Client,
        message: &Message<'_>,
        io: &mut impl Io,
    ) {
        let (mut peer, mut data, mut whole, mut known) = (None, None, false, true);
        for attribute in message.attributes() {
            match attribute.kind {
                attribute::XOR_PEER_ADDRESS if peer.is_none() => {
                    peer = message.xor_address(attribute.value)
                }
                attribute::DATA if data.is_none() => data = Some(attribute.value),
                attribute::DONT_FRAGMENT => whole = true,
                attribute::XOR_PEER_ADDRESS | attribute::DATA | 0x8000.. => {}
                _ => known = false,
            }
        }
        let (Some(peer), Some(data), true) = (peer, data, known) else {
            self.counters.malformed += 1;
            return;
        };
        let options = &self.shared.options;
        let index = self.by_client.get(&client).copied();
        let slot = index
            .and_then(|index| self.slots.get_mut(index as usize))
            .filter(|slot| slot.expires > now);
        let own = slot
            .and_then(|slot| slot.allocation.as_deref_mut())
            .filter(|own| {
                own.relayed[Family::of(peer.ip()) as usize].is_some()
                    && own.is_permitted(peer.ip(), now)
                    && options.peers.permits_socket(peer)
            });
        let (Some(own), Some(index)) = (own, index) else {
            self.counters.dropped += 1;
            return;
        };
        if !own.out.take(data.len(), options.max_rate, now) {
            self.counters.throttled += 1;
            return;
        }
        self.counters.messages_out += 1;
        self.counters.bytes_out += data.len() as u64;
        io.to_peer(
            RelayId::new(index, Family::of(peer.ip())),
            inward(options, peer),
            data,
            whole,
        );
    }

    /// Handles data that a peer sent to a relay: `size` bytes in `buffer` after [`HEADROOM`], followed by [`PADDING`]
    /// free bytes. Returns which bytes of the buffer go to which client, if any.
    #[inline]
    pub fn from_peer(
        &mut self,
        now: Time,
        relay: RelayId,
        peer: SocketAddr,
        buffer: &mut [u8],
        size: usize,
    ) -> Option<(Client, Range<usize>)> {
        let end = HEADROOM + size;
        let peer = outward(&self.shared.options, peer);
        let slot = self
            .slots
            .get_mut(relay.allocation())
            .filter(|slot| slot.expires > now);
        let own = slot.and_then(|slot| slot.allocation.as_deref_mut());
        let Some(own) = own.filter(|own| own.is_permitted(peer.ip(), now)) else {
            self.counters.dropped += 1;
            return None;
        };
        let length = u16::try_from(size)
            .ok()
            .filter(|_| buffer.len() >= end + PADDING);
        let Some(length) = length else {
            self.counters.dropped += 1;
            return None;
        };
        if !own.back.take(size, self.shared.options.max_rate, now) {
            self.counters.throttled += 1;
            return None;
        }
        self.counters.messages_in += 1;
        self.counters.bytes_in += size as u64;
        let client = own.client;
        buffer[end..end + PADDING].fill(0);
        let padded_end = HEADROOM + padded(size);
        if let Some(number) = own.channel_to(peer, now) {
            let start = HEADROOM - CHANNEL_HEADER;
            buffer[start..HEADROOM].copy_from_slice(&channel_header(number, length));
            // Over UDP, padding is not required (RFC 8656 section 12.5).
            let end = if matches!(client.link, Link::Stream(_)) {
                padded_end
            } else {
                end
            };
            return Some((client, start..end));
        }
        self.indication = self.indication.wrapping_add(1);
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&self.indication.to_be_bytes());
        let mut address = [0; 20];
        let address_length = encode_xor_address(peer, &transaction, &mut address);
        let start = HEADROOM - 4 - address_length - 4 - HEADER;
        let mut at = start;
        let mut write = |bytes: &[u8]| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        let body = u16::try_from(padded_end - start - HEADER).unwrap_or(u16::MAX);
        write(&message_type(Class::Indication, method::DATA).to_be_bytes());
        write(&body.to_be_bytes());
        write(&crate::stun::COOKIE);
        write(&transaction);
        write(&attribute::XOR_PEER_ADDRESS.to_be_bytes());
        write(&(address_length as u16).to_be_bytes());
        write(&address[..address_length]);
        write(&attribute::DATA.to_be_bytes());
        write(&length.to_be_bytes());
        Some((client, start..padded_end))
    }
}

/// Translates one of our public relayed addresses to the one reachable from this machine: the NAT may not support
/// hairpinning.
fn inward(options: &Options, mut peer: SocketAddr) -> SocketAddr {
    for relay in &options.relays {
        if relay.local != relay.public
            && relay.public == peer.ip()
            && options.ports.contains(&peer.port())
        {
            peer.set_ip(relay.local);
        }
    }
    peer
}

/// The reverse: data from another of our relays appears to come from its public address.
fn outward(options: &Options, mut peer: SocketAddr) -> SocketAddr {
    for relay in &options.relays {
        if relay.local != relay.public
            && relay.local == peer.ip()
            && options.ports.contains(&peer.port())
        {
            peer.set_ip(relay.public);
        }
    }
    peer
}
