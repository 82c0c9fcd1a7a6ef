//! CreatePermission and ChannelBind, RFC 8656 sections 10 and 12.

use std::net::{IpAddr, SocketAddr};

use super::allocation::{Full, MAX_PERMISSIONS};
use super::auth::{Refusal, understood};
use super::{Allocation, Client, Family, Io, Server};
use crate::clock::Time;
use crate::frame::CHANNELS;
use crate::peers::PeerPolicy;
use crate::stun::{Message, attribute};

/// Whether the allocation has a relay of this peer's family, and the peer may be reached.
fn check(own: &Allocation, peer: SocketAddr, policy: &PeerPolicy) -> Result<(), Refusal> {
    if own.relayed[Family::of(peer.ip()) as usize].is_none() {
        return Err(Refusal::PEER_FAMILY);
    }
    if !policy.permits(peer.ip()) {
        return Err(Refusal::FORBIDDEN);
    }
    Ok(())
}

impl Server {
    /// Answers a CreatePermission request: all of its peers, or none.
    pub(super) fn create_permission(
        &mut self,
        now: Time,
        client: Client,
        request: &Message<'_>,
        io: &mut impl Io,
    ) -> Result<(), Refusal> {
        let own = self.allocation_of(client);
        let known = self.authenticate(now, client, request, own.map(|(_, own)| own))?;
        let signed = |refusal: Refusal| refusal.signed(known.key);
        understood(request, &[attribute::XOR_PEER_ADDRESS]).map_err(signed)?;
        let (index, own) = own.ok_or_else(|| signed(Refusal::MISMATCH))?;
        let mut peers: Vec<IpAddr> = Vec::new();
        for attribute in request
            .attributes()
            .filter(|attribute| attribute.kind == attribute::XOR_PEER_ADDRESS)
        {
            let peer = request
                .xor_address(attribute.value)
                .ok_or_else(|| signed(Refusal::BAD_REQUEST))?;
            check(own, peer, &self.shared.options.peers).map_err(signed)?;
            if peers.len() >= MAX_PERMISSIONS {
                return Err(signed(Refusal::CAPACITY));
            }
            peers.push(peer.ip());
        }
        if peers.is_empty() {
            return Err(signed(Refusal::BAD_REQUEST));
        }
        let own = self
            .allocation_mut(index)
            .ok_or_else(|| signed(Refusal::MISMATCH))?;
        if !own.has_room_for(&peers, now) {
            return Err(signed(Refusal::CAPACITY));
        }
        for peer in peers {
            own.permit(peer, now);
        }
        self.succeed(client, request, &known.key, None, io);
        Ok(())
    }

    /// Answers a ChannelBind request.
    pub(super) fn channel_bind(
        &mut self,
        now: Time,
        client: Client,
        request: &Message<'_>,
        io: &mut impl Io,
    ) -> Result<(), Refusal> {
        let own = self.allocation_of(client);
        let known = self.authenticate(now, client, request, own.map(|(_, own)| own))?;
        let signed = |refusal: Refusal| refusal.signed(known.key);
        understood(
            request,
            &[attribute::XOR_PEER_ADDRESS, attribute::CHANNEL_NUMBER],
        )
        .map_err(signed)?;
        let (index, own) = own.ok_or_else(|| signed(Refusal::MISMATCH))?;
        let number = request
            .number(attribute::CHANNEL_NUMBER)
            .and_then(|number| u16::try_from(number >> 16).ok());
        let peer = request
            .get(attribute::XOR_PEER_ADDRESS)
            .and_then(|value| request.xor_address(value));
        let (Some(number), Some(peer)) = (number.filter(|number| CHANNELS.contains(number)), peer)
        else {
            return Err(signed(Refusal::BAD_REQUEST));
        };
        let policy = &self.shared.options.peers;
        check(own, peer, policy).map_err(signed)?;
        if !policy.permits_socket(peer) {
            return Err(signed(Refusal::FORBIDDEN));
        }
        let own = self
            .allocation_mut(index)
            .ok_or_else(|| signed(Refusal::MISMATCH))?;
        own.bind(number, peer, now).map_err(|full| match full {
            Full::TooMany => signed(Refusal::CAPACITY),
            Full::Conflict => signed(Refusal::BAD_REQUEST),
        })?;
        self.succeed(client, request, &known.key, None, io);
        Ok(())
    }
}
