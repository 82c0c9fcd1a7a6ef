//! Requests and actions within messages: CTCP, <https://modern.ircdocs.horse/ctcp>.

use std::fmt;

/// A CTCP message: what stands between two `\x01`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ctcp {
    /// The command in upper case, as `ACTION`.
    pub command: String,
    /// What follows it.
    pub text: String,
}

impl Ctcp {
    /// Makes an action, `/me`.
    #[must_use]
    pub fn action(text: impl Into<String>) -> Self {
        Self {
            command: "ACTION".to_owned(),
            text: text.into(),
        }
    }

    /// Reads the last parameter of PRIVMSG or NOTICE; none if it is ordinary text. The closing `\x01`
    /// may lack, as it does when a line was cut.
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
    /// Formats with both `\x01`; a `\x01` within is left out.
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
