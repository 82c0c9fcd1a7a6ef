//! A socket of Socket.IO with a ticket: one kind of client of connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use program::Seldom;
use protocol::{Activity, RoomSpelling, SessionRef, Timestamp};
use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef};
use tokio::sync::Notify;

use super::outgoing;
use crate::clients::{Admitted, Answer, Aspect, Client};
use crate::dialect::{Dialect, View, error_event, render};
use crate::metrics::{Metrics, add};
use crate::platform::SocketId;
use mutex::lock;

static NOT_READING: Seldom = Seldom::new();

/// A socket with a valid ticket.
#[derive(Debug)]
pub(crate) struct SocketClient {
    admitted: Admitted,
    /// The time from which on it wants what it missed.
    pub(crate) since: Option<Timestamp>,
    socket: SocketRef,
    metrics: Arc<Metrics>,
    dialect: Mutex<Dialect>,
    spelling: Mutex<RoomSpelling>,
    ended: AtomicBool,
    /// Notified when the socket is gone or has to go.
    pub(crate) gone: Notify,
}

impl Client for SocketClient {
    fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// A client that is disconnected because it does not read reconnects and asks for what it missed.
    fn show(&self, activity: &Activity, aspect: &Aspect<'_>) {
        add(&self.metrics.activities_sent);
        self.emit("message", &self.render(activity, aspect));
    }

    fn spells(&self, spelling: RoomSpelling) {
        *lock(&self.spelling) = spelling;
    }

    fn end(&self, why: &str) {
        if self.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        // Fails only if it is closed or its client does not read.
        let _ = self.socket.emit("error", &error_event(why));
        self.disconnect();
        self.gone.notify_one();
    }
}

impl SocketClient {
    pub(crate) fn new(
        id: SocketId,
        session: SessionRef,
        full: bool,
        since: Option<Timestamp>,
        socket: SocketRef,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            admitted: Admitted { id, session, full },
            since,
            socket,
            metrics,
            dialect: Mutex::default(),
            spelling: Mutex::default(),
            ended: AtomicBool::new(false),
            gone: Notify::new(),
        }
    }

    /// Renders an activity in the client's form.
    pub(crate) fn render(&self, activity: &Activity, aspect: &Aspect<'_>) -> Value {
        let usual = *lock(&self.spelling);
        render(
            activity,
            &View {
                dialect: self.dialect(),
                platform: aspect.platform,
                full: self.admitted.full,
                alias: aspect.alias,
                folding: aspect.folding,
                spelling: &|channel| aspect.spelling(channel).unwrap_or(usual),
            },
        )
    }

    pub(crate) fn emit(&self, event: &str, value: &Value) {
        if self.ended.load(Ordering::SeqCst) {
            return;
        }
        if outgoing::emit(&self.socket, event, value).is_err() {
            self.too_slow();
        }
    }

    fn too_slow(&self) {
        if let Some(left_out) = NOT_READING.say() {
            tracing::info!(account = %self.admitted.account(), left_out, "a client does not read; its socket is closed");
        }
        close_slow(&self.socket, &self.metrics);
    }

    pub(crate) fn disconnect(&self) {
        // Fails only if the socket is already closed or its queue is full; then the ping timeout ends it.
        let _ = self.socket.clone().disconnect();
    }

    pub(crate) fn dialect(&self) -> Dialect {
        *lock(&self.dialect)
    }

    /// Remembers that the client showed marks of a dialect.
    pub(crate) fn speaks(&self, dialect: Dialect) {
        let mut known = lock(&self.dialect);
        *known = known.or(dialect);
    }
}

/// Closes a socket whose client does not read.
fn close_slow(socket: &SocketRef, metrics: &Metrics) {
    add(&metrics.sockets_too_slow);
    // Fails only if the socket is already closed or its queue is full; then the ping timeout ends it.
    let _ = socket.clone().disconnect();
}

/// Answers one request; does nothing if the client wants no answer.
pub(crate) struct Reply {
    ack: Option<AckSender>,
    socket: SocketRef,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

impl Reply {
    /// `ack`: `None` if the client does not wait for one.
    pub(crate) fn new(ack: Option<AckSender>, socket: SocketRef, metrics: Arc<Metrics>) -> Self {
        Self {
            ack,
            socket,
            metrics,
        }
    }

    /// Sends the answer. A client that does not read is disconnected, as in [`Client::show`].
    pub(crate) fn send(self, value: &Value) {
        self.ack(Some(value));
    }

    /// Answers without a value, as expected by callbacks whose first argument is an error.
    pub(crate) fn send_nothing(self) {
        self.ack(None);
    }

    fn ack(self, argument: Option<&Value>) {
        if let Some(ack) = self.ack
            && outgoing::ack(&self.socket, ack, argument).is_err()
        {
            close_slow(&self.socket, &self.metrics);
        }
    }
}

/// Answers a request with an activity, in the form of the socket that sent it.
#[derive(Debug)]
pub(crate) struct SocketAnswer {
    pub(crate) client: Arc<SocketClient>,
    pub(crate) reply: Reply,
}

impl Answer for SocketAnswer {
    fn answer(self: Box<Self>, activity: &Activity, aspect: &Aspect<'_>) {
        let ack = self.client.render(activity, aspect);
        self.reply.send(&ack);
    }
}
