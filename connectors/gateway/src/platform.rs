//! What a platform (IRC, …) offers to the gateway: one always-on connection a task.
//!
//! The gateway sends [`Command`]s and receives [`Output`]s, each in order. It makes every
//! [`Output::Activity`] durable before anybody sees it and before the [`Output::Done`] that follows is sent.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{Activity, Assignment, EventBody, PlatformDescriptor, Timestamp};
use tokio::sync::mpsc;

/// The key of `last_seen` that stands for every person.
pub const PERSONS: &str = "*";

/// Names one socket of a client.
pub type SocketId = u64;

/// Names one request of a client until it is done.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u64);

/// Who asks: a socket, or nobody who waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attached {
    /// The socket.
    pub socket: SocketId,
    /// Whether it is in mode full (see `SOCKETHUB.md`).
    pub full: bool,
}

/// What the gateway asks of a connection.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "most commands are requests, and few wait at a time"
)]
pub enum Command {
    /// A socket came: send it the state, to this socket only, then [`Output::Done`].
    Attach {
        /// Answered when the connection is online (at once for a full socket).
        request: RequestId,
        /// The socket.
        socket: Attached,
    },
    /// The number of sockets that are attached changed; with none the account is marked away.
    Audience {
        /// How many.
        sockets: usize,
    },
    /// Do what a client asks (send, join, leave, update, query, invite, add, remove); answered by [`Output::Done`].
    Perform {
        /// Names the request in the answer.
        request: RequestId,
        /// Who asks.
        socket: Attached,
        /// Validated: has an actor, and target and object where its type needs them.
        activity: Activity,
    },
    /// Say the lines of a task, each exactly once if the network makes that possible; answered by [`Output::Said`].
    Say {
        /// Names the request in the answers.
        request: RequestId,
        /// What to say.
        saying: Box<SayTask>,
    },
    /// The record of the connection changed (nick, channels, address): adapt, reconnecting if needed.
    Reassign(Box<Assignment>),
    /// Leave the network with this text and end.
    Stop {
        /// Said on the network.
        reason: String,
    },
}

/// A task that is to be said.
#[derive(Clone, Debug)]
pub struct SayTask {
    /// The task's id.
    pub id: String,
    /// What it says.
    pub say: protocol::Say,
    /// Parts that are known to be said, see [`TaskOutcome::Part`].
    pub said: Vec<usize>,
    /// When it was begun before; what is not known to be said may be said all the same then.
    pub begun: Option<Timestamp>,
}

/// What becomes of a task.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TaskOutcome {
    /// This part (a line of the network) is said and recorded. How a task is cut into parts follows from the task
    /// alone, so that their numbers mean the same after a restart.
    Part(usize),
    /// All parts are said.
    Done,
    /// It can never be said, and why.
    Refused(String),
    /// It cannot be said now, and why; try again.
    Later(String),
    /// The connection ended unexpectedly while it was being said, perhaps because of it; the gateway tells this itself.
    Lost(String),
}

/// To whom an activity goes, among the account's sockets on this connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// All.
    All,
    /// All but one that is told by its ack.
    Except(SocketId),
    /// Only one.
    Only(SocketId),
    /// Full sockets only.
    Full,
}

/// What follows from a record for [`Platform::start`]'s `last_seen`. What was missed is recorded late, after
/// what is said meanwhile; whoever is killed in between must ask again from before the gap.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    /// Nothing of the record's own room or person is missing up to the record's time.
    pub target: bool,
    /// Nothing that anybody wrote to the account is missing up to the record's time.
    pub persons: bool,
}

impl Seen {
    /// Nothing is missing.
    pub const ALL: Self = Self {
        target: true,
        persons: true,
    };
}

/// What a connection says.
#[derive(Debug)]
pub enum Output {
    /// Something happened.
    Activity {
        /// In the current dialect, room ids as `#chan@server` (the name of the room first). Boxed: most outputs are small.
        activity: Box<Activity>,
        /// Who gets it.
        audience: Audience,
        /// What must be durable first, with ids that are the same if it happens again.
        records: Vec<(String, EventBody)>,
        /// What is known to be recorded once these records are.
        seen: Seen,
    },
    /// Something became of a task; the last one is not [`TaskOutcome::Part`].
    Said {
        /// Which.
        request: RequestId,
        /// What.
        said: TaskOutcome,
    },
    /// A request is done; the text is for people.
    Done {
        /// Which.
        request: RequestId,
        /// The ack: the resulting activity, or one sentence about what went wrong.
        result: Result<Box<Activity>, String>,
    },
}

/// A connection that runs.
#[derive(Debug)]
pub struct ConnectionHandle {
    /// Takes commands; closed when the connection has ended.
    pub commands: mpsc::Sender<Command>,
    /// Gives outputs; ends when the connection has ended.
    pub outputs: mpsc::Receiver<Output>,
}

/// A kind of network.
pub trait Platform: Send + Sync + 'static {
    /// The platform's description of itself; asked once.
    fn descriptor(&self) -> PlatformDescriptor;

    /// The types of activities it understands, for `schemas`.
    fn types(&self) -> &'static [&'static str];

    /// Makes a connection record from the `object` of `credentials` that a client sent for `actor`
    /// (`nick@server`).
    ///
    /// # Errors
    /// One sentence that says which part of the credentials is wrong.
    fn credentials(
        &self,
        actor: &protocol::PersonId,
        object: &serde_json::Value,
    ) -> Result<protocol::Connection, String>;

    /// Starts an always-on connection: it connects, reconnects and rejoins by itself until it is
    /// stopped. `last_seen` tells, per room or nickname in the connection's spelling, up to when everything
    /// is already recorded, so that servers with history can be asked for what was missed; under
    /// [`PERSONS`] up to when that is so of everything that persons wrote.
    fn start(
        &self,
        assignment: Assignment,
        last_seen: Vec<(String, Timestamp)>,
    ) -> ConnectionHandle;
}

/// A platform with its description of itself.
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

/// A platform as far as requests and activities are concerned.
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

/// The platforms that the gateway offers.
pub(crate) struct Platforms {
    by_id: HashMap<String, Offered>,
    /// In the order in which they were given.
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
