//! An allocation: RFC 8656 section 2.2, with its permissions and channels.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Client;
use crate::clock::Time;
use crate::credentials::Username;
use crate::stun::{Key, TransactionId};

/// How long a permission lasts, RFC 8656 section 9.
pub(super) const PERMISSION: Duration = Duration::from_secs(300);
/// How long a channel lasts, RFC 8656 section 12.
pub(super) const CHANNEL: Duration = Duration::from_secs(600);
/// Concurrent permissions per allocation.
pub(super) const MAX_PERMISSIONS: usize = 64;
/// Concurrent channels per allocation.
pub(super) const MAX_CHANNELS: usize = 64;

/// A slot for an allocation. The time of its end is stored outside, so that scanning all slots is cheap.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) expires: Time,
    pub(super) allocation: Option<Box<Allocation>>,
}

/// An allocation.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) client: Client,
    pub(super) username: Box<str>,
    pub(super) key: Key,
    /// When it ends for good, even if refreshed.
    pub(super) until: Time,
    /// The request that created it, to recognise retransmissions.
    pub(super) transaction: TransactionId,
    pub(super) reservation: Option<[u8; 8]>,
    /// Public relayed addresses, by family.
    pub(super) relayed: [Option<SocketAddr>; 2],
    pub(super) permissions: Vec<Permission>,
    pub(super) channels: Vec<Channel>,
    pub(super) out: Bucket,
    pub(super) back: Bucket,
}

/// A permission: this address may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permission {
    pub(super) ip: IpAddr,
    pub(super) expires: Time,
}

/// A channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) number: u16,
    pub(super) peer: SocketAddr,
    pub(super) expires: Time,
}

/// Why a peer or a channel was not added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Full {
    /// There are too many.
    TooMany,
    /// The number or the peer is already bound to another.
    Conflict,
}

impl Allocation {
    /// Its owner, for quotas.
    pub(super) fn user(&self) -> &str {
        Username::parse(&self.username).map_or("", |user| user.name)
    }

    pub(super) fn is_permitted(&self, ip: IpAddr, now: Time) -> bool {
        self.permissions
            .iter()
            .any(|permission| permission.ip == ip && permission.expires > now)
    }

    pub(super) fn channel(&self, number: u16, now: Time) -> Option<SocketAddr> {
        let channel = self
            .channels
            .iter()
            .find(|channel| channel.number == number)?;
        (channel.expires > now).then_some(channel.peer)
    }

    pub(super) fn channel_to(&self, peer: SocketAddr, now: Time) -> Option<u16> {
        let channel = self.channels.iter().find(|channel| channel.peer == peer)?;
        (channel.expires > now).then_some(channel.number)
    }

    /// Returns whether there is room for these permissions, not counting existing or expired ones.
    pub(super) fn has_room_for(&mut self, ips: &[IpAddr], now: Time) -> bool {
        self.permissions
            .retain(|permission| permission.expires > now);
        let more = ips.iter().enumerate().filter(|(index, ip)| {
            !ips[..*index].contains(ip)
                && !self
                    .permissions
                    .iter()
                    .any(|permission| permission.ip == **ip)
        });
        self.permissions.len() + more.count() <= MAX_PERMISSIONS
    }

    /// Creates or renews a permission.
    pub(super) fn permit(&mut self, ip: IpAddr, now: Time) {
        let expires = now + PERMISSION;
        match self
            .permissions
            .iter_mut()
            .find(|permission| permission.ip == ip)
        {
            Some(permission) => permission.expires = expires,
            None => {
                self.permissions.reserve_exact(1);
                self.permissions.push(Permission { ip, expires });
            }
        }
    }

    /// Creates or renews a channel and its permission, RFC 8656 section 12.2.
    pub(super) fn bind(&mut self, number: u16, peer: SocketAddr, now: Time) -> Result<(), Full> {
        self.channels.retain(|channel| channel.expires > now);
        let expires = now + CHANNEL;
        if !self.has_room_for(&[peer.ip()], now) {
            return Err(Full::TooMany);
        }
        let count = self.channels.len();
        match self
            .channels
            .iter_mut()
            .find(|channel| channel.number == number || channel.peer == peer)
        {
            Some(channel) if channel.number == number && channel.peer == peer => {
                channel.expires = expires
            }
            Some(_) => return Err(Full::Conflict),
            None if count >= MAX_CHANNELS => return Err(Full::TooMany),
            None => {
                self.channels.reserve_exact(1);
                self.channels.push(Channel {
                    number,
                    peer,
                    expires,
                });
            }
        }
        self.permit(peer.ip(), now);
        Ok(())
    }
}

/// A limit on bytes per second, with a burst of one second's worth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    spent: u64,
    last: Time,
}

impl Bucket {
    /// Takes this many bytes, or returns false if there are too many. A rate of 0 means no limit.
    pub(super) fn take(&mut self, bytes: usize, rate: u64, now: Time) -> bool {
        if rate == 0 {
            return true;
        }
        let elapsed = now.since(self.last);
        if elapsed > 0 {
            self.spent = self
                .spent
                .saturating_sub(rate.saturating_mul(elapsed) / 1000);
            self.last = now;
        }
        if self.spent >= rate {
            return false;
        }
        self.spent += bytes as u64;
        true
    }
}
