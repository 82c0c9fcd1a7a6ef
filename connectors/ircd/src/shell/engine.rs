//! The task that owns the state machine: passes it inputs and carries out its outputs.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mutex::lock;
use protocol::{SessionRef, Timestamp};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::checks::{Checked, Checks};
use super::outgoing::Outgoing;
use crate::accounts::Accounts;
use crate::config::Limits;
use crate::query::Query;
use crate::server::{AppendId, ClientId, Departure, Now, Output, Peer, Server, Statistics};
use crate::store::{Reply, Request};

/// Appends that may be in progress before clients have to wait.
const MAX_PENDING: usize = 512;

/// Bytes that may be queued for any client, however much is queued for all.
const SHARE: usize = 64 << 10;

/// How long a stopping server waits for its disk.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Inputs of the engine.
#[derive(Debug)]
pub(super) enum Input {
    /// A client connected.
    Connected {
        id: ClientId,
        peer: Peer,
        outgoing: Arc<Outgoing>,
        credits: Arc<Semaphore>,
    },
    /// It sent a line; `None` if it was too long.
    Line { id: ClientId, line: Option<Vec<u8>> },
    /// It has read most of what was queued.
    Drained { id: ClientId },
    /// Requests the credentials of all signed-in clients.
    SignedIn {
        tell: oneshot::Sender<BTreeSet<SessionRef>>,
    },
    /// These credentials are no longer valid.
    Ended { sessions: BTreeSet<SessionRef> },
    /// It disconnected.
    Closed { id: ClientId, how: Departure },
}

/// The engine's state of a connection.
#[derive(Debug)]
struct Connection {
    outgoing: Arc<Outgoing>,
    credits: Arc<Semaphore>,
    /// Lines received while it was busy; bounded by the credits.
    lines: VecDeque<Option<Vec<u8>>>,
    /// The query to run for it once it has read what it was sent.
    query: Option<Query>,
}

/// The engine.
pub(super) struct Engine {
    pub server: Server,
    pub store: std_mpsc::Sender<Request>,
    pub sendq: usize,
    pub sendq_in_all: usize,
    pub statistics: Arc<Mutex<Statistics>>,
    started: Instant,
    connections: HashMap<ClientId, Connection>,
    /// Clients whose lines wait until less waits for the disk.
    held: BTreeSet<ClientId>,
    checks: Checks,
}

impl Engine {
    pub(super) fn new(
        server: Server,
        accounts: Arc<dyn Accounts>,
        store: std_mpsc::Sender<Request>,
        limits: &Limits,
        started: Instant,
    ) -> Self {
        Self {
            server,
            store,
            sendq: limits.sendq,
            sendq_in_all: limits.sendq_in_all,
            statistics: Arc::default(),
            started,
            connections: HashMap::new(),
            held: BTreeSet::new(),
            checks: Checks::new(accounts),
        }
    }

    /// Runs until it is told to stop, or the store ends.
    pub(super) async fn run(
        mut self,
        mut inputs: mpsc::Receiver<Input>,
        mut replies: mpsc::UnboundedReceiver<Reply>,
        mut stop: oneshot::Receiver<()>,
    ) {
        let snapshot = self.server.state();
        self.ask(Request::Snapshot(Box::new(snapshot)));
        loop {
            self.perform();
            self.publish();
            let deadline = self
                .server
                .poll_timeout()
                .map(|ticks| self.started + Duration::from_millis(ticks));
            let open = self.server.pending() < MAX_PENDING && !self.is_full();
            tokio::select! {
                biased;
                _ = &mut stop => break,
                reply = replies.recv() => match reply {
                    Some(reply) => self.on_reply(reply),
                    None => break,
                },
                Some((id, result)) = self.checks.next() => {
                    let now = self.now();
                    match result {
                        Checked::Password(result) => {
                            self.server.handle_authenticated(id, result, now);
                        }
                        Checked::Names(result) => self.server.handle_names(id, result, now),
                    }
                    self.resume(id);
                }
                () = sleep_until(deadline.unwrap_or(self.started)), if deadline.is_some() => {
                    let now = self.now();
                    self.server.handle_timeout(now);
                }
                input = inputs.recv(), if open => match input {
                    Some(input) => self.on_input(input),
                    None => break,
                },
            }
        }
        self.finish(replies).await;
    }

    /// Tells everyone, waits for the disk, writes the snapshot.
    async fn finish(mut self, mut replies: mpsc::UnboundedReceiver<Reply>) {
        let now = self.now();
        self.server.handle_shutdown("The server is stopping", now);
        let state = self.server.state();
        self.perform();
        self.ask(Request::Snapshot(Box::new(state)));
        // The thread ends when there is nobody left to send requests.
        let (closed, _) = std_mpsc::channel();
        self.store = closed;
        let drain = async {
            while let Some(reply) = replies.recv().await {
                if let Reply::Stored(..) = &reply {
                    self.on_reply(reply);
                    self.perform();
                }
            }
        };
        if timeout(STOP_TIMEOUT, drain).await.is_err() {
            tracing::error!("the IRC server stopped before everything was on disk");
        }
        for connection in self.connections.values() {
            connection.outgoing.close();
        }
    }

    fn now(&self) -> Now {
        let ticks = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now {
            ticks,
            wall: wall_clock(),
        }
    }

    fn ask(&self, request: Request) {
        if self.store.send(request).is_err() {
            tracing::error!("the log of the IRC server has ended");
        }
    }

    fn publish(&self) {
        let mut shared = lock(&self.statistics);
        *shared = self.server.statistics();
    }

    /// Returns whether so much waits for the disk that no more lines are taken: they may ask for long answers without
    /// appending anything. All of it may be for one client, which must not be dropped for it once the disk works again.
    fn is_full(&self) -> bool {
        self.server.waiting() > self.sendq / 4
    }

    fn on_reply(&mut self, reply: Reply) {
        let now = self.now();
        match reply {
            Reply::Stored(ids, result) => {
                for id in ids {
                    self.server.handle_stored(AppendId(id), result, now);
                }
                for client in std::mem::take(&mut self.held) {
                    self.resume(client);
                }
            }
            Reply::Answer(client, answer) => {
                self.server.handle_history(client, answer, now);
                self.resume(client);
            }
            Reply::SnapshotDue => {
                let state = self.server.state();
                self.ask(Request::Snapshot(Box::new(state)));
            }
        }
    }

    fn on_input(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Connected {
                id,
                peer,
                outgoing,
                credits,
            } => {
                let connection = Connection {
                    outgoing,
                    credits,
                    lines: VecDeque::new(),
                    query: None,
                };
                self.connections.insert(id, connection);
                self.server.handle_connected(id, peer, now);
            }
            Input::Line { id, line } => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.lines.push_back(line);
                }
                self.resume(id);
            }
            Input::Drained { id } => {
                let query = self.connections.get_mut(&id).and_then(|c| c.query.take());
                if let Some(query) = query {
                    self.ask(Request::Query(id, query));
                }
                self.resume(id);
            }
            Input::SignedIn { tell } => {
                let _ = tell.send(self.server.signed_in());
            }
            Input::Ended { sessions } => self.server.handle_ended(&sessions, now),
            Input::Closed { id, how } => {
                self.connections.remove(&id);
                self.held.remove(&id);
                self.server.handle_closed(id, &how, now);
            }
        }
    }

    /// Handles a client's queued lines for as long as it is not busy and reads its answers.
    fn resume(&mut self, id: ClientId) {
        self.perform();
        // The credits limit how many appends this adds to those pending.
        while !self.server.is_busy(id) {
            let Some(connection) = self.connections.get_mut(&id) else {
                return;
            };
            if connection.lines.is_empty() {
                return;
            }
            if self.server.waiting() > self.sendq / 4 {
                self.held.insert(id);
                return;
            }
            if connection.outgoing.queued() > self.sendq / 4 {
                connection.outgoing.stall();
                // It may have drained just before it was asked to report that.
                if connection.outgoing.queued() > self.sendq / 8 {
                    return;
                }
            }
            let Some(line) = connection.lines.pop_front() else {
                return;
            };
            connection.credits.add_permits(1);
            let now = self.now();
            match line {
                Some(line) => self.server.handle_line(id, &line, now),
                None => self.server.handle_too_long(id, now),
            }
            self.perform();
        }
    }

    /// Carries out the server's actions.
    fn perform(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { to, line } => {
                    for &id in to.as_slice() {
                        self.send(id, line.as_bytes());
                    }
                }
                Output::Close { client } => {
                    if let Some(connection) = self.connections.remove(&client) {
                        connection.outgoing.close();
                    }
                }
                Output::Authenticate {
                    client,
                    name,
                    password,
                    address,
                } => {
                    // It may have disconnected since.
                    if self.connections.contains_key(&client) {
                        self.checks.password(client, name, password, address);
                    }
                }
                Output::Audit { by, what } => {
                    tracing::info!(by, what, "an administrator's command on the IRC server");
                }
                Output::Names { client, names } => self.checks.names(client, names),
                Output::Append { id, record } => self.ask(Request::Append(id, record)),
                Output::Query { client, query } => self.query(client, query),
            }
        }
    }

    /// Runs a query once the client has read most of what it was sent before.
    fn query(&mut self, client: ClientId, query: Query) {
        if let Some(connection) = self.connections.get_mut(&client)
            && connection.outgoing.queued() > self.sendq / 4
        {
            connection.outgoing.stall();
            // It may have drained just before it was asked to report that.
            if connection.outgoing.queued() > self.sendq / 8 {
                connection.query = Some(query);
                return;
            }
        }
        self.ask(Request::Query(client, query));
    }

    fn send(&mut self, id: ClientId, line: &[u8]) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let queued = connection.outgoing.push(line);
        let share = queued.all > self.sendq_in_all && queued.own > SHARE;
        if queued.own > self.sendq || share {
            connection.outgoing.abort();
            self.connections.remove(&id);
            let now = self.now();
            let how = Departure::Lost("SendQ exceeded".to_owned());
            self.server.handle_closed(id, &how, now);
        }
    }
}

pub(super) fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
