//! What connectors and functions exchange over `/connector/…`.

use serde::{Deserialize, Serialize};

use crate::{AccountName, ArchiveMessage, ArchiveTarget, Connection, ConnectionId};

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
    /// Whose connection.
    pub account: AccountName,
    /// Which connection.
    pub connection: ConnectionId,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum EventBody {
    /// Something to archive.
    Message {
        /// The server, as in the connection.
        server: String,
        /// Whose archive.
        target: ArchiveTarget,
        /// The entry; its id makes repeats harmless.
        message: ArchiveMessage,
        /// Somebody wrote it to the account, or mentioned it, while no browser of the account was there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        missed: bool,
    },
    /// The account is in a channel from now on.
    Joined {
        /// The channel, with its key after a space if it has one.
        channel: String,
    },
    /// The account is no longer in a channel.
    Left {
        /// The channel.
        channel: String,
    },
    /// The account wants this nickname from now on.
    Nick {
        /// The nickname.
        nick: String,
    },
}

/// Answer to `POST /connector/events`: every event is stored, but for those permanently refused and those that
/// have to wait.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct EventReceipt {
    /// How many events were stored, repeats included.
    pub stored: usize,
    /// Events that can never be stored; sending them again is useless. Whoever sent them keeps them for the operator, but
    /// for those of accounts in `removed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedEvent>,
    /// Accounts that were removed, with all that they had: their events are refused, and nobody is to keep them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<AccountName>,
    /// Accounts whose archive cannot be written at present: of their events in this batch no message was
    /// stored, but everything else was. Their messages are to be sent again, later; nobody else's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitingAccount>,
    /// Accounts whose archives are at another server, where they are read without anybody asking for what is not written yet:
    /// it is to be sent within a minute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<AccountName>,
}

/// An account whose messages cannot be stored at present.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct WaitingAccount {
    /// Whose.
    pub account: AccountName,
    /// Why, one sentence.
    pub reason: String,
    /// Seconds until it is worth trying again.
    pub retry_after: u64,
}

/// An event that can never be stored.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RefusedEvent {
    /// The event's id.
    pub id: String,
    /// Why, one sentence.
    pub reason: String,
}

/// Answer to `GET /connector/assignments`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Assignments {
    /// Every enabled connection of this connector, or of one account with `?account=`.
    pub assignments: Vec<Assignment>,
    /// Accounts whose connections cannot be read just now: those that the connector keeps stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<AccountName>,
}

/// A connection that the connector keeps, with its secret in clear.
///
/// Also the body of `POST /connector/assignments`, by which a connector has a connection
/// remembered that a Sockethub client started with credentials of its own.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Assignment {
    /// Whose.
    pub account: AccountName,
    /// The connection.
    pub connection: Connection,
}
