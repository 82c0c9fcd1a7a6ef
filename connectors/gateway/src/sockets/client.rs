//! A client's socket, as seen by connections and sessions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use program::Seldom;
use protocol::{AccountName, RoomSpelling, SessionRef, Timestamp};
use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef};
use tokio::sync::Notify;

use super::outgoing;
use crate::dialect::{Dialect, error_event};
use crate::metrics::{Metrics, add};
use crate::platform::SocketId;
use mutex::lock;

static NOT_READING: Seldom = Seldom::new();

/// A socket with a valid ticket.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: SocketId,
    pub(crate) account: AccountName,
    /// The session that admitted it.
    pub(crate) session: SessionRef,
    pub(crate) full: bool,
    pub(crate) since: Option<Timestamp>,
    socket: SocketRef,
    metrics: Arc<Metrics>,
    dialect: Mutex<Dialect>,
    spelling: Mutex<RoomSpelling>,
    ended: AtomicBool,
    /// Notified when the socket is gone or has to go.
    pub(crate) gone: Notify,
}

impl Client {
    pub(crate) fn new(
        id: SocketId,
        session: SessionRef,
        full: bool,
        since: Option<Timestamp>,
        socket: SocketRef,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            id,
            account: session.account.clone(),
            session,
            full,
            since,
            socket,
            metrics,
            dialect: Mutex::default(),
            spelling: Mutex::default(),
            ended: AtomicBool::new(false),
            gone: Notify::new(),
        }
    }

    /// Sends an activity. A client that does not read fast enough is disconnected; it reconnects and asks for what it
    /// missed.
    pub(crate) fn message(&self, activity: &Value) {
        add(&self.metrics.activities_sent);
        self.emit("message", activity);
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
            tracing::info!(account = %self.account, left_out, "a client does not read; its socket is closed");
        }
        close_slow(&self.socket, &self.metrics);
    }

    /// Stops the socket from receiving and sending, tells it why, and closes it.
    pub(crate) fn end(&self, why: &str) {
        if self.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        // Fails only if it is closed or its client does not read.
        let _ = self.socket.emit("error", &error_event(why));
        self.disconnect();
        self.gone.notify_one();
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

    pub(crate) fn spelling(&self) -> RoomSpelling {
        *lock(&self.spelling)
    }

    pub(crate) fn set_spelling(&self, spelling: RoomSpelling) {
        *lock(&self.spelling) = spelling;
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

    /// Sends the answer. A client that does not read is disconnected, as in [`Client::message`].
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
