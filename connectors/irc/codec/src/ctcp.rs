//! CTCP requests and actions within messages, <https://modern.ircdocs.horse/ctcp>.

use std::fmt;

/// A CTCP message: the content between two `\x01` bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ctcp {
    /// The command in upper case, such as `ACTION`.
    pub command: String,
    /// The text after the command.
    pub text: String,
}

impl Ctcp {
    /// Creates an action, `/me`.
    #[must_use]
    pub fn action(text: impl Into<String>) -> Self {
        Self {
            command: "ACTION".to_owned(),
            text: text.into(),
        }
    }

    /// Parses the last parameter of a PRIVMSG or NOTICE; returns `None` for ordinary text. The closing `\x01` may be
    /// missing, as it is when a line was truncated.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix('\x01')?;
        let body = body.split('\x01').next().unwrap_or(body);
        let (command, text) = body.split_once(' ').unwrap_or((body, ""));
        (!command.is_empty()).then(|| Self {
            command: command.to_ascii_uppercase(),
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Ctcp {
    /// Formats the message between two `\x01` bytes; any `\x01` within it is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\x01{}", self.command.replace(['\x01', ' '], ""))?;
        if !self.text.is_empty() {
            write!(f, " {}", self.text.replace('\x01', ""))?;
        }
        f.write_str("\x01")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let action = Ctcp::action("waves");
        assert_eq!(action.to_string(), "\x01ACTION waves\x01");
        assert_eq!(Ctcp::parse("\x01ACTION waves\x01"), Some(action.clone()));
        assert_eq!(Ctcp::parse("\x01action waves"), Some(action));
        assert_eq!(Ctcp::parse("\x01VERSION\x01").unwrap().text, "");
        for plain in ["", "see docs/me for info", "\x01", "\x01\x01"] {
            assert_eq!(Ctcp::parse(plain), None, "{plain:?}");
        }
    }
}
