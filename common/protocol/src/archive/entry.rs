//! One entry of an archive.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ClientId, Timestamp};

/// What an entry of an archive is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "lowercase"))]
#[serde(from = "String", into = "String")]
pub enum MessageType {
    /// Something that was said.
    #[default]
    Text,
    /// `/me`.
    Action,
    /// Somebody came.
    Join,
    /// Somebody went: part, quit or kick.
    Leave,
    /// Said with NOTICE. An addition of ours; readers that ignore types show the text.
    Notice,
    /// The topic changed. An addition of ours.
    Topic,
    /// Somebody changed nickname. An addition of ours.
    Nick,
    /// Somebody reacted to the message `ref` with `emoji`, or took that back. An addition of ours.
    Reaction,
    /// The message `ref` says `text` from now on. An addition of ours.
    Edit,
    /// The message `ref` was deleted. An addition of ours.
    Deletion,
    /// A type that is not known here: the entry is kept as it is.
    #[cfg_attr(test, ts(skip))]
    Other(String),
}

/// The types that have a name.
const NAMES: [(MessageType, &str); 10] = [
    (MessageType::Text, "text"),
    (MessageType::Action, "action"),
    (MessageType::Join, "join"),
    (MessageType::Leave, "leave"),
    (MessageType::Notice, "notice"),
    (MessageType::Topic, "topic"),
    (MessageType::Nick, "nick"),
    (MessageType::Reaction, "reaction"),
    (MessageType::Edit, "edit"),
    (MessageType::Deletion, "deletion"),
];

impl MessageType {
    /// Returns the name in JSON.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => NAMES
                .iter()
                .find(|(kind, _)| kind == known)
                .map_or("text", |(_, name)| name),
        }
    }

    /// Returns whether it is about another message, the one that `ref` names.
    #[must_use]
    pub const fn is_about_another(&self) -> bool {
        matches!(self, Self::Reaction | Self::Edit | Self::Deletion)
    }
}

impl From<String> for MessageType {
    fn from(name: String) -> Self {
        let known = NAMES.iter().find(|(_, known)| *known == name);
        known.map_or(Self::Other(name), |(kind, _)| kind.clone())
    }
}

impl From<MessageType> for String {
    fn from(kind: MessageType) -> Self {
        match kind {
            MessageType::Other(name) => name,
            known => known.name().to_owned(),
        }
    }
}

/// One entry. The schema's own keys `date` and `user` are read, too; a key that is not defined here stays.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(from = "Map<String, Value>")]
pub struct ArchiveMessage {
    /// Unique within the channel; a repeat with a known id changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The nickname.
    pub from: String,
    /// Readable text: some readers show it for every type. Empty only once the message was deleted.
    pub text: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// The id that the sender's client made for it before anybody else had one. An addition of ours; only in the
    /// sender's own archive, and only if the client sent one.
    #[serde(rename = "clientId", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// The id of the message that it answers. An addition of ours.
    #[serde(rename = "replyTo", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The id of the message that a reaction, edit or deletion is about. An addition of ours.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What somebody reacted with. An addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// The reaction was taken back. An addition of ours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// What others have added, and newer programs than this.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Takes a text out of an entry. What is none stays, if nothing else is written under its name.
fn text(map: &mut Map<String, Value>, key: &str) -> Option<String> {
    match map.remove(key)? {
        Value::String(text) => Some(text),
        other => {
            map.insert(key.to_owned(), other);
            None
        }
    }
}

impl From<Map<String, Value>> for ArchiveMessage {
    fn from(mut map: Map<String, Value>) -> Self {
        let timestamp = map.get("timestamp").and_then(Value::as_i64);
        let date = || map.get("date")?.as_str()?.parse::<Timestamp>().ok();
        let timestamp = timestamp.or_else(|| date().map(Timestamp::millis));
        let user = map.get("user").and_then(Value::as_str).map(str::to_owned);
        let client_id = map.get("clientId").and_then(Value::as_str);
        let client_id = client_id.and_then(ClientId::parse);
        let mut message = Self {
            id: text(&mut map, "id"),
            timestamp: timestamp.unwrap_or_default(),
            from: text(&mut map, "from").or(user).unwrap_or_default(),
            text: text(&mut map, "text").unwrap_or_default(),
            kind: text(&mut map, "type").map_or(MessageType::Text, MessageType::from),
            client_id,
            reply_to: text(&mut map, "replyTo"),
            about: text(&mut map, "ref"),
            emoji: text(&mut map, "emoji"),
            removed: map.get("removed").is_some_and(|removed| removed == true),
            rest: Map::new(),
        };
        // These are written, whatever was there.
        for key in ["timestamp", "from", "text", "type"] {
            map.remove(key);
        }
        if message.client_id.is_some() {
            map.remove("clientId");
        }
        if message.removed {
            map.remove("removed");
        }
        message.rest = map;
        message
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_both_sets_of_keys() {
        let old = r#"{"date":"2015-06-05T17:35:28.454Z","user":"hal8000","text":"knock knock"}"#;
        let read: ArchiveMessage = serde_json::from_str(old).unwrap();
        assert_eq!(
            (read.timestamp, read.from.as_str()),
            (1_433_525_728_454, "hal8000")
        );
        let new = r#"{"timestamp":5,"from":"x","text":"waves","type":"action"}"#;
        assert_eq!(
            serde_json::from_str::<ArchiveMessage>(new).unwrap().kind,
            MessageType::Action
        );
    }

    #[test]
    fn every_type_keeps_its_name() {
        for (kind, name) in NAMES {
            assert_eq!(kind.name(), name);
            assert_eq!(String::from(kind.clone()), name);
            assert_eq!(MessageType::from(name.to_owned()), kind);
        }
        let poll = MessageType::from("poll".to_owned());
        assert_eq!(poll, MessageType::Other("poll".to_owned()));
        assert_eq!(
            (poll.name(), String::from(poll.clone())),
            ("poll", "poll".into())
        );
    }

    #[test]
    fn what_others_wrote_stays_whatever_it_is() {
        for value in [
            json!({"id": "1", "timestamp": 5, "from": "x", "text": "which?", "type": "poll", "options": [1, {"a": null}]}),
            json!({"timestamp": 5, "from": "x", "text": "y", "type": "text", "id": 7, "replyTo": {"deep": 1}, "ref": null,
                "emoji": 1, "clientId": "not an id", "removed": "yes"}),
            json!({"id": "2", "timestamp": 5, "from": "x", "text": "reacted", "type": "reaction", "ref": "1", "emoji": "👍",
                "removed": true}),
            json!({"id": "3", "timestamp": 5, "from": "x", "text": "y", "type": "text", "replyTo": "1", "clientId": "c:1"}),
        ] {
            let read: ArchiveMessage = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), value);
            // As it is on the wire: nothing twice.
            let text = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<ArchiveMessage>(&text).unwrap(), read);
            assert_eq!(text.matches("\"type\"").count(), 1);
        }
        // What would be written twice is not kept twice.
        let wrong = json!({"timestamp": "soon", "from": 7, "text": [], "type": {}});
        let read: ArchiveMessage = serde_json::from_value(wrong).unwrap();
        assert!(read.rest.is_empty());
        assert_eq!(read.kind, MessageType::Text);
    }
}
