//! Messages of the IRC protocol, parsed and formatted (RFC 1459, RFC 2812, IRCv3 message-tags).
//!
//! Knows syntax only: no commands, no state, no I/O. Both the client session and the IRC server build on it.

mod casemapping;
mod message;
mod tags;

pub use casemapping::CaseMapping;
pub use message::{Message, ParseError, Source};
pub use tags::Tags;
