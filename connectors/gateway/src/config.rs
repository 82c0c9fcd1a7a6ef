//! The gateway's configuration and limits.

use std::path::PathBuf;
use std::time::Duration;

/// Configuration of a [`crate::Gateway`].
#[derive(Clone)]
pub struct GatewayConfig {
    /// The connector's id as known to the functions.
    pub id: String,
    /// The key shared with the functions: signs requests and checks tickets.
    pub key: Vec<u8>,
    /// Origin of the functions, `https://chat.example.org`.
    pub functions: String,
    /// Origin at which browsers reach this gateway; if set, the gateway registers itself with the functions.
    pub public_url: Option<String>,
    /// Folder of the spool; created if missing.
    pub spool: PathBuf,
    /// Origins whose pages may use the gateway; empty means any.
    pub origins: Vec<String>,
    /// Take a client's address from the last entry of `x-forwarded-for`: set this only behind a reverse proxy that
    /// appends to that header.
    pub behind_proxy: bool,
    /// Limits.
    pub limits: Limits,
}

impl GatewayConfig {
    /// Creates a configuration with default limits that accepts pages of every origin.
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

/// Limits of a [`crate::Gateway`]; the defaults suit an installation with a few thousand accounts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest Socket.IO message from a client, in bytes. Sockethub's own limit is 262,144.
    pub payload: u64,
    /// Packets that may be queued for a slow client; beyond this the socket is closed.
    pub socket_queue: usize,
    /// Bytes that may be queued for a slow client; beyond this the socket is closed.
    pub socket_bytes: usize,
    /// Events a socket may send per [`Limits::EVENT_WINDOW`].
    pub events: u32,
    /// How long a socket that sent more is ignored.
    pub block: Duration,
    /// Open sockets per account.
    pub sockets_per_account: usize,
    /// Open sockets per address. Many people may share an address, so this is generous.
    pub sockets_per_ip: usize,
    /// Socket.IO sessions in total.
    pub sessions_open: usize,
    /// Socket.IO sessions without a proven ticket, in total.
    pub unproven: usize,
    /// Socket.IO sessions without a proven ticket, per address.
    pub unproven_per_ip: usize,
    /// How long a Socket.IO session may take to connect to a namespace.
    pub connecting: Duration,
    /// How long a client may take to send a request body.
    pub body: Duration,
    /// How long a WebSocket may stay open without a ticket.
    pub stranger: Duration,
    /// Client requests that may be queued for one connection.
    pub requests: usize,
    /// Recent activities that a connection keeps for returning devices.
    pub recent: usize,
    /// Outputs of a connection that may be waiting to become durable.
    pub in_flight: usize,
    /// Bytes the spool may use on disk; when it is full, nothing more is accepted.
    pub spool_bytes: u64,
    /// Size at which a spool segment is closed, in bytes.
    pub segment_bytes: u64,
    /// Bytes that one account's messages may use while its archive cannot be written, or is written more slowly than
    /// they arrive.
    pub deferred_bytes: u64,
    /// Maximum events per batch sent to the functions.
    pub batch_events: usize,
    /// Maximum bytes per batch sent to the functions.
    pub batch_bytes: usize,
    /// Minimum interval between batches, so that writes to archives are grouped.
    pub publish_interval: Duration,
    /// Maximum time messages wait in the spool for more, so that archives are written rarely. When someone reads an
    /// archive through the functions, its messages are published at once.
    pub publish_age: Duration,
    /// Maximum delay before a failed operation is retried.
    pub retry: Duration,
    /// Maximum delay before retrying an account whose archive cannot be written.
    pub deferred_retry: Duration,
    /// How often the list of connections is fetched, plus up to a fifth.
    pub refresh: Duration,
    /// How often the functions are asked whether sessions have ended, plus up to a half.
    pub sessions: Duration,
    /// How long a session or call stays trusted after the functions last confirmed it, while they cannot be reached:
    /// its sockets stay open and may reconnect. This should be longer than a restart of the functions takes, and no
    /// longer than a signed-out user may keep access if only this gateway cannot reach the functions.
    pub believed: Duration,
    /// How often the task queue is polled, plus up to a half, if no wake arrives.
    pub outbox: Duration,
    /// How long a task waits for its connection before it is refused.
    pub task_age: Duration,
    /// How long a task in progress may report nothing before it is retried.
    pub task_silence: Duration,
    /// How long a connection may take to stop.
    pub stop: Duration,
    /// How long after a start, from the functions' first response on, an account waits until they have the changes to
    /// its connections that the spool has left: what they assign to it is out of date until then. This should be longer
    /// than [`Limits::retry`].
    pub settling: Duration,
    /// How long shutdown publishes the spool's content. The rest stays in the spool.
    pub flush: Duration,
}

impl Limits {
    /// The window over which [`Limits::events`] are counted.
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
            settling: Duration::from_secs(60),
            flush: Duration::from_secs(5),
        }
    }
}
