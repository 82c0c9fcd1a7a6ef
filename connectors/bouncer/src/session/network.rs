//! The network that a session uses, as the client knows it: channels, members, topics.

use gateway::NetworkState;
use protocol::{Conversations, Feature, FoldedMap, Folding};

/// A member of a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    /// The prefix of its role: `@`, `%`, `+`, or none.
    pub(super) prefix: Option<char>,
    /// Why it is away, if it is.
    pub(super) away: Option<String>,
}

/// A channel that the account is in.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) members: FoldedMap<Member>,
    /// The topic, who set it, and when, in seconds.
    pub(super) topic: Option<(String, String, i64)>,
    /// Whether the client has its list of members.
    pub(super) named: bool,
}

impl Room {
    pub(super) fn new(folding: Folding) -> Self {
        Self {
            members: FoldedMap::new(folding),
            topic: None,
            named: false,
        }
    }
}

/// A network.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) server: String,
    pub(super) platform: String,
    pub(super) folding: Folding,
    pub(super) conversations: Conversations,
    pub(super) rooms: FoldedMap<Room>,
    /// The channel whose list of members arrived, but has not been shown yet.
    pub(super) naming: Option<String>,
    /// Whether it was online when the client was last told.
    pub(super) online: bool,
    /// What of the messages' relations it carries; `None` until it has said so.
    pub(super) supports: Option<Vec<Feature>>,
}

impl Network {
    pub(super) fn new(state: &NetworkState) -> Self {
        Self {
            id: state.record.id.clone(),
            name: state.record.name.clone(),
            server: state.record.server.clone(),
            platform: state.record.platform.clone(),
            folding: state.folding,
            conversations: state.conversations.clone(),
            rooms: FoldedMap::new(state.folding),
            naming: None,
            online: true,
            supports: None,
        }
    }

    pub(super) fn refold(&mut self, folding: Folding) {
        self.folding = folding;
        self.rooms.refold(folding);
        for room in self.rooms.values_mut() {
            room.members.refold(folding);
        }
    }

    pub(super) fn is_room(&self, name: &str) -> bool {
        name.starts_with(|c| self.conversations.channels.contains(c))
    }

    /// Returns the channel that a target is or is a part of, such as `@#channel`.
    pub(super) fn room_within<'a>(&self, target: &'a str) -> Option<&'a str> {
        let bare = target.trim_start_matches(|c| self.conversations.parts.contains(c));
        [target, bare].into_iter().find(|name| self.is_room(name))
    }
}

/// The prefix of a role.
pub(super) fn prefix_of(role: &str) -> Option<char> {
    match role {
        "owner" => Some('@'),
        "admin" => Some('%'),
        "participant" => Some('+'),
        _ => None,
    }
}

/// The mode of a prefix.
pub(super) const fn mode_of(prefix: char) -> char {
    match prefix {
        '@' => 'o',
        '%' => 'h',
        _ => 'v',
    }
}

/// The role of a mode.
pub(super) const fn role_of_mode(mode: char) -> Option<&'static str> {
    match mode {
        'o' => Some("owner"),
        'h' => Some("admin"),
        'v' => Some("participant"),
        _ => None,
    }
}
