//! Tasks from the functions to connectors, which wait in a durable queue until they are done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AccountName, ConnectionId, OutgoingMail, RefusedEvent};

/// Client-only IRC message tag on a line of a task: `<task>/<line>`. Subspace's server posts such a line only once per
/// account, however often it is sent, and responds with the echo of the first; on other servers their history shows
/// which lines were posted.
pub const TASK_TAG: &str = "+subspace.chat/task";

/// Response to `GET /connector/outbox`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Outbox {
    /// The oldest tasks of this connector, in order.
    pub items: Vec<OutboxItem>,
    /// Whether there are more.
    #[serde(default)]
    pub more: bool,
}

/// A task. It stays in the queue, and is returned again, until the connector reports that it is done; the connector
/// remembers its id so as not to do it twice.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct OutboxItem {
    /// Unique; sorts by the time at which the task was created.
    pub id: String,
    /// What to do.
    #[serde(flatten)]
    pub task: OutboxTask,
}

/// What to do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "task", rename_all = "lowercase")]
pub enum OutboxTask {
    /// Post lines in a channel or to a person.
    Say(Say),
    /// Send a mail.
    Mail(OutgoingMail),
    /// Publish the messages held for an account: its archive is being read, and the connector could not be notified.
    Publish(Publish),
}

/// The account whose messages are to be published.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Publish {
    /// The account.
    pub account: AccountName,
}

/// Lines for a channel or a person, posted over an account's connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Say {
    /// The account of the connection.
    pub account: AccountName,
    /// The connection.
    pub connection: ConnectionId,
    /// Channel or nickname, as in the connection's `channels`.
    pub target: String,
    /// The speaker: a nickname without blanks, shown where the network can relay it.
    pub from: String,
    /// One line each, without control characters; at most [`Say::MAX_LINES`].
    pub lines: Vec<String>,
    /// Whether to post as notices, to which no bot replies.
    #[serde(default)]
    pub notice: bool,
    /// The task's origin, `hooks/<hook>/<delivery>`, for which its outcome is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Say {
    /// The most lines of one task.
    pub const MAX_LINES: usize = 10;
    /// The longest line in bytes; connectors split it further where a network needs that.
    pub const MAX_LINE: usize = 2_000;
}

/// Body of `POST /connector/outbox`: the outcomes of tasks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct OutboxReceipt {
    /// Tasks that are done.
    #[serde(default)]
    pub done: Vec<String>,
    /// Tasks that can never be done, and why.
    #[serde(default)]
    pub refused: Vec<RefusedEvent>,
}

/// Response to `POST /connector/maintain`: whether a round was due, and what failed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Maintenance {
    /// Whether a round was due; if not, nothing was done.
    pub due: bool,
    /// What failed, keyed by its kind, with the reason. It is retried in the next round.
    #[serde(default)]
    pub failed: BTreeMap<String, String>,
}
