//! What connectors and functions exchange over `/connector/…`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountName, ArchiveMessage, ArchiveTarget, Connection, ConnectionId, Timestamp};

/// Body of `POST /connector/events`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct EventBatch {
    /// In the order in which they happened.
    pub events: Vec<Event>,
}

/// Something that happened on a connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Event {
    /// Unique; the same when the event is sent again.
    pub id: String,
    /// The account of the connection.
    pub account: AccountName,
    /// The connection.
    pub connection: ConnectionId,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened, told apart by `event`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[allow(clippy::large_enum_variant, reason = "nearly all events are messages")]
pub enum EventBody {
    /// A message to archive.
    Message {
        /// The server, as in the connection.
        server: String,
        /// The archive.
        target: ArchiveTarget,
        /// The entry; its id makes repeats harmless.
        message: ArchiveMessage,
        /// It was sent to the account, or mentions it, while no browser of the account was connected.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        missed: bool,
        /// When the message was sent that the entry is about, if that is known: it is in that day's document.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about_time: Option<Timestamp>,
    },
    /// The account joined a channel.
    Joined {
        /// The channel, optionally followed by a space and its key.
        channel: String,
    },
    /// The account left a channel.
    Left {
        /// The channel.
        channel: String,
    },
    /// The account's new preferred nickname.
    Nick {
        /// The nickname.
        nick: String,
    },
    /// Anything else: of a kind that is not known here, or with a field that is not what it should be. It passes as it is.
    #[serde(untagged)]
    Other(Value),
}

/// Response to `POST /connector/events`: every event is stored, except those permanently refused and those that have to
/// wait.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct EventReceipt {
    /// How many events were stored, including repeats.
    pub stored: usize,
    /// Events that can never be stored; sending them again is useless. The sender keeps them for the operator, except
    /// those of accounts in `removed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedEvent>,
    /// Accounts that were removed with all their data: their events are refused, and must not be kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<AccountName>,
    /// Accounts whose archive cannot be written at present: none of their messages in this batch was stored, but
    /// everything else was. Only their messages have to be sent again, later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitingAccount>,
    /// Accounts with external archives, which are read without a request that would make connectors publish: their
    /// messages have to be sent within a minute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<AccountName>,
}

/// An account whose messages cannot be stored at present.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct WaitingAccount {
    /// The account.
    pub account: AccountName,
    /// Why, in one sentence.
    pub reason: String,
    /// Seconds before a retry.
    pub retry_after: u64,
}

/// An event that can never be stored.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RefusedEvent {
    /// The event's id.
    pub id: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// Response to `GET /connector/assignments`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Assignments {
    /// Every enabled connection of this connector, or of one account with `?account=`.
    pub assignments: Vec<Assignment>,
    /// Accounts whose connections cannot be read at the moment: the connector leaves theirs unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<AccountName>,
}

/// A connection that the connector maintains, with its secret in clear text.
///
/// Also the body of `POST /connector/assignments`, with which a connector stores a connection that a Sockethub client
/// started with its own credentials.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Assignment {
    /// The account.
    pub account: AccountName,
    /// The connection.
    pub connection: Connection,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_that_nobody_knows_fails_nothing_and_stays_as_it_is() {
        let known = json!({"id": "1", "account": "alice", "connection": "c", "event": "left", "channel": "#a"});
        for other in [
            json!({"id": "2", "account": "alice", "connection": "c", "event": "vote", "for": [1, 2.5, null]}),
            json!({"id": "3", "account": "alice", "connection": "c", "event": "message", "server": 7}),
            json!({"id": "4", "account": "alice", "connection": "c"}),
        ] {
            let batch = json!({"events": [known, other, known]});
            let read: EventBatch = serde_json::from_value(batch.clone()).unwrap();
            assert!(
                matches!(read.events[1].body, EventBody::Other(_)),
                "{other}"
            );
            assert!(matches!(read.events[2].body, EventBody::Left { .. }));
            assert_eq!(serde_json::to_value(&read).unwrap(), batch);
            let text = batch.to_string();
            assert_eq!(serde_json::from_str::<EventBatch>(&text).unwrap(), read);
        }
    }
}
