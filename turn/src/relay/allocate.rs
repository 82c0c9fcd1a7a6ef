//! Allocate and Refresh, RFC 8656 sections 7 and 8.

use std::net::SocketAddr;
use std::time::Duration;

use super::allocation::{Allocation, Bucket, Slot};
use super::auth::{Refusal, Request, understood, until};
use super::ports::Wanted;
use super::shared::Quota;
use super::{BindError, Family, Io, RelayId, SOFTWARE, Server};
use crate::clock::Time;
use crate::stun::{Class, Message, Writer, attribute};

/// The default lifetime, RFC 8656 section 3.2; shorter ones are given only if the credentials expire sooner.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);
/// Ports tried if other programs use some of the range.
const MAX_TRIES: usize = 32;
/// UDP, in REQUESTED-TRANSPORT.
const UDP: u8 = 17;

/// The content of an Allocate request.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    families: [bool; 2],
    /// The second family may be missing.
    dual: bool,
    port: Wanted,
    token: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    /// Parses the request, RFC 8656 section 7.2.
    fn parse(request: &Message<'a>) -> Result<Self, Refusal> {
        use attribute::{
            EVEN_PORT, REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT, RESERVATION_TOKEN,
        };
        let transport = request
            .get(REQUESTED_TRANSPORT)
            .ok_or(Refusal::BAD_REQUEST)?;
        if transport.first() != Some(&UDP) {
            return Err(Refusal::TRANSPORT);
        }
        let family = request
            .get(REQUESTED_ADDRESS_FAMILY)
            .map(|value| value.first().copied());
        let more = additional(request).map(|value| value.first().copied());
        let token = request.get(RESERVATION_TOKEN);
        let even = request
            .get(EVEN_PORT)
            .map(|value| value.first().is_some_and(|bits| bits & 0x80 != 0));
        let contradiction = token.is_some()
            && (even.is_some() || family.is_some() || more.is_some())
            || more.is_some() && (family.is_some() || even == Some(true));
        if contradiction || token.is_some_and(|token| token.len() != 8) {
            return Err(Refusal::BAD_REQUEST);
        }
        let families = match (family, more) {
            (None | Some(Some(1)), None) => [true, false],
            (Some(Some(2)), None) => [false, true],
            (None, Some(Some(2))) => [true, true],
            (None, Some(_)) => return Err(Refusal::BAD_REQUEST),
            _ => return Err(Refusal::FAMILY),
        };
        let port = match even {
            None => Wanted::Any,
            Some(false) => Wanted::Even,
            Some(true) => Wanted::Pair,
        };
        Ok(Self {
            families,
            dual: more.is_some(),
            port,
            token,
        })
    }
}

/// The family requested in addition to the default one.
fn additional<'a>(request: &Message<'a>) -> Option<&'a [u8]> {
    request
        .get(attribute::ADDITIONAL_ADDRESS_FAMILY)
        .or_else(|| request.get(attribute::DRAFT_ADDITIONAL_ADDRESS_FAMILY))
}

impl Server {
    /// Responds to an Allocate request.
    pub(super) fn allocate(
        &mut self,
        request: &Request<'_, '_>,
        io: &mut impl Io,
    ) -> Result<(), Refusal> {
        let message = request.message;
        let own = request
            .own
            .and_then(|index| Some((index, self.allocation(index)?)));
        if let Some((index, own)) = own {
            if own.transaction != message.transaction() {
                return Err(Refusal::MISMATCH);
            }
            // The response was lost: it is sent again.
            let missing = additional(message).is_some() && own.relayed[1].is_none();
            self.answer_allocate(request, index, missing, io);
            return Ok(());
        }
        understood(
            message,
            &[
                attribute::REQUESTED_TRANSPORT,
                attribute::LIFETIME,
                attribute::EVEN_PORT,
                attribute::RESERVATION_TOKEN,
                attribute::REQUESTED_ADDRESS_FAMILY,
                attribute::DONT_FRAGMENT,
            ],
        )?;
        let asked = Asked::parse(message)?;
        if self.shared.is_draining() {
            return Err(Refusal::CAPACITY);
        }
        let user = request.known.user.name;
        self.shared.enter(user).map_err(|quota| match quota {
            Quota::User => Refusal::USER_QUOTA,
            Quota::All => Refusal::CAPACITY,
        })?;
        match self.open(request, &asked, io) {
            Ok((index, missing)) => {
                self.counters.allocations += 1;
                self.answer_allocate(request, index, missing, io);
                Ok(())
            }
            Err(refusal) => {
                self.shared.leave(user);
                Err(refusal)
            }
        }
    }

    /// Opens the relays and creates the allocation; returns whether the additional family is unavailable.
    fn open(
        &mut self,
        request: &Request<'_, '_>,
        asked: &Asked<'_>,
        io: &mut impl Io,
    ) -> Result<(u32, bool), Refusal> {
        let (now, known) = (request.now, request.known);
        let index = self
            .free
            .last()
            .copied()
            .unwrap_or_else(|| u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        let mut relayed = [None; 2];
        let mut reservation = None;
        if let Some(token) = asked.token {
            let address = self
                .shared
                .claim(token, known.user.name, now)
                .ok_or(Refusal::CAPACITY)?;
            let family = Family::of(address.ip());
            if let Err(refusal) = self.bind_at(index, address, io) {
                self.shared.release_port(address);
                return Err(refusal);
            }
            relayed[family as usize] = Some(address);
        } else {
            for family in [Family::V4, Family::V6] {
                if !asked.families[family as usize] {
                    continue;
                }
                match self.bind_some(index, family, asked.port, io) {
                    Ok(address) => relayed[family as usize] = Some(address),
                    // RFC 8656 section 7.2: half of a dual allocation is an allocation.
                    Err(_) if asked.dual && family == Family::V6 && relayed[0].is_some() => {}
                    Err(refusal) => return Err(refusal),
                }
            }
            if asked.port == Wanted::Pair {
                reservation = self.reserve_next(now, known.user.name, relayed, io);
            }
        }
        let until = until(&known.user);
        let allocation = Allocation {
            client: request.client,
            username: known.user.text.into(),
            key: known.key,
            until,
            transaction: request.message.transaction(),
            reservation,
            relayed,
            permissions: Vec::new(),
            channels: Vec::new(),
            out: Bucket::default(),
            back: Bucket::default(),
        };
        let wanted = request.message.number(attribute::LIFETIME);
        let lifetime = self.lifetime(wanted, until.since(now));
        let slot = Slot {
            expires: now + lifetime,
            allocation: Some(Box::new(allocation)),
        };
        if self.free.pop().is_some() {
            self.slots[index as usize] = slot;
        } else {
            self.slots.push(slot);
        }
        self.by_client.insert(request.client, index);
        Ok((index, asked.dual && relayed[1].is_none()))
    }

    /// Opens a relay on a free port.
    fn bind_some(
        &self,
        index: u32,
        family: Family,
        wanted: Wanted,
        io: &mut impl Io,
    ) -> Result<SocketAddr, Refusal> {
        let relays = &self.shared.options.relays;
        let relay = relays
            .iter()
            .find(|relay| Family::of(relay.public) == family)
            .ok_or(Refusal::FAMILY)?;
        let mut random = [0; 2];
        io.random(&mut random);
        // Ports used by other programs stay marked as taken until a free one is found, so that each is tried once.
        let mut foreign = Vec::new();
        let mut found = Err(Refusal::CAPACITY);
        for _ in 0..MAX_TRIES {
            let Some(port) =
                self.shared
                    .take_port(relay.public, u16::from_ne_bytes(random), wanted)
            else {
                break;
            };
            let address = SocketAddr::new(relay.public, port);
            match io.bind(
                RelayId::new(index, family),
                SocketAddr::new(relay.local, port),
            ) {
                Ok(()) => {
                    found = Ok(address);
                    break;
                }
                Err(error) => {
                    foreign.push(address);
                    if wanted == Wanted::Pair {
                        foreign.push(SocketAddr::new(relay.public, port + 1));
                    }
                    if error == BindError::Failed {
                        break;
                    }
                }
            }
        }
        for address in foreign {
            self.shared.release_port(address);
        }
        found
    }

    fn bind_at(&self, index: u32, address: SocketAddr, io: &mut impl Io) -> Result<(), Refusal> {
        let relays = &self.shared.options.relays;
        let relay = relays
            .iter()
            .find(|relay| relay.public == address.ip())
            .ok_or(Refusal::CAPACITY)?;
        let family = Family::of(address.ip());
        io.bind(
            RelayId::new(index, family),
            SocketAddr::new(relay.local, address.port()),
        )
        .map_err(|_| Refusal::CAPACITY)
    }

    /// Reserves the port after an even one for the allocation that presents the token.
    fn reserve_next(
        &self,
        now: Time,
        user: &str,
        relayed: [Option<SocketAddr>; 2],
        io: &mut impl Io,
    ) -> Option<[u8; 8]> {
        let mut next = relayed.into_iter().flatten().next()?;
        next.set_port(next.port() + 1);
        let mut token = [0; 8];
        io.random(&mut token);
        if self.shared.reserve(token, user, next, now) {
            return Some(token);
        }
        self.shared.release_port(next);
        None
    }

    fn answer_allocate(
        &mut self,
        request: &Request<'_, '_>,
        index: u32,
        missing: bool,
        io: &mut impl Io,
    ) {
        let message = request.message;
        let Some(slot) = self.slots.get(index as usize) else {
            return;
        };
        let Some(own) = slot.allocation.as_deref() else {
            return;
        };
        let mut writer = Writer::answer(&mut self.answer, Class::Success, message);
        for address in own.relayed.into_iter().flatten() {
            writer.xor_address(attribute::XOR_RELAYED_ADDRESS, address);
        }
        if missing {
            let [high, low] = [4, 40];
            writer.attribute(attribute::ADDRESS_ERROR_CODE, &[2, 0, high, low]);
        }
        let left = slot.expires.since(request.now) / 1000;
        writer.number(attribute::LIFETIME, u32::try_from(left).unwrap_or(u32::MAX));
        if let Some(token) = &own.reservation {
            writer.attribute(attribute::RESERVATION_TOKEN, token);
        }
        writer.xor_address(attribute::XOR_MAPPED_ADDRESS, own.client.address);
        writer.attribute(attribute::SOFTWARE, SOFTWARE);
        io.to_client(
            own.client,
            writer.finish(Some(&own.key), message.has_fingerprint()),
        );
    }

    /// Responds to a Refresh request.
    pub(super) fn refresh(
        &mut self,
        request: &Request<'_, '_>,
        io: &mut impl Io,
    ) -> Result<(), Refusal> {
        let message = request.message;
        understood(
            message,
            &[attribute::LIFETIME, attribute::REQUESTED_ADDRESS_FAMILY],
        )?;
        let wanted = message.number(attribute::LIFETIME);
        let own = request
            .own
            .and_then(|index| Some((index, self.allocation(index)?)));
        let Some((index, own)) = own else {
            // RFC 8656 section 8.2: ending an allocation that does not exist is a success.
            if wanted == Some(0) {
                self.succeed(request, Some(0), io);
                return Ok(());
            }
            return Err(Refusal::MISMATCH);
        };
        let family = message.get(attribute::REQUESTED_ADDRESS_FAMILY);
        let family = match family.map(|value| value.first().copied()) {
            None => None,
            Some(Some(number @ 1..=2)) => Some(usize::from(number - 1)),
            Some(_) => return Err(Refusal::FAMILY),
        };
        if family.is_some_and(|family| own.relayed[family].is_none()) {
            return Err(Refusal::PEER_FAMILY);
        }
        if wanted == Some(0) {
            match family {
                Some(family) if own.relayed.iter().flatten().count() > 1 => {
                    self.close_family(index, family, io)
                }
                _ => self.remove(index, io),
            }
            self.succeed(request, Some(0), io);
            return Ok(());
        }
        let left = own.until.since(request.now);
        let lifetime = self.lifetime(wanted, left);
        self.slots[index as usize].expires = request.now + lifetime;
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        self.succeed(request, Some(seconds), io);
        Ok(())
    }

    fn close_family(&mut self, index: u32, family: usize, io: &mut impl Io) {
        let Some(own) = self.allocation_mut(index) else {
            return;
        };
        let Some(address) = own.relayed[family].take() else {
            return;
        };
        own.permissions
            .retain(|permission| Family::of(permission.ip) as usize != family);
        own.channels
            .retain(|channel| Family::of(channel.peer.ip()) as usize != family);
        io.close(RelayId::new(index, Family::of(address.ip())));
        self.shared.release_port(address);
    }

    /// Sends a success response without further content.
    pub(super) fn succeed(
        &mut self,
        request: &Request<'_, '_>,
        lifetime: Option<u32>,
        io: &mut impl Io,
    ) {
        let message = request.message;
        let mut writer = Writer::answer(&mut self.answer, Class::Success, message);
        if let Some(lifetime) = lifetime {
            writer.number(attribute::LIFETIME, lifetime);
        }
        writer.attribute(attribute::SOFTWARE, SOFTWARE);
        let key = &request.known.key;
        io.to_client(
            request.client,
            writer.finish(Some(key), message.has_fingerprint()),
        );
    }

    /// Returns how long an allocation lasts unless it is refreshed: as long as requested, within limits, and never
    /// longer than the `left` milliseconds remaining, as RFC 7635 specifies for expiring tokens.
    fn lifetime(&self, wanted: Option<u32>, left: u64) -> Duration {
        let longest = self.shared.options.max_lifetime.max(DEFAULT_LIFETIME);
        let lifetime = wanted.map_or(DEFAULT_LIFETIME, |seconds| {
            Duration::from_secs(seconds.into()).clamp(DEFAULT_LIFETIME, longest)
        });
        lifetime.min(Duration::from_millis(left))
    }
}
