//! A platform's descriptor, so that no other part needs to know which platform it is.
//!
//! A connector registers a descriptor for each of its platforms. The functions validate the fields of connections by
//! it, the gateway distinguishes conversations and compares names by it, and the client builds its form from it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Folding;

/// The platform of records and connectors from before platforms had descriptors.
pub const DEFAULT_PLATFORM: &str = "irc";

/// The descriptor of [`DEFAULT_PLATFORM`] in JSON, used if no connector has registered one.
pub const DEFAULT_DESCRIPTOR: &str = include_str!("platform/irc.json");

/// The most lines of a [`FieldKind::SecretLines`].
pub const MAX_LINES: usize = 10;

/// A kind of network.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PlatformDescriptor {
    /// Its id, `^[a-z0-9-]{1,64}$`: the platform of connections, and a part of `@context`.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// How names compare.
    pub names: Names,
    /// How names reveal what they refer to.
    pub conversations: Conversations,
    /// The scheme of its addresses, `irc` in `irc://server/channel`; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The fields of a connection, in the order of the form.
    pub fields: Vec<ConnectionField>,
    /// The supported features.
    #[serde(default)]
    pub supports: Vec<Feature>,
}

/// How names of persons and channels compare.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Names {
    /// The default until the network announces another one.
    pub compare: Folding,
    /// Which characters may occur within a name besides letters and digits: in a text they do not end one.
    #[serde(default)]
    pub inside: String,
}

/// How a name reveals what it refers to: each is a set of characters.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Conversations {
    /// The prefixes of channel names; empty if channels cannot be recognised by their names.
    #[serde(default)]
    pub channels: String,
    /// The prefix that people may omit; empty if there is none.
    #[serde(default)]
    pub usual: String,
    /// What may precede a channel's name, to address only those members who have that rank.
    #[serde(default)]
    pub parts: String,
    /// Characters that only occur in names of servers.
    #[serde(default)]
    pub servers: String,
}

/// What a name refers to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConversationKind {
    /// A channel, or its members of some rank.
    Channel,
    /// A person.
    Person,
    /// A server, which sends messages of its own.
    Server,
}

impl Conversations {
    /// Returns what a name refers to.
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
/// `host`, `port` and `username` determine where a connection leads and as whom: no two connections of an account have
/// all three in common. `name`, the network's name for people, is a field of every platform and is not described.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ConnectionField {
    /// Its key in the record and in the API, `^[a-z0-9_]{1,64}$`.
    pub name: String,
    /// The type of its value.
    pub kind: FieldKind,
    /// Its name for people.
    pub label: String,
    /// One sentence below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// An example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Whether a connection must have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub required: bool,
    /// Its length limit in bytes (for a text: characters; for channels: their number), 200 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "string | number | boolean"))]
    pub default: Option<Value>,
    /// When there is another default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Unless>,
    /// Characters that it must not contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// Characters with which it must not begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_without: Option<String>,
    /// The only values that a word may have; any if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub choices: Vec<String>,
    /// A description of valid values, for error messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Flags that a form sets as well if this is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub implies: Vec<String>,
    /// Whether it is accepted but not shown in a form.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub unasked: bool,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// A text for people, on one line.
    Text,
    /// Without blanks.
    Word,
    /// The account's own name on the network; defaults to the account's name. Always the field `nick`.
    OwnName,
    /// A host name or an IP address.
    Host,
    /// 1 to 65535.
    Port,
    /// Stored encrypted and never returned; `password` is the one that belongs to the account on the network.
    Secret,
    /// The same in up to [`MAX_LINES`] lines, each within the limit.
    SecretLines,
    /// A boolean.
    Flag,
    /// The account's channels. Always the field `channels`.
    Channels,
}

/// Another default while a flag is off.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Unless {
    /// The name of the flag's field.
    pub flag: String,
    /// The default while it is off.
    #[cfg_attr(test, ts(type = "string | number | boolean"))]
    pub default: Value,
}

/// A feature of a platform. Others are not offered on it, and requests for them are refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Links of calls can be posted.
    Calls,
    /// There are conversations of more than two.
    Channels,
    /// A message can be deleted.
    Deletion,
    /// A message can be edited.
    Edits,
    /// Missed messages can be fetched.
    History,
    /// A message can be answered with a reaction.
    Reactions,
    /// A message can refer to the one that it replies to.
    Replies,
    /// Members of channels have ranks, which can be given and taken.
    Roles,
    /// There are services to sign in with.
    Services,
    /// Channels have topics.
    Topics,
    /// It reports when somebody is typing.
    Typing,
    /// Files can be sent.
    Uploads,
    /// An unknown feature.
    #[serde(other)]
    Unknown,
}

impl PlatformDescriptor {
    /// Returns the descriptor of [`DEFAULT_PLATFORM`].
    ///
    /// # Panics
    /// Never: a test parses it.
    #[must_use]
    pub fn default_platform() -> Self {
        #[allow(clippy::expect_used, reason = "the constant is read by a test")]
        serde_json::from_str(DEFAULT_DESCRIPTOR).expect("the descriptor is one")
    }

    /// Returns whether the platform supports a feature.
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
