//! A message: tags, source, command, parameters.

use std::fmt;

use crate::Tags;
use crate::split::floor_boundary;

/// The sender of a message: a server name or `nick!user@host`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Source {
    /// Nickname or server name.
    pub nick: String,
    /// User name.
    pub user: Option<String>,
    /// Host.
    pub host: Option<String>,
}

impl Source {
    /// Parses `nick`, `nick!user`, `nick@host` or `nick!user@host`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (rest, host) = match text.split_once('@') {
            Some((rest, host)) => (rest, Some(host.to_owned())),
            None => (text, None),
        };
        let (nick, user) = match rest.split_once('!') {
            Some((nick, user)) => (nick, Some(user.to_owned())),
            None => (rest, None),
        };
        Self {
            nick: nick.to_owned(),
            user,
            host,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.nick)?;
        if let Some(user) = &self.user {
            write!(f, "!{user}")?;
        }
        if let Some(host) = &self.host {
            write!(f, "@{host}")?;
        }
        Ok(())
    }
}

/// One message without its CR LF.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// IRCv3 message tags.
    pub tags: Tags,
    /// The sender.
    pub source: Option<Source>,
    /// Command in upper case, or three-digit numeric.
    pub command: String,
    /// Parameters; only the last may be empty, contain spaces or begin with a colon.
    pub params: Vec<String>,
}

/// Why a line is not a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// The line is empty.
    #[error("the line has no command")]
    NoCommand,
    /// NUL, CR or LF within the line.
    #[error("the line contains NUL, CR or LF")]
    ControlCharacter,
}

impl Message {
    /// Creates a message without tags and source.
    #[must_use]
    pub fn new<P: Into<String>>(command: &str, params: impl IntoIterator<Item = P>) -> Self {
        Self {
            command: command.to_owned(),
            params: params.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Parses a line without its CR LF. Parameters are separated by one or more spaces; trailing spaces are ignored.
    ///
    /// # Errors
    /// What the line lacks or must not contain.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        if line.contains(['\0', '\r', '\n']) {
            return Err(ParseError::ControlCharacter);
        }
        let mut rest = line.trim_start_matches(' ');
        let mut message = Self::default();
        if let Some(tagged) = rest.strip_prefix('@') {
            let (tags, after) = tagged.split_once(' ').ok_or(ParseError::NoCommand)?;
            message.tags = Tags::parse(tags);
            rest = after.trim_start_matches(' ');
        }
        if let Some(sourced) = rest.strip_prefix(':') {
            let (source, after) = sourced.split_once(' ').ok_or(ParseError::NoCommand)?;
            message.source = Some(Source::parse(source));
            rest = after.trim_start_matches(' ');
        }
        let (command, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if command.is_empty() {
            return Err(ParseError::NoCommand);
        }
        message.command = command.to_ascii_uppercase();
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(last) = rest.strip_prefix(':') {
                message.params.push(last.to_owned());
                break;
            }
            if rest.is_empty() {
                break;
            }
            let (param, after) = rest.split_once(' ').unwrap_or((rest, ""));
            message.params.push(param.to_owned());
            rest = after;
        }
        Ok(message)
    }

    /// Decodes and parses bytes: as UTF-8, even if the last character is truncated, as by servers that shorten lines;
    /// otherwise as Windows-1252, which older networks send.
    ///
    /// # Errors
    /// As for [`Message::parse`].
    pub fn parse_bytes(line: &[u8]) -> Result<Self, ParseError> {
        let error = match std::str::from_utf8(line) {
            Ok(text) => return Self::parse(text),
            Err(error) => error,
        };
        let whole = line.get(..error.valid_up_to()).unwrap_or_default();
        let whole = std::str::from_utf8(whole).unwrap_or_default();
        // `caf\xe9` ends like a truncated character, but nothing before it indicates UTF-8.
        if error.error_len().is_none() && !whole.is_ascii() {
            return Self::parse(whole);
        }
        Self::parse(
            &line
                .iter()
                .map(|&byte| protocol::windows_1252(byte))
                .collect::<String>(),
        )
    }

    /// Formats the line without CR LF for who takes lines of `max` bytes with it: it is cut at a character boundary, that
    /// is, at the end of the last parameter. Tags do not count.
    #[must_use]
    pub fn fitted(&self, max: usize) -> String {
        let mut line = self.to_string();
        let tags = match self.tags.is_empty() {
            true => 0,
            false => line.find(' ').map_or(0, |blank| blank + 1),
        };
        let end = floor_boundary(&line, tags + max.saturating_sub(2));
        line.truncate(end);
        line
    }

    /// Returns a parameter, or the empty string.
    #[must_use]
    pub fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }
}

impl fmt::Display for Message {
    /// Formats the line without CR LF. Characters that are not allowed in their position are left out (NUL, CR, LF;
    /// spaces and a leading colon except in the last parameter), so that no text can become a second message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.tags.is_empty() {
            write!(f, "@{} ", self.tags)?;
        }
        if let Some(source) = &self.source {
            write!(f, ":{} ", word(&source.to_string()))?;
        }
        let command = word(&self.command);
        let command = command.trim_start_matches([':', '@']);
        f.write_str(if command.is_empty() { "*" } else { command })?;
        let Some((last, middle)) = self.params.split_last() else {
            return Ok(());
        };
        for param in middle {
            let clean = word(param);
            let clean = clean.trim_start_matches(':');
            write!(f, " {}", if clean.is_empty() { "*" } else { clean })?;
        }
        let last = last.replace(forbidden, "");
        if last.is_empty() || last.starts_with(':') || last.contains(' ') {
            write!(f, " :{last}")
        } else {
            write!(f, " {last}")
        }
    }
}

const fn forbidden(c: char) -> bool {
    matches!(c, '\0' | '\r' | '\n')
}

fn word(text: &str) -> String {
    text.replace(|c| forbidden(c) || c == ' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_a_character_within_its_limit() {
        let mut message =
            Message::new("TOPIC", ["#t".to_owned(), format!("{} ü", "x".repeat(499))]);
        let whole = message.to_string();
        assert_eq!(whole.len(), 510 + 1 + 1);
        let cut = message.fitted(512);
        assert_eq!((cut.len(), whole.strip_prefix(&cut)), (510, Some("ü")));
        message.tags.set("time", "long ".repeat(200));
        let tagged = message.fitted(512);
        assert_eq!(
            tagged.split_once(' ').map(|(_, line)| line),
            Some(cut.as_str())
        );
        let short = Message::new("PING", ["x"]);
        assert_eq!(short.fitted(512), short.to_string());
    }

    #[test]
    fn a_character_that_was_cut_off_does_not_make_a_line_latin_1() {
        let text = |line: &[u8]| Message::parse_bytes(line).unwrap().param(1).to_owned();
        let whole = "PRIVMSG #t :grüße".as_bytes();
        assert_eq!(text(whole), "grüße");
        // In the middle of the ß.
        assert_eq!(text(&whole[..whole.len() - 2]), "grü");
        let long = "PRIVMSG #t :так 🚀".as_bytes();
        for cut in 1..4 {
            assert_eq!(text(&long[..long.len() - cut]), "так ");
        }
        assert_eq!(text(b"PRIVMSG #t :caf\xe9"), "café");
        assert_eq!(text(b"PRIVMSG #t :\x93\x80 5\x94 \xff"), "“€ 5” ÿ");
        assert_eq!(text(b"PRIVMSG #t :gr\xfc\xdfe"), "grüße");
        // Invalid UTF-8 in the middle.
        assert_eq!(text(b"PRIVMSG #t :\xc3\xbc \xfc x"), "Ã¼ ü x");
    }
}
