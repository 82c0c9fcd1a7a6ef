//! STUN messages (RFC 8489) and the attributes of TURN (RFC 8656): parsed without copying, written into one buffer.

mod address;
mod integrity;
mod message;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use address::encode as encode_xor_address;
pub(crate) use integrity::hmac_sha1;
pub use integrity::{Key, long_term_key};
#[cfg(test)]
pub(crate) use message::attributes_looked_at;
pub use message::{Attribute, Message, ParseError};
pub use writer::Writer;
pub(crate) use writer::message_type;

/// Bytes of a message's header, RFC 8489 section 5.
pub const HEADER: usize = 20;
/// The magic cookie, RFC 8489 section 5.
pub const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// The 96 bits that match a response to its request.
pub type TransactionId = [u8; 12];

/// Class of a message, RFC 8489 section 5.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Expects a response.
    Request,
    /// Expects none.
    Indication,
    /// The request was carried out.
    Success,
    /// The request was refused.
    Error,
}

/// Methods, RFC 8489 section 18.2 and RFC 8656 section 17.
pub mod method {
    /// Binding.
    pub const BINDING: u16 = 0x001;
    /// Allocate.
    pub const ALLOCATE: u16 = 0x003;
    /// Refresh.
    pub const REFRESH: u16 = 0x004;
    /// Send indication.
    pub const SEND: u16 = 0x006;
    /// Data indication.
    pub const DATA: u16 = 0x007;
    /// CreatePermission.
    pub const CREATE_PERMISSION: u16 = 0x008;
    /// ChannelBind.
    pub const CHANNEL_BIND: u16 = 0x009;
}

/// Attribute types, RFC 8489 section 18.3 and RFC 8656 section 18.
pub mod attribute {
    /// MAPPED-ADDRESS.
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    /// USERNAME.
    pub const USERNAME: u16 = 0x0006;
    /// MESSAGE-INTEGRITY.
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    /// ERROR-CODE.
    pub const ERROR_CODE: u16 = 0x0009;
    /// UNKNOWN-ATTRIBUTES.
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    /// CHANNEL-NUMBER.
    pub const CHANNEL_NUMBER: u16 = 0x000C;
    /// LIFETIME.
    pub const LIFETIME: u16 = 0x000D;
    /// XOR-PEER-ADDRESS.
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    /// DATA.
    pub const DATA: u16 = 0x0013;
    /// REALM.
    pub const REALM: u16 = 0x0014;
    /// NONCE.
    pub const NONCE: u16 = 0x0015;
    /// XOR-RELAYED-ADDRESS.
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    /// REQUESTED-ADDRESS-FAMILY.
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    /// EVEN-PORT.
    pub const EVEN_PORT: u16 = 0x0018;
    /// REQUESTED-TRANSPORT.
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    /// DONT-FRAGMENT.
    pub const DONT_FRAGMENT: u16 = 0x001A;
    /// MESSAGE-INTEGRITY-SHA256, which this server does not negotiate.
    pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
    /// XOR-MAPPED-ADDRESS.
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    /// RESERVATION-TOKEN.
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    /// ADDITIONAL-ADDRESS-FAMILY.
    pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    /// ADDITIONAL-ADDRESS-FAMILY as in the drafts of RFC 8656, which coturn still sends.
    pub const DRAFT_ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8032;
    /// ADDRESS-ERROR-CODE.
    pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
    /// SOFTWARE.
    pub const SOFTWARE: u16 = 0x8022;
    /// FINGERPRINT.
    pub const FINGERPRINT: u16 = 0x8028;
}

/// Rounds a length up to a multiple of four, as attributes and streamed channel data are padded.
#[must_use]
pub const fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}
