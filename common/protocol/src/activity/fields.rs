//! The fields of each type of object. An object keeps fields that are not defined here in `rest`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ClientId, Entity};
use crate::{Feature, Folding};

type Rest = Map<String, Value>;

/// `message`, `me` and `notice`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct TextObject {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The id that the sender's client generated for the message.
    #[serde(rename = "clientId", default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(as = "Option<String>", optional))]
    pub client_id: Option<ClientId>,
    /// In an `update` and a `delete`: the id of the message that is changed or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id of the message that it answers.
    #[serde(rename = "inReplyTo", default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// In a `leave`: the nickname of whoever kicked the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In a `leave`: whether the actor quit the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quit: Option<bool>,
    /// In a `leave` or `join`: whether the actor is one of many who are told of together, since servers of the network lost
    /// or found each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netsplit: Option<bool>,
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
    /// The nicknames of everyone in the room; absent in a request.
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
    /// All states; each one's index is its number.
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
    /// What can be done there just now of what the platform supports but not every network has: `deletion`, `edits`,
    /// `reactions`, `replies` and `typing`. Absent: whatever the platform supports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supports: Option<Vec<Feature>>,
    /// The fingerprint of the certificate for which it is not connected, SHA-256 in hex: the person may accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// `relationship`: the target of the activity is given or loses a role in a room.
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

/// `whois`; a request has none of the fields.
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
    /// The channels that both have joined, or that are public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Why the person is away; absent if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away: Option<String>,
    /// How many seconds the person has been idle.
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

/// One room in the response to `rooms`.
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
    /// The rooms; absent in a request.
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
    /// The password; for a room, its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Other fields: those of the platform.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

/// How far the registration of an account with the network is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// The account is there, and the password is its own.
    Registered,
    /// The network has sent a code, which is still to be given.
    Unconfirmed,
    /// The network said something that is for the person to understand.
    Unclear,
}

/// `account`: an account with the network, which an `update` registers or, with a code, confirms.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct AccountObject {
    /// Its name: the nickname; in an answer, and to confirm it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the network sends its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The password that it is to have; never in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The code that the network has sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// In an answer: how far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AccountStatus>,
    /// In an answer: what the network said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Rest,
}

impl TextObject {
    /// Creates a text.
    #[must_use]
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            content: Some(content.into()),
            ..Self::default()
        }
    }
}
