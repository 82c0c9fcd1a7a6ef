//! Ids of rooms and persons in the three spellings that Sockethub clients use.

use std::fmt;
use std::str::FromStr;

/// What the names of channels begin with (RFC 2811, section 2.1).
pub(crate) const CHANNEL_PREFIXES: [char; 4] = ['#', '&', '+', '!'];

/// Returns whether a name is that of a channel by its first character, perhaps after the ranks that a message in it is
/// for (`@#channel`).
pub(crate) fn is_channel_name(name: &str) -> bool {
    name.trim_start_matches(['@', '%', '~'])
        .starts_with(CHANNEL_PREFIXES)
}

/// How a client writes the ids of rooms.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum RoomSpelling {
    /// `#chan@server`, Sockethub's final convention.
    #[default]
    HashAt,
    /// `chan@server`.
    PlainAt,
    /// `server/#chan`, up to 5.0.0-alpha.22 and hyperchannel 0.14.
    Slash,
}

/// A channel on a server.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RoomId {
    /// The channel with its prefix, `#kosmos`.
    pub channel: String,
    /// The server as the client's credentials name it.
    pub server: String,
}

impl RoomId {
    /// Reads a room id in any spelling, with the spelling found.
    #[must_use]
    pub fn parse(text: &str) -> Option<(Self, RoomSpelling)> {
        let is_channel = is_channel_name;
        let room = |channel: &str, server: &str| {
            let fits = |part: &str| {
                !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control())
            };
            (fits(channel) && fits(server)).then(|| Self {
                channel: channel.to_owned(),
                server: server.to_owned(),
            })
        };
        if !is_channel(text)
            && let Some((server, channel)) = text.split_once('/')
            && is_channel(channel)
        {
            return room(channel, server).map(|room| (room, RoomSpelling::Slash));
        }
        let (channel, server) = text.rsplit_once('@')?;
        if is_channel(channel) {
            room(channel, server).map(|room| (room, RoomSpelling::HashAt))
        } else {
            room(&format!("#{channel}"), server).map(|room| (room, RoomSpelling::PlainAt))
        }
    }

    /// Writes the id in a spelling.
    #[must_use]
    pub fn spelled(&self, spelling: RoomSpelling) -> String {
        match spelling {
            RoomSpelling::HashAt => format!("{}@{}", self.channel, self.server),
            RoomSpelling::PlainAt => {
                let plain = self.channel.strip_prefix('#').unwrap_or(&self.channel);
                format!("{plain}@{}", self.server)
            }
            RoomSpelling::Slash => format!("{}/{}", self.server, self.channel),
        }
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.channel, self.server)
    }
}

/// A person on a server, `nick@server`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PersonId {
    /// The nickname.
    pub nick: String,
    /// The server as the client's credentials name it.
    pub server: String,
}

impl FromStr for PersonId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (nick, server) = text.rsplit_once('@').ok_or(())?;
        let fits = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        if fits(nick) && fits(server) {
            Ok(Self {
                nick: nick.to_owned(),
                server: server.to_owned(),
            })
        } else {
            Err(())
        }
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.nick, self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_three_spellings() {
        for (text, spelling) in [
            ("#kosmos@irc.libera.chat", RoomSpelling::HashAt),
            ("kosmos@irc.libera.chat", RoomSpelling::PlainAt),
            ("irc.libera.chat/#kosmos", RoomSpelling::Slash),
        ] {
            let (room, found) = RoomId::parse(text).unwrap();
            assert_eq!(
                (room.channel.as_str(), room.server.as_str()),
                ("#kosmos", "irc.libera.chat")
            );
            assert_eq!(found, spelling);
            assert_eq!(room.spelled(found), text);
        }
    }

    #[test]
    fn keeps_every_hash_and_splits_at_the_last_at() {
        let (room, _) = RoomId::parse("##a@b@irc.example:6697").unwrap();
        assert_eq!(
            (room.channel.as_str(), room.server.as_str()),
            ("##a@b", "irc.example:6697")
        );
        let (room, _) = RoomId::parse("#a/b@host").unwrap();
        assert_eq!(room.channel, "#a/b");
        assert!(RoomId::parse("#a b@host").is_none());
        assert!(RoomId::parse("host").is_none());
    }
}
