//! Accounts, their connections and archives, from the connectors' and clients' point of view.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Timestamp;

/// The name of an account: `^[a-z][a-z0-9_-]{0,30}$`, so that it is also an IRC nickname
/// (RFC 2812, section 2.3.1), a path segment and the local part of a user address.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub struct AccountName(String);

/// The text is not a valid account name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "\"{0}\" cannot be an account name: it takes 1 to 31 of the characters a-z, 0-9, _ and -, \
     and begins with a letter"
)]
pub struct InvalidName(pub String);

impl AccountName {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 31;

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let valid = text.len() <= Self::MAX_LENGTH
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(
                text.chars().filter(|c| !c.is_control()).take(40).collect(),
            ))
        }
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for AccountName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for AccountName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AccountName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The state of writing archives to an external storage.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ArchiveState {
    /// Working.
    Ok,
    /// The server cannot be reached; messages wait and are written later.
    Unreachable,
    /// The server has no space left; messages wait.
    Full,
    /// The token is no longer valid, so the user has to authorise again; messages wait.
    Renew,
}

/// An external storage as the API shows it, without its token.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ArchiveView {
    /// The user's address there.
    pub user_address: String,
    /// The storage's address.
    pub root: String,
    /// The page on which the user authorises apps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize: Option<String>,
    /// The current state of writing there.
    pub state: ArchiveState,
    /// What is wrong, if anything, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time of the last change of the state.
    pub since: Timestamp,
    /// When the user connected it.
    pub connected: Timestamp,
}

/// `PUT /api/archive`.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NewArchivePlace {
    /// The user's address, `alice@example.org`.
    pub user_address: String,
    /// The storage as discovered by the client; it must match the server's WebFinger response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// A bearer token with the scope `chat-messages:rw`.
    pub token: String,
}

impl fmt::Debug for NewArchivePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewArchivePlace")
            .field("user_address", &self.user_address)
            .finish_non_exhaustive()
    }
}

/// Response to `GET /api/archive/token`.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ArchiveToken {
    /// The storage's address, without a trailing slash.
    pub root: String,
    /// The bearer token.
    pub token: String,
}

impl fmt::Debug for ArchiveToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveToken")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// What a grant is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum GrantKind {
    /// A signed-in browser: may use `/api`.
    Session,
    /// An app or a program with remoteStorage scopes.
    App,
    /// A password for IRC clients and connectors; valid for nothing else.
    Irc,
    /// The cookie of the consent page: lets its owner grant access to apps there, and nothing else.
    Consent,
}

/// The id of an always-on connection within an account: `^[a-z0-9]{1,32}$`.
pub type ConnectionId = String;

/// The id of the connection that every account has to the space's own IRC server. No other connection has this id.
pub const PRIVATE_CONNECTION: &str = "private";

/// The most channels that a connection stores.
pub const MAX_CHANNELS: usize = 200;

/// The member of a secret among the fields of a connection that has it in clear text: `{"clear": "…"}`.
pub const CLEAR: &str = "clear";

/// `accounts/<account>/connections/<id>.json`: an always-on connection.
///
/// In the store, `password` contains the encrypted secret; in an [`crate::Assignment`], the secret itself; in API
/// responses it is absent. Keys of channels are encrypted in the store, `#channel sealed:v1.…`, and in clear text
/// everywhere else; records of earlier versions have them in clear text. Other secrets that the platform describes are
/// objects among the fields: `{"sealed": "v1.…"}` in the store, [`CLEAR`] in the functions. In an assignment they are
/// texts, in API responses `true`.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Connection {
    /// Version of this record's format: 1.
    pub version: u32,
    /// The connection's id within the account.
    pub id: ConnectionId,
    /// The id of the platform.
    pub platform: String,
    /// The network's name for people.
    pub name: String,
    /// The server as it appears in ids and archives: `nick@server`. Unique within an account
    /// for one nick; usually the host.
    pub server: String,
    /// The account's preferred nickname there.
    pub nick: String,
    /// The secret (see above).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub password: Option<String>,
    /// Channels to join, each optionally followed by a space and its key.
    pub channels: Vec<String>,
    /// Whether it should be connected.
    pub enabled: bool,
    /// The connector that maintains it.
    pub connector: String,
    /// When it was created.
    pub created: Timestamp,
    /// The other fields in the platform's descriptor ([`crate::ConnectionField`]), by name: `host`, `port`, ….
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub fields: Map<String, Value>,
}

impl Connection {
    /// Returns a text among the platform's fields.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    /// Returns an integer among the platform's fields.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<u64> {
        self.fields.get(field)?.as_u64()
    }

    /// Returns whether a flag among the platform's fields is on.
    #[must_use]
    pub fn flag(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|flag| flag == true)
    }

    /// The names of its secrets, in the functions: those that the platform describes are objects there.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().filter(|(_, value)| value.is_object());
        let password = self.password.as_ref().map(|_| "password");
        password.into_iter().chain(fields.map(|(name, _)| &**name))
    }

    /// Turns the secrets that the platform describes into texts, as connectors get them. Returns whether all could be.
    pub fn in_clear(&mut self) -> bool {
        let mut secrets = self.fields.values_mut().filter(|value| value.is_object());
        secrets.all(|value| {
            *value = value[CLEAR].take();
            value.is_string()
        })
    }

    /// Sets one of the platform's fields.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }
}

impl fmt::Debug for Connection {
    /// Without its secrets: the password, the keys of channels, and any field may be one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("platform", &self.platform)
            .field("server", &self.server)
            .field("nick", &self.nick)
            .field("fields", &self.fields.keys().collect::<Vec<_>>())
            .field("enabled", &self.enabled)
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_platform_stand_beside_the_others() {
        let record = serde_json::json!({
            "version": 1, "id": "c", "platform": "irc", "name": "n", "server": "h", "host": "h", "port": 6697,
            "secure": true, "nick": "a", "sasl": false, "channels": ["#a"], "enabled": true, "connector": "irc",
            "created": "2026-01-15T10:00:00.000Z"
        });
        let read: Connection = serde_json::from_value(record.clone()).unwrap();
        assert_eq!(
            (read.text("host"), read.number("port")),
            (Some("h"), Some(6697))
        );
        assert!(read.flag("secure") && !read.flag("sasl") && !read.flag("without_account"));
        assert_eq!(serde_json::to_value(&read).unwrap(), record);
    }

    #[test]
    fn names_are_nicknames_and_path_segments() {
        for good in ["a", "alice", "alice-2", "a_b", &"a".repeat(31)] {
            assert!(good.parse::<AccountName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "Alice",
            "1a",
            "-a",
            "a.b",
            "a/b",
            "..",
            "ä",
            "a\0",
            &"a".repeat(32),
        ] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad}");
        }
    }
}
