//! The objects of activities, by their `type`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ClientId, Entity};
use crate::Folding;

/// Fields that are not defined here. They stay when an object is passed on.
type Rest = Map<String, Value>;

/// What an activity is about, told apart by `type`.
///
/// An object of a type that is not defined here, without a type, or with a field that is not what it should be, is kept
/// as it is in [`ActivityObject::Other`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ActivityObject {
    /// A text; of `leave`, the reason.
    Message(TextObject),
    /// An action, `/me`.
    Me(TextObject),
    /// A notice.
    Notice(TextObject),
    /// The topic of a room.
    Topic(TopicObject),
    /// Role and presence of a person.
    Presence(PresenceObject),
    /// A change of nickname, from actor to target.
    Address(AddressObject),
    /// The members of a room.
    Attendance(AttendanceObject),
    /// The state of a connection.
    Connection(ConnectionObject),
    /// A role that is given or taken.
    Relationship(RelationshipObject),
    /// A room: one that somebody is invited to, or removed from.
    Room(RoomObject),
    /// A question about a person; in its acknowledgement, the answer.
    Whois(Box<WhoisObject>),
    /// A question about the rooms of a network; in its acknowledgement, the answer.
    Rooms(RoomsObject),
    /// What opens a room, or a connection.
    Credentials(CredentialsObject),
    /// Any other JSON.
    #[serde(untagged)]
    #[cfg_attr(test, ts(skip))]
    Other(Value),
}

/// `message`, `me` and `notice`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct TextObject {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The id that the sender's client made for the message.
    #[serde(rename = "clientId", default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(as = "Option<String>", optional))]
    pub client_id: Option<ClientId>,
    /// In a `leave`: the nickname of whoever kicked the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In a `leave`: whether the actor quit the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quit: Option<bool>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// `topic`: the same text under two names, since clients read one or the other.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct TopicObject {
    /// The topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// Whether somebody is at the keyboard.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Show {
    /// Present.
    Online,
    /// Away.
    Away,
}

/// `presence`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PresenceObject {
    /// The role in the target: `owner`, `admin`, `participant` or `member`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether the person is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<Show>,
    /// Why the person is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// `address`; the names are the activity's actor and target.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "object"))]
pub struct AddressObject {
    /// Fields that are not defined.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `attendance`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct AttendanceObject {
    /// The nicknames of everybody in the room; absent in a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// The state of a connection to a network.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum ConnectionStatus {
    /// It is being established.
    Connecting,
    /// It is established.
    Online,
    /// It is not established.
    Offline,
}

impl ConnectionStatus {
    /// All of them; each is at the index that it is as a number.
    pub const ALL: [Self; 3] = [Self::Connecting, Self::Online, Self::Offline];

    /// Returns the name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

/// `connection`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ConnectionObject {
    /// The state.
    pub status: ConnectionStatus,
    /// The state in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The account's nickname there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nick: Option<String>,
    /// How the network compares names; absent until it is online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub casemapping: Option<Folding>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// `relationship`: the target of the activity gets or loses a role in a room.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RelationshipObject {
    /// `role`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relationship: Option<String>,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<RelationshipSubject>,
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Entity>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// The subject of a `relationship`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RelationshipSubject {
    /// `presence`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The role, as in [`PresenceObject::role`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// `room`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RoomObject {
    /// The room's id, `#channel@server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The room's name, `#channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In a `remove`: the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// `whois`; a question has none of the fields.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct WhoisObject {
    /// The nickname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nick: Option<String>,
    /// The user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The real name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realname: Option<String>,
    /// The account with the network's services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The server that the person is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Whether the person is an operator of the network; absent if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<bool>,
    /// The channels that both are in, or that anybody may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Why the person is away; absent if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away: Option<String>,
    /// For how many seconds the person has said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<u64>,
    /// Whether the person's connection is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure: Option<bool>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// One room in the answer to `rooms`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ListedRoom {
    /// Its name.
    pub name: String,
    /// How many people are in it.
    pub members: u64,
    /// Its topic.
    pub topic: String,
}

/// `rooms`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct RoomsObject {
    /// The rooms; absent in a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<ListedRoom>>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// `credentials`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct CredentialsObject {
    /// The password; of a room, its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Other fields: those of the platform.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

impl ActivityObject {
    /// Makes a `message`.
    #[must_use]
    pub fn message(content: impl Into<String>) -> Self {
        Self::Message(TextObject::new(content))
    }

    /// Makes a `notice`.
    #[must_use]
    pub fn notice(content: impl Into<String>) -> Self {
        Self::Notice(TextObject::new(content))
    }

    /// Makes a `topic`.
    #[must_use]
    pub fn topic(topic: &str) -> Self {
        Self::Topic(TopicObject {
            content: Some(topic.to_owned()),
            topic: Some(topic.to_owned()),
            rest: Rest::new(),
        })
    }

    /// Makes an `attendance` with its members.
    #[must_use]
    pub fn attendance(members: Vec<String>) -> Self {
        Self::Attendance(AttendanceObject {
            members: Some(members),
            rest: Rest::new(),
        })
    }

    /// Makes an `address`.
    #[must_use]
    pub fn address() -> Self {
        Self::Address(AddressObject::default())
    }

    /// Returns the type, if there is one.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        Some(match self {
            Self::Message(_) => "message",
            Self::Me(_) => "me",
            Self::Notice(_) => "notice",
            Self::Topic(_) => "topic",
            Self::Presence(_) => "presence",
            Self::Address(_) => "address",
            Self::Attendance(_) => "attendance",
            Self::Connection(_) => "connection",
            Self::Relationship(_) => "relationship",
            Self::Room(_) => "room",
            Self::Whois(_) => "whois",
            Self::Rooms(_) => "rooms",
            Self::Credentials(_) => "credentials",
            Self::Other(value) => return value.get("type")?.as_str(),
        })
    }

    /// Returns `content`, if it is a text.
    #[must_use]
    pub fn content(&self) -> Option<&str> {
        let rest = match self {
            Self::Message(text) | Self::Me(text) | Self::Notice(text) => {
                return text.content.as_deref();
            }
            Self::Topic(topic) => return topic.content.as_deref(),
            Self::Presence(presence) => return presence.content.as_deref(),
            Self::Connection(connection) => return connection.content.as_deref(),
            Self::Room(room) => return room.content.as_deref(),
            Self::Address(AddressObject { rest })
            | Self::Attendance(AttendanceObject { rest, .. })
            | Self::Relationship(RelationshipObject { rest, .. })
            | Self::Rooms(RoomsObject { rest, .. })
            | Self::Credentials(CredentialsObject { rest, .. }) => rest,
            Self::Whois(whois) => &whois.rest,
            Self::Other(value) => return value.get("content")?.as_str(),
        };
        rest.get("content")?.as_str()
    }

    /// Returns `clientId` of a message, if it is one.
    #[must_use]
    pub fn client_id(&self) -> Option<ClientId> {
        match self {
            Self::Message(text) | Self::Me(text) | Self::Notice(text) => text.client_id.clone(),
            Self::Other(value) => ClientId::parse(value.get("clientId")?.as_str()?),
            _ => None,
        }
    }

    /// Returns a field, whatever the type is: for requests, whose fields clients may give with another type or without one.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<Value> {
        self.to_value().get_mut(field).map(Value::take)
    }

    /// Returns the JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // Strings as keys and no floating-point numbers but those of `Value`: there is nothing that cannot be written.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl From<Value> for ActivityObject {
    fn from(value: Value) -> Self {
        Self::deserialize(&value).unwrap_or(Self::Other(value))
    }
}

impl TextObject {
    /// Makes a text.
    #[must_use]
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            content: Some(content.into()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Every type with all its fields, as `SOCKETHUB.md` has them.
    fn all() -> Vec<Value> {
        vec![
            json!({"type": "message", "content": "hi", "clientId": "local:1", "by": "bob", "quit": true}),
            json!({"type": "me", "content": "waves"}),
            json!({"type": "notice", "content": "hi"}),
            json!({"type": "topic", "content": "plans", "topic": "plans"}),
            json!({"type": "presence", "role": "owner", "show": "away", "content": "lunch"}),
            json!({"type": "presence", "show": "online"}),
            json!({"type": "address"}),
            json!({"type": "attendance", "members": ["alice", "bob"]}),
            json!({"type": "connection", "status": "online", "content": "It is.", "nick": "alice", "casemapping": "rfc1459-strict"}),
            json!({"type": "connection", "status": "connecting"}),
            json!({"type": "relationship", "relationship": "role", "subject": {"type": "presence", "role": "admin"},
                "object": {"type": "room", "id": "#c@h", "name": "#c"}}),
            json!({"type": "room", "id": "#c@h", "name": "#c", "content": "out"}),
            json!({"type": "whois"}),
            json!({"type": "whois", "nick": "bob", "username": "b", "host": "h", "realname": "Bob", "account": "bobby",
                "server": "s", "operator": true, "channels": ["#c"], "away": "gone", "idle": 42, "secure": false}),
            json!({"type": "rooms"}),
            json!({"type": "rooms", "items": [{"name": "#c", "members": 7, "topic": ""}]}),
            json!({"type": "credentials", "password": "sesame"}),
        ]
    }

    #[test]
    fn every_type_is_read_as_what_it_is_and_written_as_it_was() {
        for value in all() {
            let object = ActivityObject::from(value.clone());
            assert!(!matches!(object, ActivityObject::Other(_)), "{value}");
            assert_eq!(object.to_value(), value);
            // The bytes, as they are in a document of their own: keys in order, and nothing twice.
            let text = value.to_string();
            assert_eq!(object.to_value().to_string(), text);
            assert_eq!(
                serde_json::from_str::<ActivityObject>(&text).unwrap(),
                object
            );
            assert_eq!(object.kind(), value["type"].as_str());
            assert_eq!(
                object.content(),
                value.get("content").and_then(Value::as_str)
            );
            assert_eq!(object.get("nick").as_ref(), value.get("nick"));
        }
    }

    #[test]
    fn fields_that_nobody_knows_stay() {
        for mut value in all() {
            value["x"] = json!({"deep": [1, 2.5, null, "é"]});
            let object = ActivityObject::from(value.clone());
            assert!(!matches!(object, ActivityObject::Other(_)), "{value}");
            assert_eq!(object.to_value(), value);
        }
    }

    #[test]
    fn what_is_of_no_known_shape_is_kept_as_it_is() {
        for value in [
            json!({"type": "poll", "content": "which?", "options": [1, 2]}),
            json!({"id": "#c@h", "content": "no type"}),
            json!({"type": 7, "content": "hi"}),
            json!({"type": "message", "content": "hi", "clientId": "not an id"}),
            json!({"type": "presence", "show": "asleep", "content": "hi"}),
            json!({"type": "attendance", "members": "alice"}),
            json!({"type": "connection", "content": "hi"}),
            json!({}),
            json!("text"),
            json!(7),
        ] {
            let object = ActivityObject::from(value.clone());
            assert_eq!(object, ActivityObject::Other(value.clone()));
            assert_eq!(object.to_value(), value);
            assert_eq!(object.kind(), value.get("type").and_then(Value::as_str));
            assert_eq!(
                object.content(),
                value.get("content").and_then(Value::as_str)
            );
            assert_eq!(object.client_id(), None);
        }
    }
}
