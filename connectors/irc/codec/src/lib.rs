//! Messages of the IRC protocol, parsed and formatted (RFC 1459, RFC 2812, IRCv3 message-tags).
//!
//! Handles syntax only: no commands, no state, no I/O. Both the client session and the IRC server build on it.

pub mod client_tags;
mod ctcp;
mod isupport;
mod lines;
mod message;
mod modes;
mod names;
pub mod numeric;
pub mod sasl;
mod split;
mod tags;
mod work;

pub use ctcp::Ctcp;
pub use isupport::{Isupport, ModeKind};
pub use lines::{LineBuffer, LineTooLong, MAX_BODY, MAX_TAGS};
pub use message::{Message, ParseError, Source};
pub use modes::{ModeChange, parse_modes};
pub use names::{is_hostname, mask_matches};
pub use numeric::Numeric;
pub use split::split_text;
pub use tags::Tags;

/// The version of capability negotiation that adds values, `CAP LS 302`
/// (<https://ircv3.net/specs/extensions/capability-negotiation>).
pub const CAP_VERSION: u32 = 302;
