//! The interface between a platform (IRC, …) and the gateway: one always-on connection per task.
//!
//! The gateway sends [`Command`]s and receives [`Output`]s, each in order. It makes every [`Output::Activity`]
//! durable before anyone sees it and before the [`Output::Done`] that follows is sent.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{Activity, Assignment, EventBody, PlatformDescriptor, Timestamp};
use tokio::sync::mpsc;

/// The key in `last_seen` that stands for all persons.
pub const PERSONS: &str = "*";

/// Identifies a client's socket.
pub type SocketId = u64;

/// Identifies a client's request until it is done.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u64);

/// The requester: a socket, or nobody who waits for an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attached {
    /// The socket.
    pub socket: SocketId,
    /// Whether it is in full mode (see `SOCKETHUB.md`).
    pub full: bool,
}

/// Commands from the gateway to a connection.
///
/// They are small: a queue reserves room for dozens, for each connection.
#[derive(Debug)]
pub enum Command {
    /// A socket attached: send it the state, to this socket only, then [`Output::Done`].
    Attach {
        /// Answered when the connection is online (immediately for a full-mode socket).
        request: RequestId,
        /// The socket.
        socket: Attached,
    },
    /// The number of attached sockets changed; with none, the account is marked as away.
    Audience {
        /// The number of sockets.
        sockets: usize,
    },
    /// Perform a client's request (send, join, leave, update, query, invite, add, remove); answered by
    /// [`Output::Done`].
    Perform {
        /// Identifies the request in the answer.
        request: RequestId,
        /// The requester.
        socket: Attached,
        /// Validated: has an actor, and a target and object where its type requires them.
        activity: Box<Activity>,
    },
    /// Send the lines of a task, each exactly once if the network makes that possible; answered by [`Output::Said`].
    Say {
        /// Identifies the request in the answers.
        request: RequestId,
        /// What to send.
        saying: Box<SayTask>,
    },
    /// The connection's record changed (nick, channels, address): adapt, reconnecting if necessary.
    Reassign(Box<Assignment>),
    /// Leave the network with this text and end.
    Stop {
        /// The quit message.
        reason: String,
    },
}

/// A task that sends messages.
#[derive(Clone, Debug)]
pub struct SayTask {
    /// The task's id.
    pub id: String,
    /// What it sends.
    pub say: protocol::Say,
    /// Parts known to have been sent, see [`TaskOutcome::Part`].
    pub said: Vec<usize>,
    /// When it was started earlier, if it was; then parts not known to have been sent may have been sent anyway.
    pub begun: Option<Timestamp>,
}

/// The outcome of a task or of one of its parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TaskOutcome {
    /// This part (a line on the network) was sent and recorded. How a task is divided into parts depends on the task
    /// alone, so that part numbers mean the same after a restart.
    Part(usize),
    /// All parts were sent.
    Done,
    /// It can never be sent, with the reason.
    Refused(String),
    /// It cannot be sent now, with the reason; retry later.
    Later(String),
    /// The connection ended unexpectedly while sending it, possibly because of it; reported by the gateway itself.
    Lost(String),
}

/// Which of the account's sockets on this connection receive an activity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// All.
    All,
    /// All but one, which receives the ack.
    Except(SocketId),
    /// Only one.
    Only(SocketId),
    /// Full-mode sockets only.
    Full,
}

/// What a record implies for the `last_seen` of [`Platform::start`]. Missed messages are recorded late, after newer
/// ones; a process killed in between must ask again from before the gap.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    /// Nothing in the record's own room, or from its person, is missing up to the record's time.
    pub target: bool,
    /// Nothing written to the account by any person is missing up to the record's time.
    pub persons: bool,
}

impl Seen {
    /// Nothing is missing.
    pub const ALL: Self = Self {
        target: true,
        persons: true,
    };
}

/// Outputs of a connection.
#[derive(Debug)]
pub enum Output {
    /// Something happened.
    Activity {
        /// In the current dialect, with room ids like `#chan@server` (the room's name first). Boxed because most
        /// outputs are small.
        activity: Box<Activity>,
        /// Its recipients.
        audience: Audience,
        /// What must be durable first, with ids that stay the same on repetition.
        records: Vec<(String, EventBody)>,
        /// What is known to be recorded once these records are.
        seen: Seen,
    },
    /// A task's outcome; the last one is not [`TaskOutcome::Part`].
    Said {
        /// The request.
        request: RequestId,
        /// The outcome.
        said: TaskOutcome,
    },
    /// A request is done.
    Done {
        /// The request.
        request: RequestId,
        /// The ack: the resulting activity, or one sentence for users about what went wrong.
        result: Result<Box<Activity>, String>,
    },
}

/// A running connection.
#[derive(Debug)]
pub struct ConnectionHandle {
    /// Accepts commands; closed when the connection has ended.
    pub commands: mpsc::Sender<Command>,
    /// Yields outputs; ends when the connection has ended.
    pub outputs: mpsc::Receiver<Output>,
}

/// A kind of network.
pub trait Platform: Send + Sync + 'static {
    /// The platform's description of itself; requested once.
    fn descriptor(&self) -> PlatformDescriptor;

    /// The activity types it understands, for `schemas`.
    fn types(&self) -> &'static [&'static str];

    /// Creates a connection record from the `object` of the `credentials` that a client sent for `actor`
    /// (`nick@server`).
    ///
    /// # Errors
    /// One sentence saying which part of the credentials is invalid.
    fn credentials(
        &self,
        actor: &protocol::PersonId,
        object: &serde_json::Value,
    ) -> Result<protocol::Connection, String>;

    /// Starts an always-on connection: it connects, reconnects and rejoins by itself until stopped. For each room or
    /// nickname, in the connection's spelling, `last_seen` is the time up to which everything has been recorded, so
    /// that servers with history can be asked for missed messages; under [`PERSONS`] it is that time for all persons'
    /// messages.
    fn start(
        &self,
        assignment: Assignment,
        last_seen: Vec<(String, Timestamp)>,
    ) -> ConnectionHandle;
}

/// A platform with its descriptor.
#[derive(Clone)]
pub(crate) struct Offered {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) info: Arc<PlatformInfo>,
}

impl Offered {
    pub(crate) fn new(platform: Arc<dyn Platform>) -> Self {
        let info = Arc::new(PlatformInfo {
            descriptor: platform.descriptor(),
            types: platform.types(),
        });
        Self { platform, info }
    }
}

/// The parts of a platform that requests and activities need.
#[derive(Debug)]
pub(crate) struct PlatformInfo {
    pub(crate) descriptor: PlatformDescriptor,
    pub(crate) types: &'static [&'static str],
}

impl PlatformInfo {
    pub(crate) fn id(&self) -> &str {
        &self.descriptor.id
    }
}

/// The platforms the gateway offers.
pub(crate) struct Platforms {
    by_id: HashMap<String, Offered>,
    /// In the order they were given.
    infos: Vec<Arc<PlatformInfo>>,
}

impl Platforms {
    pub(crate) fn new(platforms: Vec<Arc<dyn Platform>>) -> Self {
        let platforms: Vec<Offered> = platforms.into_iter().map(Offered::new).collect();
        Self {
            infos: platforms.iter().map(|one| Arc::clone(&one.info)).collect(),
            by_id: platforms
                .into_iter()
                .map(|one| (one.info.id().to_owned(), one))
                .collect(),
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Offered> {
        self.by_id.get(id)
    }

    pub(crate) fn infos(&self) -> &[Arc<PlatformInfo>] {
        &self.infos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_in_queues_is_small() {
        assert!(size_of::<Command>() <= 48, "{}", size_of::<Command>());
        assert!(size_of::<Output>() <= 64, "{}", size_of::<Output>());
    }
}
