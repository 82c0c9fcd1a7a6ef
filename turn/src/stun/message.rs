//! Parsing a message.

use std::net::SocketAddr;

use hmac::Mac;

use super::{COOKIE, Class, HEADER, TransactionId, address, attribute, integrity};

/// A well-formed message; attributes are looked up in the bytes it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    transaction: TransactionId,
    /// Where MESSAGE-INTEGRITY begins.
    integrity: Option<usize>,
    /// Where FINGERPRINT begins.
    fingerprint: Option<usize>,
}

/// An attribute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attribute<'a> {
    /// Its type.
    pub kind: u16,
    /// Its value, without padding.
    pub value: &'a [u8],
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// Not a STUN message: different first bits, or no magic cookie.
    #[error("not a STUN message")]
    NotStun,
    /// The length in the header is not the length of the message.
    #[error("the length in the header does not fit")]
    Length,
    /// An attribute extends beyond the message.
    #[error("an attribute is longer than the message")]
    Attribute,
    /// FINGERPRINT is wrong.
    #[error("the fingerprint does not fit")]
    Fingerprint,
}

impl<'a> Message<'a> {
    /// Parses a message that fills the given bytes.
    ///
    /// # Errors
    /// The bytes are not a STUN message, or a damaged one; such datagrams must be dropped silently.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let head = bytes.first_chunk::<HEADER>().ok_or(ParseError::NotStun)?;
        if head[0] & 0xC0 != 0 || head[4..8] != COOKIE {
            return Err(ParseError::NotStun);
        }
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if !length.is_multiple_of(4) || bytes.len() != HEADER + length {
            return Err(ParseError::Length);
        }
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&head[8..]);
        let mut message = Self {
            bytes,
            transaction,
            integrity: None,
            fingerprint: None,
        };
        let mut offset = HEADER;
        while offset < bytes.len() {
            let (attribute, next) = attribute_at(bytes, offset).ok_or(ParseError::Attribute)?;
            match attribute.kind {
                attribute::MESSAGE_INTEGRITY if message.integrity.is_none() => {
                    message.integrity = Some(offset);
                }
                attribute::FINGERPRINT if next == bytes.len() => {
                    let expected = integrity::fingerprint(&bytes[..offset]).to_be_bytes();
                    if attribute.value != expected {
                        return Err(ParseError::Fingerprint);
                    }
                    message.fingerprint = Some(offset);
                }
                _ => {}
            }
            offset = next;
        }
        Ok(message)
    }

    /// The class.
    #[must_use]
    pub const fn class(&self) -> Class {
        match (self.bytes[0] & 1, self.bytes[1] & 0x10) {
            (0, 0) => Class::Request,
            (0, _) => Class::Indication,
            (_, 0) => Class::Success,
            _ => Class::Error,
        }
    }

    /// The method, without the class bits.
    #[must_use]
    pub fn method(&self) -> u16 {
        let (high, low) = (u16::from(self.bytes[0]), u16::from(self.bytes[1]));
        (high & 0x3E) << 6 | (low & 0xE0) >> 1 | low & 0x0F
    }

    /// The transaction id.
    #[must_use]
    pub const fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// Returns whether there is a FINGERPRINT; if so, it is correct.
    #[must_use]
    pub const fn has_fingerprint(&self) -> bool {
        self.fingerprint.is_some()
    }

    /// Returns whether there is a MESSAGE-INTEGRITY.
    #[must_use]
    pub const fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// Checks MESSAGE-INTEGRITY in constant time; returns false if there is none.
    #[must_use]
    pub fn verify(&self, key: &[u8]) -> bool {
        let Some(offset) = self.integrity else {
            return false;
        };
        let Some((attribute, _)) = attribute_at(self.bytes, offset) else {
            return false;
        };
        integrity::message_mac(key, self.bytes, offset)
            .verify_slice(attribute.value)
            .is_ok()
    }

    /// The significant attributes: those before MESSAGE-INTEGRITY (RFC 8489, section 14.5).
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let end = self
            .integrity
            .or(self.fingerprint)
            .unwrap_or(self.bytes.len());
        let bytes = self.bytes;
        let mut offset = HEADER;
        std::iter::from_fn(move || {
            if offset >= end {
                return None;
            }
            let (attribute, next) = attribute_at(bytes, offset)?;
            offset = next;
            Some(attribute)
        })
    }

    /// The value of the first attribute of a type; later ones are ignored (RFC 8489, section 14).
    #[must_use]
    pub fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes()
            .find(|attribute| attribute.kind == kind)
            .map(|attribute| attribute.value)
    }

    /// The text of an attribute, if it is UTF-8.
    #[must_use]
    pub fn text(&self, kind: u16) -> Option<&'a str> {
        std::str::from_utf8(self.get(kind)?).ok()
    }

    /// The number in a four-byte attribute.
    #[must_use]
    pub fn number(&self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.get(kind)?.try_into().ok()?))
    }

    /// Parses the value of an XOR-…-ADDRESS attribute in this message.
    #[must_use]
    pub fn xor_address(&self, value: &[u8]) -> Option<SocketAddr> {
        address::decode(value, &self.transaction)
    }
}

#[cfg(test)]
thread_local! {
    static LOOKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many attributes this thread has examined since the last call.
#[cfg(test)]
pub(crate) fn attributes_looked_at() -> usize {
    LOOKED.take()
}

fn attribute_at(bytes: &[u8], offset: usize) -> Option<(Attribute<'_>, usize)> {
    #[cfg(test)]
    LOOKED.with(|looked| looked.set(looked.get() + 1));
    let head = bytes.get(offset..offset + 4)?;
    let kind = u16::from_be_bytes([head[0], head[1]]);
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let value = bytes.get(offset + 4..offset + 4 + length)?;
    let next = offset + 4 + super::padded(length);
    (next <= bytes.len()).then_some((Attribute { kind, value }, next))
}
