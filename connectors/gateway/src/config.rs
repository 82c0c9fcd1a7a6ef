//! What the gateway is told when it starts, and its limits.

use std::path::PathBuf;
use std::time::Duration;

/// Configuration of a [`crate::Gateway`].
#[derive(Clone)]
pub struct GatewayConfig {
    /// The connector's id, as the functions know it.
    pub id: String,
    /// The key shared with the functions: signs requests and checks tickets.
    pub key: Vec<u8>,
    /// Origin of the functions, `https://chat.example.org`.
    pub functions: String,
    /// Origin at which browsers reach this gateway: with it the gateway registers itself at the functions.
    pub public_url: Option<String>,
    /// Folder of the spool; made if missing.
    pub spool: PathBuf,
    /// Origins whose pages may use the gateway; empty means any.
    pub origins: Vec<String>,
    /// Take a client's address from the last entry of `x-forwarded-for`: set it only behind a
    /// reverse proxy that appends to that header.
    pub behind_proxy: bool,
    /// Bounds.
    pub limits: Limits,
}

impl GatewayConfig {
    /// Makes a configuration with default limits, open to pages of every origin.
    #[must_use]
    pub fn new(id: &str, key: &[u8], functions: &str, spool: impl Into<PathBuf>) -> Self {
        Self {
            id: id.to_owned(),
            key: key.to_vec(),
            functions: functions.to_owned(),
            public_url: None,
            spool: spool.into(),
            origins: Vec::new(),
            behind_proxy: false,
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for GatewayConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayConfig")
            .field("id", &self.id)
            .field("functions", &self.functions)
            .field("spool", &self.spool)
            .finish_non_exhaustive()
    }
}

/// Bounds of a [`crate::Gateway`]; the defaults suit an installation of some thousand accounts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest Socket.IO message of a client, bytes. Sockethub's own is 262,144.
    pub payload: u64,
    /// Packets that may wait for a slow client; beyond it the socket is closed.
    pub socket_queue: usize,
    /// Bytes that may wait for a slow client; beyond it the socket is closed.
    pub socket_bytes: usize,
    /// Events a socket may send in [`Limits::EVENT_WINDOW`].
    pub events: u32,
    /// How long a socket that sent more is not heard.
    pub block: Duration,
    /// Open sockets of one account.
    pub sockets_per_account: usize,
    /// Open sockets of one address. Many people may share an address, so it is generous.
    pub sockets_per_ip: usize,
    /// Sessions of Socket.IO, in all.
    pub sessions_open: usize,
    /// Sessions of Socket.IO that have shown no ticket, in all.
    pub unproven: usize,
    /// Sessions of Socket.IO that have shown no ticket, of one address.
    pub unproven_per_ip: usize,
    /// How long a session of Socket.IO may take until it is connected to a namespace.
    pub connecting: Duration,
    /// How long a client may take to send the body of a request.
    pub body: Duration,
    /// How long a WebSocket may show no ticket.
    pub stranger: Duration,
    /// Requests of clients that may wait for one connection.
    pub requests: usize,
    /// Recent activities that a connection keeps for devices that return.
    pub recent: usize,
    /// Outputs of a connection that may wait to be durable.
    pub in_flight: usize,
    /// Bytes the spool may take on disk; when it is full nothing more is accepted.
    pub spool_bytes: u64,
    /// Size at which a segment of the spool is closed, bytes.
    pub segment_bytes: u64,
    /// Bytes that messages of one account may take while its archive cannot be written.
    pub deferred_bytes: u64,
    /// Most events in one batch to the functions.
    pub batch_events: usize,
    /// Most bytes in one batch to the functions.
    pub batch_bytes: usize,
    /// Least time between batches, so that writes to archives are grouped.
    pub publish_interval: Duration,
    /// Longest time for which what was said waits in the spool for more, so that archives are written seldom. Who reads
    /// an archive through the functions has it published at once.
    pub publish_age: Duration,
    /// Longest pause before something that failed is tried again.
    pub retry: Duration,
    /// Longest pause before messages of an account whose archive cannot be written are sent again.
    pub deferred_retry: Duration,
    /// How often the list of connections is fetched, plus up to a fifth.
    pub refresh: Duration,
    /// How often the functions are asked whether sessions ended, plus up to a half.
    pub sessions: Duration,
    /// How long a session or call is believed after the functions confirmed it, while they cannot be asked: its sockets
    /// stay and may come back. Longer than they take to start anew, and no longer than somebody who signed out may be
    /// heard where we are the only ones who cannot reach them.
    pub believed: Duration,
    /// How often the queue of tasks is looked into, plus up to a half, if nobody wakes us.
    pub outbox: Duration,
    /// For how long a task waits for its connection before it is refused.
    pub task_age: Duration,
    /// How long nothing may be heard of a task that is being said before it is tried again.
    pub task_silence: Duration,
    /// How long a connection may take to end.
    pub stop: Duration,
    /// How long nothing of the spool may be published when the gateway shuts down; twelve times as long may pass in all.
    pub flush: Duration,
}

impl Limits {
    /// The window in which [`Limits::events`] are counted.
    pub const EVENT_WINDOW: Duration = Duration::from_secs(1);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload: 262_144,
            socket_queue: 8_192,
            socket_bytes: 4 << 20,
            events: 100,
            block: Duration::from_secs(5),
            sockets_per_account: 64,
            sockets_per_ip: 256,
            sessions_open: 16_384,
            unproven: 1_024,
            unproven_per_ip: 64,
            connecting: Duration::from_secs(10),
            body: Duration::from_secs(20),
            stranger: Duration::from_secs(15),
            requests: 4_096,
            recent: 1_000,
            in_flight: 1_024,
            spool_bytes: 1 << 30,
            segment_bytes: 8 << 20,
            deferred_bytes: 64 << 20,
            batch_events: 500,
            batch_bytes: 512 << 10,
            publish_interval: Duration::from_millis(500),
            publish_age: Duration::from_secs(300),
            retry: Duration::from_secs(30),
            deferred_retry: Duration::from_secs(300),
            refresh: Duration::from_secs(60),
            sessions: Duration::from_secs(10),
            believed: Duration::from_secs(60),
            outbox: Duration::from_secs(10),
            task_age: Duration::from_secs(24 * 60 * 60),
            task_silence: Duration::from_secs(10 * 60),
            stop: Duration::from_secs(5),
            flush: Duration::from_secs(5),
        }
    }
}
