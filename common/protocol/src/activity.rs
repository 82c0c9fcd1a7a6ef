//! ActivityStreams 2 activities as the Sockethub protocol uses them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod fields;
mod object;
mod relations;

pub use self::fields::{
    AccountObject, AccountStatus, AddressObject, AttendanceObject, ConnectionObject,
    ConnectionStatus, CredentialsObject, ListedRoom, PresenceObject, RelationshipObject,
    RelationshipSubject, RoomObject, RoomsObject, Show, TextObject, TopicObject, WhoisObject,
};
pub use self::object::ActivityObject;
pub use self::relations::{
    ChatState, ChatStateObject, MAX_EMOJI, MAX_MESSAGE_ID, ReactionObject, is_emoji, is_message_id,
};

/// Base URLs of `@context`.
pub mod context {
    /// ActivityStreams 2.
    pub const ACTIVITYSTREAMS: &str = "https://www.w3.org/ns/activitystreams";
    /// Sockethub.
    pub const SOCKETHUB: &str = "https://sockethub.org/ns/context/v1.jsonld";

    /// Returns the context URL of a platform.
    #[must_use]
    pub fn platform(id: &str) -> String {
        format!("https://sockethub.org/ns/context/platform/{id}/v1.jsonld")
    }
}

/// The role of a channel member without a mode.
pub const ROLE_MEMBER: &str = "member";

/// The three URLs of `@context`: ActivityStreams, Sockethub, platform.
pub type Contexts = Vec<String>;

/// An actor, a target, or a part of an object with an id.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Entity {
    /// The id, `nick@server` or a room id.
    pub id: String,
    /// person, room, service, …
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(test, ts(as = "Option<String>", optional))]
    pub kind: String,
    /// The name on the platform: the nickname, `#channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Anything else.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Map<String, Value>,
}

impl Entity {
    /// Creates a person, `nick@server`.
    #[must_use]
    pub fn person(nick: &str, server: &str) -> Self {
        Self::named(format!("{nick}@{server}"), "person", nick)
    }

    /// Creates a room, `#channel@server`.
    #[must_use]
    pub fn room(channel: &str, server: &str) -> Self {
        Self::named(format!("{channel}@{server}"), "room", channel)
    }

    /// Creates a service: the server itself.
    #[must_use]
    pub fn service(server: &str) -> Self {
        Self::named(server.to_owned(), "service", server)
    }

    fn named(id: String, kind: &str, name: &str) -> Self {
        Self {
            id,
            kind: kind.to_owned(),
            name: Some(name.to_owned()),
            rest: Map::new(),
        }
    }
}

/// An activity. Absent parts are left out, never `null`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Activity {
    /// `@context`; empty for the older dialect.
    #[serde(rename = "@context", default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Contexts>", optional))]
    pub contexts: Contexts,
    /// The platform in the older dialect, `"context":"irc"`.
    #[serde(rename = "context", default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(skip))]
    pub platform: Option<String>,
    /// send, join, leave, update, …
    #[serde(rename = "type")]
    pub kind: String,
    /// A stable id, which is the archived message's if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Entity>,
    /// To whom or where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Entity>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ActivityObject>,
    /// When, ISO 8601 with milliseconds and `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// In responses: what went wrong, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The longest [`ClientId`], in bytes.
const CLIENT_ID_LENGTH: usize = 64;

/// The id that a client generated for its own message, to recognise it when it is echoed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

impl ClientId {
    /// Parses an id: 1 to 64 letters, digits and `:`, `.`, `_`, `-`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":._-".contains(&byte);
        let is_id = (1..=CLIENT_ID_LENGTH).contains(&text.len()) && text.bytes().all(fits);
        is_id.then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no id of a client"))
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl Activity {
    /// Creates an activity of a platform in the current dialect.
    #[must_use]
    pub fn new(platform: &str, kind: &str, actor: Entity) -> Self {
        Self {
            contexts: vec![
                context::ACTIVITYSTREAMS.to_owned(),
                context::SOCKETHUB.to_owned(),
                context::platform(platform),
            ],
            kind: kind.to_owned(),
            actor: Some(actor),
            ..Self::default()
        }
    }

    /// Returns the type of the object, if there is one.
    #[must_use]
    pub fn object_type(&self) -> Option<&str> {
        self.object.as_ref()?.kind()
    }

    /// Returns the object's `content`, if it is a string.
    #[must_use]
    pub fn content(&self) -> Option<&str> {
        self.object.as_ref()?.content()
    }

    /// Returns the id that the client generated for the message, `object.clientId`. An invalid one counts as none.
    #[must_use]
    pub fn client_id(&self) -> Option<ClientId> {
        self.object.as_ref()?.client_id()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_short_and_plain_is_the_id_of_a_client() {
        let of = |id: Value| {
            let mut activity = Activity::new("irc", "send", Entity::person("alice", "h"));
            activity.object = Some(json!({"type": "message", "clientId": id}).into());
            activity.client_id().map(String::from)
        };
        assert_eq!(
            of(json!("local:m1:1:ab_c.d-e")).as_deref(),
            Some("local:m1:1:ab_c.d-e")
        );
        assert!(of(json!("x".repeat(64))).is_some());
        for wrong in [
            json!(""),
            json!("x".repeat(65)),
            json!("a b"),
            json!("é"),
            json!(7),
        ] {
            assert_eq!(of(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn never_writes_null() {
        let mut activity = Activity::new("irc", "send", Entity::person("alice", "irc.libera.chat"));
        activity.target = Some(Entity::room("#kosmos", "irc.libera.chat"));
        activity.object = Some(ActivityObject::message("hello"));
        let value = serde_json::to_value(&activity).unwrap();
        assert_eq!(
            value,
            json!({
                "@context": [
                    "https://www.w3.org/ns/activitystreams",
                    "https://sockethub.org/ns/context/v1.jsonld",
                    "https://sockethub.org/ns/context/platform/irc/v1.jsonld"
                ],
                "type": "send",
                "actor": {"id": "alice@irc.libera.chat", "type": "person", "name": "alice"},
                "target": {"id": "#kosmos@irc.libera.chat", "type": "room", "name": "#kosmos"},
                "object": {"type": "message", "content": "hello"}
            })
        );
        assert_eq!(serde_json::from_value::<Activity>(value).unwrap(), activity);
    }
}
