//! Authentication with long-term credentials (RFC 8489 section 9.2) that are time-limited, and refusals of requests.

use std::time::Duration;

use super::{Allocation, Client, Io, SOFTWARE, Server};
use crate::clock::Time;
use crate::credentials::Username;
use crate::stun::{Class, Key, Message, Writer, attribute};

/// How long an allocation may outlast its credentials, so that a call continues while new ones cannot be obtained.
/// Once they can, another allocation is used.
const OVERTIME: Duration = Duration::from_secs(30 * 60);

/// Returns when an allocation ends for good. A person's has [`OVERTIME`]; a group's, such as that of a call's guests,
/// ends with its credentials.
pub(super) fn until(user: &Username<'_>) -> Time {
    match user.group() {
        None => user.expires + OVERTIME,
        Some(_) => user.expires,
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    /// The key for signing the response.
    pub(super) key: Option<Key>,
    /// Attributes that were not understood.
    pub(super) unknown: Vec<u16>,
}

impl Refusal {
    pub(super) const BAD_REQUEST: Self = Self::new(400, "Bad Request");
    // The code is sufficient; a client without credentials gets no more bytes than necessary.
    pub(super) const UNAUTHORIZED: Self = Self::new(401, "");
    pub(super) const FORBIDDEN: Self = Self::new(403, "Forbidden Peer Address");
    pub(super) const MISMATCH: Self = Self::new(437, "Allocation Mismatch");
    pub(super) const STALE_NONCE: Self = Self::new(438, "Stale Nonce");
    pub(super) const FAMILY: Self = Self::new(440, "Address Family not Supported");
    pub(super) const WRONG_CREDENTIALS: Self = Self::new(441, "Wrong Credentials");
    pub(super) const TRANSPORT: Self = Self::new(442, "Unsupported Transport Protocol");
    pub(super) const PEER_FAMILY: Self = Self::new(443, "Peer Address Family Mismatch");
    pub(super) const USER_QUOTA: Self = Self::new(486, "Allocation Quota Reached");
    pub(super) const CAPACITY: Self = Self::new(508, "Insufficient Capacity");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason,
            key: None,
            unknown: Vec::new(),
        }
    }

    pub(super) const fn signed(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }
}

/// A client with valid credentials.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) user: Username<'a>,
    pub(super) key: Key,
}

/// A request with valid credentials.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a, 'm> {
    pub(super) now: Time,
    pub(super) client: Client,
    pub(super) message: &'a Message<'m>,
    pub(super) known: Known<'m>,
    /// The client's allocation, if it has one.
    pub(super) own: Option<u32>,
}

/// Refuses a request with unknown comprehension-required attributes, RFC 8489 section 6.3.1.
pub(super) fn understood(request: &Message<'_>, also: &[u16]) -> Result<(), Refusal> {
    const ALWAYS: [u16; 4] = [
        attribute::USERNAME,
        attribute::REALM,
        attribute::NONCE,
        attribute::MESSAGE_INTEGRITY,
    ];
    // Listing more would not help anyone.
    const MOST: usize = 16;
    let mut unknown = Vec::new();
    for attribute in request.attributes() {
        let kind = attribute.kind;
        let required = kind < 0x8000;
        if required && !ALWAYS.contains(&kind) && !also.contains(&kind) && unknown.len() < MOST {
            unknown.push(kind);
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal {
        unknown,
        ..Refusal::new(420, "Unknown Attribute")
    })
}

impl Server {
    /// Checks the credentials of a request and passes it on; refusals from then on are signed.
    pub(super) fn authorized<I: Io>(
        &mut self,
        now: Time,
        client: Client,
        message: &Message<'_>,
        io: &mut I,
        handle: fn(&mut Self, &Request<'_, '_>, &mut I) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let own = self.allocation_of(client);
        let known = self.authenticate(now, client, message, own.map(|(_, own)| own))?;
        let request = Request {
            now,
            client,
            message,
            known,
            own: own.map(|(index, _)| index),
        };
        handle(self, &request, io).map_err(|refusal| refusal.signed(known.key))
    }

    /// Checks the credentials of a request, in the order of RFC 8489 section 9.2.4.
    fn authenticate<'m>(
        &self,
        now: Time,
        client: Client,
        request: &Message<'m>,
        own: Option<&Allocation>,
    ) -> Result<Known<'m>, Refusal> {
        if !request.has_integrity() {
            return Err(Refusal::UNAUTHORIZED);
        }
        let (Some(username), Some(realm), Some(nonce)) = (
            request.get(attribute::USERNAME),
            request.get(attribute::REALM),
            request.get(attribute::NONCE),
        ) else {
            return Err(Refusal::BAD_REQUEST);
        };
        if !self.shared.nonces.check(client.address.ip(), now, nonce) {
            return Err(Refusal::STALE_NONCE);
        }
        let options = &self.shared.options;
        let user = std::str::from_utf8(username).ok().and_then(Username::parse);
        let user = user
            .filter(|_| realm == options.realm.as_bytes())
            .ok_or(Refusal::UNAUTHORIZED)?;
        if let Some(own) = own {
            // RFC 8656 section 5: an allocation belongs to the credentials that created it.
            if *own.username == *user.text {
                let right = now < own.until && request.verify(&own.key);
                return right
                    .then_some(Known { user, key: own.key })
                    .ok_or(Refusal::UNAUTHORIZED);
            }
            let key = options.secrets.key_of(user.text, &options.realm, request);
            return Err(key.map_or(Refusal::UNAUTHORIZED, |key| {
                Refusal::WRONG_CREDENTIALS.signed(key)
            }));
        }
        if user.expires <= now {
            return Err(Refusal::UNAUTHORIZED);
        }
        let key = options
            .secrets
            .key_of(user.text, &options.realm, request)
            .ok_or(Refusal::UNAUTHORIZED)?;
        Ok(Known { user, key })
    }

    /// Sends the response that refuses a request.
    pub(super) fn refuse(
        &mut self,
        now: Time,
        client: Client,
        request: &Message<'_>,
        refusal: &Refusal,
        io: &mut impl Io,
    ) {
        let challenges = matches!(refusal.code, 401 | 438);
        if challenges {
            self.counters.unauthorized += 1;
        } else {
            self.counters.refused += 1;
        }
        if refusal.key.is_none() && !self.limiter.allows(client.address.ip(), now) {
            self.counters.withheld += 1;
            return;
        }
        let mut writer = Writer::answer(&mut self.answer, Class::Error, request);
        writer.error(refusal.code, refusal.reason);
        if challenges {
            let nonce = self.shared.nonces.make(client.address.ip(), now);
            writer.attribute(attribute::REALM, self.shared.options.realm.as_bytes());
            writer.attribute(attribute::NONCE, nonce.as_bytes());
        }
        if !refusal.unknown.is_empty() {
            let list: Vec<u8> = refusal
                .unknown
                .iter()
                .flat_map(|kind| kind.to_be_bytes())
                .collect();
            writer.attribute(attribute::UNKNOWN_ATTRIBUTES, &list);
        }
        if refusal.key.is_some() {
            writer.attribute(attribute::SOFTWARE, SOFTWARE);
        }
        let key = refusal.key.as_ref().map(<[u8; 16]>::as_slice);
        io.to_client(client, writer.finish(key, request.has_fingerprint()));
    }
}
