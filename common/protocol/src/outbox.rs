//! What functions ask of connectors: tasks that wait in a durable queue until they are done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AccountName, ConnectionId, OutgoingMail, RefusedEvent};

/// Client-only message tag of IRC on a line of a task: `<task>/<line>`. The server of Subspace says such a line
/// once only for an account, however often it is sent, and answers with the echo of the first; on
/// other servers it tells in their history which lines were said.
pub const TASK_TAG: &str = "+subspace.chat/task";

/// Answer to `GET /connector/outbox`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Outbox {
    /// The oldest tasks of this connector, in order.
    pub items: Vec<OutboxItem>,
    /// There are more than these.
    #[serde(default)]
    pub more: bool,
}

/// A task. It stays in the queue, and is handed out again, until the connector says that it is done; whoever
/// does it remembers its id so as not to do it twice.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct OutboxItem {
    /// Unique; sorts by the time at which the task was made.
    pub id: String,
    /// What to do.
    #[serde(flatten)]
    pub task: OutboxTask,
}

/// What to do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "task", rename_all = "lowercase")]
pub enum OutboxTask {
    /// Say something in a channel or to a person.
    Say(Say),
    /// Send a mail.
    Mail(OutgoingMail),
    /// Publish what is held of an account's messages: somebody reads its archive, and the connector could not be told.
    Publish(Publish),
}

/// Whose messages are to be published.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Publish {
    /// The account.
    pub account: AccountName,
}

/// Lines for a channel or a person, said over an account's connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Say {
    /// Whose connection.
    pub account: AccountName,
    /// Which connection.
    pub connection: ConnectionId,
    /// Channel or nickname, as in the connection's `channels`.
    pub target: String,
    /// Who speaks: a nickname without blanks, shown where the network can relay it.
    pub from: String,
    /// One line each, without control characters; at most [`Say::MAX_LINES`].
    pub lines: Vec<String>,
    /// As notices, which no bot answers.
    #[serde(default)]
    pub notice: bool,
    /// What it was made from, `hooks/<hook>/<delivery>`, so that its outcome can be reported there.
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

/// Answer to `POST /connector/maintain`: whether it was time for it, and what could not be done.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Maintenance {
    /// Whether a round was due; if not, nothing was done.
    pub due: bool,
    /// What failed, by what it was, with the reason. It is tried again in the next round.
    #[serde(default)]
    pub failed: BTreeMap<String, String>,
}
