//! Chat archives in the `chat-messages` format: one document per day and a `meta` document.

mod entry;

use percent::encode;
use serde::{Deserialize, Serialize};

pub use self::entry::{ArchiveMessage, MessageType};
use crate::Day;

const CONTEXT: &str = "https://kosmos.org/ns/v1";

/// The prefix that the format omits from a channel's item name if it occurs once.
const LEFT_OUT: char = '#';
/// The prefixes that the format keeps, percent-encoded.
const MARKS: [char; 4] = ['#', '&', '+', '!'];

/// Whose archive: a channel's or that of direct messages with somebody.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(tag = "type", content = "name", rename_all = "lowercase")]
pub enum ArchiveTarget {
    /// A channel as its platform spells it, `#kosmos`.
    Channel(String),
    /// A person's nickname.
    User(String),
}

impl ArchiveTarget {
    /// Returns the archive's folder below the storage root as decoded segments: plain names without percent-encoding.
    ///
    /// `["chat-messages", "irc.libera.chat", "channels", "kosmos"]`. The server is in lower case. A single leading `#`
    /// of a channel is omitted; other channels keep every prefix, percent-encoded within the name as in `chat-messages`
    /// 2.x. Names that cannot be item names (`.`, `..`, with `/`) are percent-encoded too.
    #[must_use]
    pub fn folder(&self, server: &str) -> [String; 4] {
        let server = encode(&server.to_lowercase(), &['/']);
        let (kind, name) = match self {
            Self::Channel(channel) => match channel.strip_prefix(LEFT_OUT) {
                Some(rest) if !rest.starts_with(MARKS) => ("channels", encode(rest, &['/', '%'])),
                _ => ("channels", encode(channel, &['/', '%', '#', '&', '+', '!'])),
            },
            Self::User(nick) => ("users", encode(nick, &['/', '%'])),
        };
        ["chat-messages".to_owned(), server, kind.to_owned(), name]
    }

    /// Returns whether the name is not empty: an archive without one has no folder.
    #[must_use]
    pub fn is_named(&self) -> bool {
        !self.name().trim_start_matches(LEFT_OUT).is_empty()
    }

    /// Returns the channel or nickname.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Channel(name) | Self::User(name) => name,
        }
    }
}

mod percent {
    //! Percent-encoding of single characters inside item names.

    pub(super) fn encode(name: &str, special: &[char]) -> String {
        if matches!(name, "." | "..") {
            return name.replace('.', "%2E");
        }
        let mut out = String::with_capacity(name.len());
        for c in name.chars() {
            if special.contains(&c) || c == '\0' {
                out.push_str(&format!("%{:02X}", u32::from(c)));
            } else {
                out.push(c);
            }
        }
        out
    }
}

/// `…/YYYY/MM/DD`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DailyArchive {
    /// `https://kosmos.org/ns/v1`.
    #[serde(rename = "@context")]
    pub context: String,
    /// The archive's folder with a trailing slash.
    #[serde(rename = "@id")]
    pub id: String,
    /// `ChatChannel`.
    #[serde(rename = "@type")]
    pub kind: String,
    /// `#channel` or a nickname.
    pub name: String,
    /// The conversation's address, `irc://server/channel`; absent on platforms without such addresses.
    #[serde(rename = "ircURI", default, skip_serializing_if = "Option::is_none")]
    pub irc_uri: Option<String>,
    /// The day's messages.
    pub today: ChatLog,
}

/// The messages of one day.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ChatLog {
    /// The day, `2015/01/01`.
    #[serde(rename = "@id")]
    pub day: Day,
    /// `ChatLog`.
    #[serde(rename = "@type")]
    pub kind: String,
    /// `InstantMessage`.
    #[serde(rename = "messageType")]
    pub message_type: String,
    /// The previous day with messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Day>,
    /// The next day with messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Day>,
    /// In chronological order.
    pub messages: Vec<ArchiveMessage>,
}

impl DailyArchive {
    /// Creates an empty day. `scheme` is the URI scheme of the platform, if it has one.
    #[must_use]
    pub fn new(server: &str, target: &ArchiveTarget, day: Day, scheme: Option<&str>) -> Self {
        let server_name = server.to_lowercase();
        let irc_name = target
            .name()
            .strip_prefix(LEFT_OUT)
            .unwrap_or_else(|| target.name());
        let irc_name: String = url_path(irc_name);
        Self {
            context: CONTEXT.to_owned(),
            id: format!("{}/", target.folder(server).join("/")),
            kind: "ChatChannel".to_owned(),
            name: target.name().to_owned(),
            irc_uri: scheme.map(|scheme| format!("{scheme}://{server_name}/{irc_name}")),
            today: ChatLog {
                day,
                kind: "ChatLog".to_owned(),
                message_type: "InstantMessage".to_owned(),
                previous: None,
                next: None,
                messages: Vec::new(),
            },
        }
    }

    /// Adds messages that are not there yet, by id, in chronological order; returns how many were added.
    pub fn merge(&mut self, messages: impl IntoIterator<Item = ArchiveMessage>) -> usize {
        let log = &mut self.today.messages;
        let mut known: std::collections::HashSet<String> =
            log.iter().filter_map(|m| m.id.clone()).collect();
        let before = log.len();
        for message in messages {
            if message
                .id
                .as_ref()
                .is_none_or(|id| known.insert(id.clone()))
            {
                log.push(message);
            }
        }
        crate::sort_by(log, |a, b| a.timestamp.cmp(&b.timestamp));
        log.len() - before
    }
}

fn url_path(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `…/meta`: where to start reading.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ArchiveMeta {
    /// `https://kosmos.org/ns/v2`.
    #[serde(rename = "@context")]
    pub context: String,
    /// The document's own path.
    #[serde(rename = "@id")]
    pub id: String,
    /// `ChatChannelMeta`.
    #[serde(rename = "@type")]
    pub kind: String,
    /// `#channel` or a nickname.
    pub name: String,
    /// The first day with messages.
    pub first: Day,
    /// The last day with messages.
    pub last: Day,
}

impl ArchiveMeta {
    /// Creates the meta document of an archive whose only day is `day`.
    #[must_use]
    pub fn new(server: &str, target: &ArchiveTarget, day: Day) -> Self {
        Self {
            context: "https://kosmos.org/ns/v2".to_owned(),
            id: format!("{}/meta", target.folder(server).join("/")),
            kind: "ChatChannelMeta".to_owned(),
            name: target.name().to_owned(),
            first: day,
            last: day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, timestamp: i64) -> ArchiveMessage {
        ArchiveMessage {
            id: Some(id.into()),
            timestamp,
            from: "a".into(),
            text: "x".into(),
            ..ArchiveMessage::default()
        }
    }

    #[test]
    fn folders_follow_the_format() {
        let folder = |target: ArchiveTarget| target.folder("IRC.libera.chat").join("/");
        let channel = |name: &str| folder(ArchiveTarget::Channel(name.into()));
        assert_eq!(
            channel("#kosmos"),
            "chat-messages/irc.libera.chat/channels/kosmos"
        );
        assert_eq!(
            channel("##kosmos-dev"),
            "chat-messages/irc.libera.chat/channels/%23%23kosmos-dev"
        );
        assert_eq!(
            channel("&local"),
            "chat-messages/irc.libera.chat/channels/%26local"
        );
        assert_eq!(
            channel("#a/b"),
            "chat-messages/irc.libera.chat/channels/a%2Fb"
        );
        assert_eq!(
            channel("#.."),
            "chat-messages/irc.libera.chat/channels/%2E%2E"
        );
        assert_eq!(
            folder(ArchiveTarget::User("bob".into())),
            "chat-messages/irc.libera.chat/users/bob"
        );
        // For a platform whose channels have no prefix.
        assert_eq!(
            channel("kosmos"),
            "chat-messages/irc.libera.chat/channels/kosmos"
        );
    }

    #[test]
    fn only_platforms_with_addresses_have_one_in_their_archives() {
        let day = "2015/01/01".parse().unwrap();
        let of = |name: &str, scheme| {
            let target = ArchiveTarget::Channel(name.into());
            DailyArchive::new("IRC.libera.chat", &target, day, scheme)
        };
        let irc = of("#kosmos", Some("irc"));
        assert_eq!(irc.irc_uri.unwrap(), "irc://irc.libera.chat/kosmos");
        let none = serde_json::to_value(of("kosmos", None)).unwrap();
        assert_eq!(
            (none.get("ircURI"), &none["name"]),
            (None, &"kosmos".into())
        );
    }

    #[test]
    fn merging_is_idempotent_and_keeps_time_order() {
        let target = ArchiveTarget::Channel("#kosmos".into());
        let mut archive = DailyArchive::new(
            "irc.libera.chat",
            &target,
            "2015/01/01".parse().unwrap(),
            None,
        );
        assert_eq!(archive.merge([message("b", 2), message("a", 1)]), 2);
        assert_eq!(archive.merge([message("b", 2), message("c", 0)]), 1);
        let ids: Vec<_> = archive
            .today
            .messages
            .iter()
            .filter_map(|m| m.id.as_deref())
            .collect();
        assert_eq!(ids, ["c", "a", "b"]);
    }
}
