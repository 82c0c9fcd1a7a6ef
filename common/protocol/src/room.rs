//! Ids of rooms and persons in the three notations that Sockethub clients use.

use std::fmt;
use std::str::FromStr;

use crate::Conversations;

/// A client's notation for ids of rooms.
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
    /// The channel's name on the network, `#kosmos`.
    pub channel: String,
    /// The server's name in the client's credentials.
    pub server: String,
}

impl RoomId {
    /// Parses a room id in any notation; also returns the notation.
    #[must_use]
    pub fn parse(text: &str, names: &Conversations) -> Option<(Self, RoomSpelling)> {
        let is_channel = |name: &str| names.is_channel(name);
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
            let channel = format!("{}{channel}", names.usual);
            room(&channel, server).map(|room| (room, RoomSpelling::PlainAt))
        }
    }

    /// Formats the id in a notation.
    #[must_use]
    pub fn spelled(&self, spelling: RoomSpelling, names: &Conversations) -> String {
        match spelling {
            RoomSpelling::HashAt => format!("{}@{}", self.channel, self.server),
            RoomSpelling::PlainAt => {
                let plain = self.channel.strip_prefix(names.usual.as_str());
                let plain = plain.unwrap_or(&self.channel);
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
    /// The server's name in the client's credentials.
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
    use crate::PlatformDescriptor;

    fn irc() -> Conversations {
        PlatformDescriptor::default_platform().conversations
    }

    #[test]
    fn where_channels_have_no_beginning_of_their_own_their_names_are_as_they_are() {
        let names = Conversations::default();
        let (room, found) = RoomId::parse("tea@dummy", &names).unwrap();
        assert_eq!(
            (room.channel.as_str(), room.server.as_str()),
            ("tea", "dummy")
        );
        for spelling in [found, RoomSpelling::HashAt] {
            assert_eq!(room.spelled(spelling, &names), "tea@dummy");
        }
    }

    #[test]
    fn reads_three_spellings() {
        for (text, spelling) in [
            ("#kosmos@irc.libera.chat", RoomSpelling::HashAt),
            ("kosmos@irc.libera.chat", RoomSpelling::PlainAt),
            ("irc.libera.chat/#kosmos", RoomSpelling::Slash),
        ] {
            let (room, found) = RoomId::parse(text, &irc()).unwrap();
            assert_eq!(
                (room.channel.as_str(), room.server.as_str()),
                ("#kosmos", "irc.libera.chat")
            );
            assert_eq!(found, spelling);
            assert_eq!(room.spelled(found, &irc()), text);
        }
    }

    #[test]
    fn keeps_every_hash_and_splits_at_the_last_at() {
        let (room, _) = RoomId::parse("##a@b@irc.example:6697", &irc()).unwrap();
        assert_eq!(
            (room.channel.as_str(), room.server.as_str()),
            ("##a@b", "irc.example:6697")
        );
        let (room, _) = RoomId::parse("#a/b@host", &irc()).unwrap();
        assert_eq!(room.channel, "#a/b");
        assert!(RoomId::parse("#a b@host", &irc()).is_none());
        assert!(RoomId::parse("host", &irc()).is_none());
    }
}
