//! The server's own lines: a numeric and its parameters, and how messages are formatted.

use irc_codec::{Message, Numeric, numeric};

/// Maximum length of a line without tags, CR LF included (RFC 2812, section 2.3).
pub(super) const LINE: usize = 512;

/// A numeric: the code, and the parameters after the client's name; the last is a text or a list.
#[derive(Debug)]
pub(super) struct Reply {
    pub code: Numeric,
    pub params: Vec<String>,
}

impl Reply {
    pub(super) fn new<P: Into<String>>(code: Numeric, params: impl IntoIterator<Item = P>) -> Self {
        Self {
            code,
            params: params.into_iter().map(Into::into).collect(),
        }
    }
}

/// Formats a message without tags. Commands with a text or list always have a colon before it, as simple clients
/// expect.
pub(super) fn wire(message: &Message) -> String {
    let list = matches!(
        Numeric::parse(&message.command),
        Some(
            numeric::RPL_TOPIC
                | numeric::RPL_NAMREPLY
                | numeric::RPL_WHOISCHANNELS
                | numeric::RPL_KEYVALUE
        )
    );
    let text = list
        || matches!(
            message.command.as_str(),
            "PRIVMSG"
                | "NOTICE"
                | "TOPIC"
                | "QUIT"
                | "PART"
                | "KICK"
                | "AWAY"
                | "SETNAME"
                | "ERROR"
                | "CAP"
                | "FAIL"
                | "RENAME"
                | "METADATA"
        );
    let mut plain = message.clone();
    let last = if text && message.params.len() > 1
        || matches!(
            message.command.as_str(),
            "QUIT" | "AWAY" | "SETNAME" | "ERROR" | "PING" | "WALLOPS"
        ) {
        plain.params.pop()
    } else {
        None
    };
    let Some(last) = last else {
        return plain.to_string();
    };
    // The codec writes the last parameter unchanged; with a placeholder after them, the others are middle parameters.
    plain.params.push("x".to_owned());
    let mut line = plain.to_string();
    line.pop();
    line.push(':');
    line.extend(last.chars().filter(|c| !matches!(c, '\0' | '\r' | '\n')));
    line
}
