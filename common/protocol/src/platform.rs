//! A platform's description of itself, so that nobody above it needs to know which one it is.
//!
//! A connector registers a descriptor for each of its platforms. The functions check the fields of connections against it,
//! the gateway tells conversations apart and compares names by it, and the client draws its form from it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Folding;

/// The platform of records and connectors from before platforms described themselves.
pub const DEFAULT_PLATFORM: &str = "irc";

/// The descriptor of [`DEFAULT_PLATFORM`], JSON: what holds of it if no connector has registered one.
pub const DEFAULT_DESCRIPTOR: &str = include_str!("platform/irc.json");

/// A kind of network.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PlatformDescriptor {
    /// Its id, `^[a-z0-9-]{1,64}$`: the platform of connections, and a part of `@context`.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// How names compare.
    pub names: Names,
    /// How names show what they are names of.
    pub conversations: Conversations,
    /// The scheme of its addresses, `irc` in `irc://server/channel`; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The fields of a connection, in the order in which they are asked for.
    pub fields: Vec<ConnectionField>,
    /// What it can do.
    #[serde(default)]
    pub supports: Vec<Feature>,
}

/// How names of persons and channels compare.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Names {
    /// What is taken until the network has said something else.
    pub compare: Folding,
    /// What may stand within a name besides letters and digits: in a text it is no end of one.
    #[serde(default)]
    pub inside: String,
}

/// How a name shows what it is the name of: each is a set of characters.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Conversations {
    /// What names of channels begin with; empty if they cannot be told by their names.
    #[serde(default)]
    pub channels: String,
    /// The beginning that people may leave out; empty if there is none.
    #[serde(default)]
    pub usual: String,
    /// What may stand before the name of a channel: it is for those within it who have that rank.
    #[serde(default)]
    pub parts: String,
    /// What only names of servers have in them.
    #[serde(default)]
    pub servers: String,
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConversationKind {
    /// A channel, or those within it who have a rank.
    Channel,
    /// Somebody.
    Person,
    /// A server, which says things of itself.
    Server,
}

impl Conversations {
    /// Returns what a name is the name of.
    #[must_use]
    pub fn kind(&self, name: &str) -> ConversationKind {
        let within = |set: &str, c: char| set.contains(c);
        let bare = name.trim_start_matches(|c| within(&self.parts, c));
        if bare.starts_with(|c| within(&self.channels, c)) {
            ConversationKind::Channel
        } else if name.contains(|c| within(&self.servers, c)) {
            ConversationKind::Server
        } else {
            ConversationKind::Person
        }
    }

    /// Returns whether a name is that of a channel.
    #[must_use]
    pub fn is_channel(&self, name: &str) -> bool {
        self.kind(name) == ConversationKind::Channel
    }
}

/// A field of a connection.
///
/// `host`, `port` and `username` say where a connection leads to and as whom: no two connections of an account have all
/// three in common. `name`, what people call the network, is a field of every platform and is not described.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ConnectionField {
    /// Its key in the record and in the API, `^[a-z0-9_]{1,64}$`.
    pub name: String,
    /// What may be in it.
    pub kind: FieldKind,
    /// What people call it.
    pub label: String,
    /// One sentence below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// An example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// A connection cannot be without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub required: bool,
    /// Its length in bytes (of a text: characters; of channels: how many), 200 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What it is if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "string | number | boolean"))]
    pub default: Option<Value>,
    /// When it is something else if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Unless>,
    /// Characters that are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// Characters that it does not begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_without: Option<String>,
    /// What is expected, for whoever gave something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Flags that a form sets as well if this is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub implies: Vec<String>,
    /// It is taken, but a form does not ask for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub unasked: bool,
}

/// What may be in a field.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// A text for people, on one line.
    Text,
    /// Without blanks.
    Word,
    /// The account's own name on the network; that of the account if it is not given. Always the field `nick`.
    OwnName,
    /// A host name or an IP address.
    Host,
    /// 1 to 65535.
    Port,
    /// Kept sealed and never answered. Always the field `password`.
    Secret,
    /// Yes or no.
    Flag,
    /// Channels that the account is in. Always the field `channels`.
    Channels,
}

/// A default that is another one while a flag is off.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Unless {
    /// The field that is the flag.
    pub flag: String,
    /// The default while it is off.
    #[cfg_attr(test, ts(type = "string | number | boolean"))]
    pub default: Value,
}

/// What a platform can do. Nothing else is offered on it, and what is asked for all the same is refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Links of calls can be said on it.
    Calls,
    /// There are conversations of more than two.
    Channels,
    /// A message can be taken back.
    Deletion,
    /// A message can be changed.
    Edits,
    /// What was missed can be asked for.
    History,
    /// A message can be answered with a sign.
    Reactions,
    /// A message can name the one that it answers.
    Replies,
    /// Members of channels have ranks, which can be given and taken.
    Roles,
    /// There are services to sign in with.
    Services,
    /// Channels have topics.
    Topics,
    /// It reports that somebody is typing.
    Typing,
    /// Files can be sent.
    Uploads,
    /// One that is not known here.
    #[serde(other)]
    Unknown,
}

impl PlatformDescriptor {
    /// Returns the descriptor of [`DEFAULT_PLATFORM`].
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn default_platform() -> Self {
        #[allow(clippy::expect_used, reason = "the constant is read by a test")]
        serde_json::from_str(DEFAULT_DESCRIPTOR).expect("the descriptor is one")
    }

    /// Returns whether the platform can do something.
    #[must_use]
    pub fn supports(&self, feature: Feature) -> bool {
        self.supports.contains(&feature)
    }

    /// Returns the field with a name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&ConnectionField> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_descriptor_is_one_and_says_nothing_else() {
        let read = PlatformDescriptor::default_platform();
        assert_eq!(read.id, DEFAULT_PLATFORM);
        let text: Value = serde_json::from_str(DEFAULT_DESCRIPTOR).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), text);
        assert_eq!(read.field("port").unwrap().kind, FieldKind::Port);
        assert!(read.supports(Feature::Channels) && !read.supports(Feature::Edits));
    }

    #[test]
    fn names_tell_what_they_are_names_of() {
        let irc = PlatformDescriptor::default_platform().conversations;
        for (name, kind) in [
            ("#kosmos", ConversationKind::Channel),
            ("+a.b", ConversationKind::Channel),
            ("@#kosmos", ConversationKind::Channel),
            ("@%!x", ConversationKind::Channel),
            ("bob", ConversationKind::Person),
            ("@bob", ConversationKind::Person),
            ("irc.example.org", ConversationKind::Server),
        ] {
            assert_eq!(irc.kind(name), kind, "{name}");
        }
        let plain = Conversations::default();
        for name in ["#kosmos", "bob", "irc.example.org"] {
            assert_eq!(plain.kind(name), ConversationKind::Person, "{name}");
        }
    }
}
