//! CreatePermission and ChannelBind, RFC 8656 sections 10 and 12.

use std::net::{IpAddr, SocketAddr};

use super::allocation::{Full, MAX_PERMISSIONS};
use super::auth::{Refusal, Request, understood};
use super::{Allocation, Family, Io, Server};
use crate::frame::CHANNELS;
use crate::peers::PeerPolicy;
use crate::stun::attribute;

/// Checks whether the allocation has a relay of this peer's family, and the peer may be reached.
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
    /// Responds to a CreatePermission request: all of its peers, or none.
    pub(super) fn create_permission(
        &mut self,
        request: &Request<'_, '_>,
        io: &mut impl Io,
    ) -> Result<(), Refusal> {
        let message = request.message;
        understood(message, &[attribute::XOR_PEER_ADDRESS])?;
        let own = self.own(request)?;
        let mut peers: Vec<IpAddr> = Vec::new();
        for attribute in message
            .attributes()
            .filter(|attribute| attribute.kind == attribute::XOR_PEER_ADDRESS)
        {
            let peer = message
                .xor_address(attribute.value)
                .ok_or(Refusal::BAD_REQUEST)?;
            check(own, peer, &self.shared.options.peers)?;
            if peers.len() >= MAX_PERMISSIONS {
                return Err(Refusal::CAPACITY);
            }
            peers.push(peer.ip());
        }
        if peers.is_empty() {
            return Err(Refusal::BAD_REQUEST);
        }
        let own = self.own_mut(request)?;
        if !own.has_room_for(&peers, request.now) {
            return Err(Refusal::CAPACITY);
        }
        for peer in peers {
            own.permit(peer, request.now);
        }
        self.succeed(request, None, io);
        Ok(())
    }

    /// Responds to a ChannelBind request.
    pub(super) fn channel_bind(
        &mut self,
        request: &Request<'_, '_>,
        io: &mut impl Io,
    ) -> Result<(), Refusal> {
        let message = request.message;
        understood(
            message,
            &[attribute::XOR_PEER_ADDRESS, attribute::CHANNEL_NUMBER],
        )?;
        let own = self.own(request)?;
        let number = message
            .number(attribute::CHANNEL_NUMBER)
            .and_then(|number| u16::try_from(number >> 16).ok());
        let peer = message
            .get(attribute::XOR_PEER_ADDRESS)
            .and_then(|value| message.xor_address(value));
        let (Some(number), Some(peer)) = (number.filter(|number| CHANNELS.contains(number)), peer)
        else {
            return Err(Refusal::BAD_REQUEST);
        };
        let policy = &self.shared.options.peers;
        check(own, peer, policy)?;
        if !policy.permits_socket(peer) {
            return Err(Refusal::FORBIDDEN);
        }
        let own = self.own_mut(request)?;
        own.bind(number, peer, request.now)
            .map_err(|full| match full {
                Full::TooMany => Refusal::CAPACITY,
                Full::Conflict => Refusal::BAD_REQUEST,
            })?;
        self.succeed(request, None, io);
        Ok(())
    }

    /// The allocation that a request requires.
    fn own(&self, request: &Request<'_, '_>) -> Result<&Allocation, Refusal> {
        let own = request.own.and_then(|index| self.allocation(index));
        own.ok_or(Refusal::MISMATCH)
    }

    fn own_mut(&mut self, request: &Request<'_, '_>) -> Result<&mut Allocation, Refusal> {
        let own = request.own.and_then(|index| self.allocation_mut(index));
        own.ok_or(Refusal::MISMATCH)
    }
}
