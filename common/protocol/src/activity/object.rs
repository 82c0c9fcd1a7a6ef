//! The objects of activities, by their `type`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ClientId;
use super::fields::{
    AccountObject, AddressObject, AttendanceObject, ConnectionObject, CredentialsObject,
    PresenceObject, RelationshipObject, RoomObject, RoomsObject, TextObject, TopicObject,
    WhoisObject,
};
use super::relations::{ChatState, ChatStateObject, ReactionObject};

/// The object of an activity, distinguished by `type`.
///
/// An object of a type that is not defined here, without a type, or with an invalid field, is kept unchanged as
/// [`ActivityObject::Other`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ActivityObject {
    /// A text; for `leave`, the reason.
    Message(TextObject),
    /// An action, `/me`.
    Me(TextObject),
    /// A notice.
    Notice(TextObject),
    /// What somebody reacts with to a message.
    Reaction(ReactionObject),
    /// Whether somebody is typing.
    #[serde(rename = "chat-state")]
    ChatState(ChatStateObject),
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
    /// A role that is given or taken away.
    Relationship(RelationshipObject),
    /// A room: one that somebody is invited to, or removed from.
    Room(RoomObject),
    /// A request for information about a person; in its acknowledgement, the response.
    Whois(Box<WhoisObject>),
    /// A request for the rooms of a network; in its acknowledgement, the response.
    Rooms(RoomsObject),
    /// The secret for a room, or a connection.
    Credentials(CredentialsObject),
    /// An account with the network that is registered; in its acknowledgement, how far that is.
    Account(AccountObject),
    /// Any other JSON.
    #[serde(untagged)]
    #[cfg_attr(test, ts(skip))]
    Other(Value),
}

impl ActivityObject {
    /// Creates a `message`.
    #[must_use]
    pub fn message(content: impl Into<String>) -> Self {
        Self::Message(TextObject::new(content))
    }

    /// Creates a `notice`.
    #[must_use]
    pub fn notice(content: impl Into<String>) -> Self {
        Self::Notice(TextObject::new(content))
    }

    /// Creates a `topic`.
    #[must_use]
    pub fn topic(topic: &str) -> Self {
        Self::Topic(TopicObject {
            content: Some(topic.to_owned()),
            topic: Some(topic.to_owned()),
            ..Default::default()
        })
    }

    /// Creates an `attendance` with its members.
    #[must_use]
    pub fn attendance(members: Vec<String>) -> Self {
        Self::Attendance(AttendanceObject {
            members: Some(members),
            ..Default::default()
        })
    }

    /// Makes a `reaction` to the message with that id.
    #[must_use]
    pub fn reaction(emoji: impl Into<String>, about: impl Into<String>) -> Self {
        Self::Reaction(ReactionObject {
            content: Some(emoji.into()),
            in_reply_to: Some(about.into()),
            ..Default::default()
        })
    }

    /// Makes a `chat-state`.
    #[must_use]
    pub fn chat_state(state: ChatState) -> Self {
        Self::ChatState(ChatStateObject {
            state,
            rest: serde_json::Map::new(),
        })
    }

    /// Makes a `message` that stands for the one with that id.
    #[must_use]
    pub fn reference(id: impl Into<String>) -> Self {
        Self::Message(TextObject {
            id: Some(id.into()),
            ..Default::default()
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
            Self::Reaction(_) => "reaction",
            Self::ChatState(_) => "chat-state",
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
            Self::Account(_) => "account",
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
            Self::Reaction(reaction) => return reaction.content.as_deref(),
            Self::Topic(topic) => return topic.content.as_deref(),
            Self::Presence(presence) => return presence.content.as_deref(),
            Self::Connection(connection) => return connection.content.as_deref(),
            Self::Room(room) => return room.content.as_deref(),
            Self::Account(account) => return account.content.as_deref(),
            Self::Address(AddressObject { rest })
            | Self::Attendance(AttendanceObject { rest, .. })
            | Self::ChatState(ChatStateObject { rest, .. })
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

    /// Returns the id of the message that it answers, or reacts to, if it says so.
    #[must_use]
    pub fn in_reply_to(&self) -> Option<&str> {
        match self {
            Self::Message(text) | Self::Me(text) | Self::Notice(text) => {
                text.in_reply_to.as_deref()
            }
            Self::Reaction(reaction) => reaction.in_reply_to.as_deref(),
            Self::Other(value) => value.get("inReplyTo")?.as_str(),
            _ => None,
        }
    }

    /// Returns the id of the message that it stands for, if it says so.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Message(text) | Self::Me(text) | Self::Notice(text) => text.id.as_deref(),
            Self::Other(value) => value.get("id")?.as_str(),
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
        // Strings as keys and no floating-point numbers except those of `Value`: serialisation cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl From<Value> for ActivityObject {
    fn from(value: Value) -> Self {
        // Serde takes a number for the place of a type in the list.
        if !value.get("type").is_some_and(Value::is_string) {
            return Self::Other(value);
        }
        Self::deserialize(&value).unwrap_or(Self::Other(value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    /// Every type with all its fields, as documented in `SOCKETHUB.md`.
    fn all() -> Vec<Value> {
        vec![
            json!({"type": "message", "content": "hi", "clientId": "local:1", "id": "m1", "inReplyTo": "m0", "by": "bob",
                "quit": true}),
            json!({"type": "reaction", "content": "👍", "inReplyTo": "m1"}),
            json!({"type": "chat-state", "state": "composing"}),
            json!({"type": "me", "content": "waves"}),
            json!({"type": "notice", "content": "hi"}),
            json!({"type": "topic", "content": "plans", "topic": "plans"}),
            json!({"type": "presence", "role": "owner", "show": "away", "content": "lunch"}),
            json!({"type": "presence", "show": "online"}),
            json!({"type": "address"}),
            json!({"type": "attendance", "members": ["alice", "bob"]}),
            json!({"type": "connection", "status": "online", "content": "It is.", "nick": "alice", "casemapping": "rfc1459-strict",
                "certificate": "00ff", "supports": ["replies", "typing"]}),
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
            json!({"type": "account", "email": "a@b.example", "password": "sesame"}),
            json!({"type": "account", "name": "alice", "code": "1234", "status": "unconfirmed", "content": "Look."}),
        ]
    }

    /// The fields that no type defines.
    fn rest(object: &ActivityObject) -> Option<&Map<String, Value>> {
        Some(match object {
            ActivityObject::Message(text)
            | ActivityObject::Me(text)
            | ActivityObject::Notice(text) => &text.rest,
            ActivityObject::Reaction(reaction) => &reaction.rest,
            ActivityObject::ChatState(state) => &state.rest,
            ActivityObject::Topic(topic) => &topic.rest,
            ActivityObject::Presence(presence) => &presence.rest,
            ActivityObject::Address(address) => &address.rest,
            ActivityObject::Attendance(attendance) => &attendance.rest,
            ActivityObject::Connection(connection) => &connection.rest,
            ActivityObject::Relationship(relationship) => &relationship.rest,
            ActivityObject::Room(room) => &room.rest,
            ActivityObject::Whois(whois) => &whois.rest,
            ActivityObject::Rooms(rooms) => &rooms.rest,
            ActivityObject::Credentials(credentials) => &credentials.rest,
            ActivityObject::Account(account) => &account.rest,
            ActivityObject::Other(_) => return None,
        })
    }

    #[test]
    fn every_type_is_read_as_what_it_is_and_written_as_it_was() {
        for value in all() {
            let object = ActivityObject::from(value.clone());
            assert!(rest(&object).is_some_and(Map::is_empty), "{value}");
            assert_eq!(object.to_value(), value);
            // The serialised bytes: keys in order, and no duplicates.
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
            json!({"type": 0, "content": "hi"}),
            json!({"type": "message", "content": "hi", "clientId": "not an id"}),
            json!({"type": "presence", "show": "asleep", "content": "hi"}),
            json!({"type": "attendance", "members": "alice"}),
            json!({"type": "connection", "content": "hi"}),
            json!({"type": "chat-state", "state": "dreaming"}),
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
