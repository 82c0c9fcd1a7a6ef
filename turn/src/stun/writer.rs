//! Writing a message.

use std::net::SocketAddr;

use hmac::Mac;

use super::{COOKIE, Class, HEADER, Message, TransactionId, address, attribute, integrity, padded};

/// The first two bytes of a message, RFC 8489 section 5.
pub(crate) const fn message_type(class: Class, method: u16) -> u16 {
    let class: u16 = match class {
        Class::Request => 0,
        Class::Indication => 0x010,
        Class::Success => 0x100,
        Class::Error => 0x110,
    };
    class | method & 0x0F | (method & 0x70) << 1 | (method & 0xF80) << 2
}

/// Writes a message into a reused buffer.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut Vec<u8>,
    transaction: TransactionId,
}

impl<'b> Writer<'b> {
    /// Starts a message; the buffer's previous content is discarded.
    pub fn new(
        buffer: &'b mut Vec<u8>,
        class: Class,
        method: u16,
        transaction: TransactionId,
    ) -> Self {
        let kind = message_type(class, method);
        buffer.clear();
        buffer.extend_from_slice(&kind.to_be_bytes());
        buffer.extend_from_slice(&[0, 0]);
        buffer.extend_from_slice(&COOKIE);
        buffer.extend_from_slice(&transaction);
        Self {
            buffer,
            transaction,
        }
    }

    /// Starts the response to a request.
    pub fn answer(buffer: &'b mut Vec<u8>, class: Class, request: &Message<'_>) -> Self {
        Self::new(buffer, class, request.method(), request.transaction())
    }

    /// Adds an attribute. Values longer than 65,535 bytes would be truncated, which no caller causes.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let value = &value[..usize::from(length)];
        self.buffer.extend_from_slice(&kind.to_be_bytes());
        self.buffer.extend_from_slice(&length.to_be_bytes());
        self.buffer.extend_from_slice(value);
        let padding = padded(value.len()) - value.len();
        self.buffer.extend_from_slice(&[0; 3][..padding]);
        self
    }

    /// Adds a four-byte number.
    pub fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Adds an XOR-…-ADDRESS.
    pub fn xor_address(&mut self, kind: u16, address: SocketAddr) -> &mut Self {
        let mut value = [0; 20];
        let length = address::encode(address, &self.transaction, &mut value);
        self.attribute(kind, &value[..length])
    }

    /// Adds ERROR-CODE, RFC 8489 section 14.8.
    pub fn error(&mut self, code: u16, reason: &str) -> &mut Self {
        let [class, number] = [code / 100, code % 100].map(|part| u8::try_from(part).unwrap_or(0));
        let mut value = Vec::with_capacity(4 + reason.len());
        value.extend_from_slice(&[0, 0, class, number]);
        value.extend_from_slice(reason.as_bytes());
        self.attribute(attribute::ERROR_CODE, &value)
    }

    /// Ends the message, with MESSAGE-INTEGRITY if there is a key, and FINGERPRINT if requested.
    pub fn finish(self, key: Option<&[u8]>, fingerprint: bool) -> &'b [u8] {
        if let Some(key) = key {
            let offset = self.buffer.len();
            let mac = integrity::message_mac(key, self.buffer, offset).finalize();
            self.buffer
                .extend_from_slice(&attribute::MESSAGE_INTEGRITY.to_be_bytes());
            self.buffer.extend_from_slice(&20_u16.to_be_bytes());
            self.buffer.extend_from_slice(&mac.into_bytes());
        }
        let body = self.buffer.len() - HEADER + if fingerprint { 8 } else { 0 };
        let body = u16::try_from(body).unwrap_or(u16::MAX);
        self.buffer[2..4].copy_from_slice(&body.to_be_bytes());
        if fingerprint {
            let sum = integrity::fingerprint(self.buffer);
            self.buffer
                .extend_from_slice(&attribute::FINGERPRINT.to_be_bytes());
            self.buffer.extend_from_slice(&4_u16.to_be_bytes());
            self.buffer.extend_from_slice(&sum.to_be_bytes());
        }
        self.buffer
    }
}
