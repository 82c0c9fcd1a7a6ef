//! Calls: who is in which call, and the messages participants exchange. The connector introduces participants to each
//! other and relays their signalling; it never sees audio or video. See `SOCKETHUB.md`.

mod bounds;
mod removed;
mod rooms;
mod signal;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use durable::Disk;
use program::Seldom;
use protocol::{CallMedia, CallMediaChange, CallRefusal, CallSignal, CallTicket, SessionRef};
use serde::Serialize;
use serde_json::Value;
use socketioxide::extract::SocketRef;

use self::removed::{Entry, Removed};
pub(crate) use self::rooms::Arrival;
use self::rooms::{Participant, Rooms, tell};
use crate::sockets::{dismiss, outgoing};
use mutex::lock;

/// How long a refused socket stays open so that the client can read why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// Sent to the participants of a call that was ended.
pub(crate) const OVER: &str = "this call is over; ask for a new link";
/// Sent to a participant who was removed.
pub(crate) const PUT_OUT: &str = "you were removed from this call";
/// Sent while it cannot be determined whether a call is still open.
pub(crate) const UNCONFIRMED: &str =
    "can't check whether this call is still open; try again in a moment";

static UNBOUNDED: Seldom = Seldom::new();
static NOT_READING: Seldom = Seldom::new();

/// All calls.
#[derive(Debug)]
pub(crate) struct Calls {
    rooms: Mutex<Rooms>,
    removed: Arc<Removed>,
}

impl Calls {
    /// Reads the record of removed participants from the folder of an open, and therefore locked, spool. Blocking.
    ///
    /// # Errors
    /// The file exists but cannot be read.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            rooms: Mutex::default(),
            removed: Arc::new(Removed::open(Disk::default(), folder)?),
        })
    }

    /// Adds a participant to the call and notifies everyone in it.
    ///
    /// # Errors
    /// Why they may not join, as text for users.
    pub(crate) fn enter(&self, arrival: Arrival<'_>) -> Result<(), &'static str> {
        lock(&self.rooms).enter(arrival, &self.removed)
    }

    /// Marks the participant's socket as broken.
    pub(crate) fn away(&self, call: &str, peer: &str, entry: u64) {
        lock(&self.rooms).away(call, peer, entry);
    }

    /// Removes a participant from the call, unless they have come back with another socket.
    pub(crate) fn leave(&self, call: &str, peer: &str, entry: u64) {
        lock(&self.rooms).leave(call, peer, entry);
    }

    /// Ends a call for everyone in it.
    pub(crate) fn end(&self, call: &str) {
        self.removed.end(call);
        lock(&self.rooms).end(call);
    }

    /// Closes a call for everyone in it, giving the reason; they may come back.
    pub(crate) fn close(&self, call: &str, why: &str) {
        lock(&self.rooms).close(call, why);
    }

    /// Removes participants who were admitted by matching sessions, giving the reason.
    pub(crate) fn end_session(&self, ends: impl Fn(&SessionRef) -> bool, why: &str) {
        lock(&self.rooms).end_session(ends, why);
    }

    /// Returns the sessions that participants were admitted by, and all calls.
    pub(crate) fn sessions(&self) -> (Vec<SessionRef>, Vec<String>) {
        lock(&self.rooms).sessions()
    }

    /// Relays an offer, an answer or candidates to one participant; a sender who exceeds the limits is removed.
    pub(crate) fn signal(&self, ticket: &CallTicket, entry: u64, value: &Value) {
        let mut calls = lock(&self.rooms);
        let (Some(to), Some(data)) = (value.get("to").and_then(Value::as_str), value.get("data"))
        else {
            return;
        };
        let Some(own) = calls.own(&ticket.call, &ticket.peer, entry) else {
            return;
        };
        let size = serde_json::to_vec(data).map_or(usize::MAX, |json| json.len());
        let taken = own.budget.take(size, Instant::now());
        let signal = match taken.and_then(|()| signal::read(data)) {
            Ok(signal) => signal,
            Err(why) => {
                if let Some(left_out) = UNBOUNDED.say() {
                    tracing::info!(
                        call = ticket.call,
                        why,
                        left_out,
                        "removed a participant from a call"
                    );
                }
                return self.put_out(&mut calls, ticket, &ticket.peer, why);
            }
        };
        let others = calls.participants(&ticket.call);
        if let Some(other) = others.iter().find(|p| p.peer == to) {
            // Not as it came, but as it was understood.
            let signal = CallSignal {
                from: ticket.peer.clone(),
                data: signal,
            };
            say(&other.socket, "signal", &signal);
        }
    }

    /// Records what a participant sends now, and notifies the others.
    pub(crate) fn media(&self, ticket: &CallTicket, entry: u64, value: &Value) {
        let mut calls = lock(&self.rooms);
        let flag = |name: &str| Some(value.get(name).is_some_and(|flag| flag == true));
        let media = CallMedia {
            audio: flag("audio"),
            video: flag("video"),
            screen: flag("screen"),
        };
        let Some(own) = calls.own(&ticket.call, &ticket.peer, entry) else {
            return;
        };
        own.media = media;
        let event = CallMediaChange {
            peer: ticket.peer.clone(),
            media,
        };
        let others = calls.participants(&ticket.call);
        tell(others, &ticket.peer, "media", &event);
    }

    /// Removes another participant, if the sender is allowed to.
    pub(crate) fn remove(&self, ticket: &CallTicket, entry: u64, value: &Value) {
        let mut calls = lock(&self.rooms);
        let Some(peer) = value.get("peer").and_then(Value::as_str) else {
            return;
        };
        let own = calls.own(&ticket.call, &ticket.peer, entry);
        if own.is_some_and(|own| own.moderator && own.peer != peer) {
            self.put_out(&mut calls, ticket, peer, PUT_OUT);
        }
    }

    /// Removes a participant permanently. They are notified only once the removal would survive a restart.
    fn put_out(&self, rooms: &mut Rooms, ticket: &CallTicket, peer: &str, why: &'static str) {
        let taken = rooms.take_peer(&ticket.call, peer);
        if taken.is_empty() {
            return;
        }
        let entry = Entry {
            call: ticket.call.clone(),
            until: ticket.expires,
            who: taken.iter().flat_map(Participant::identities).collect(),
        };
        self.removed.add(entry.clone());
        let removed = Arc::clone(&self.removed);
        let written = tokio::task::spawn_blocking(move || removed.write_or_tell(&entry));
        tokio::spawn(async move {
            // Fails only when the process is shutting down.
            let _ = written.await;
            for participant in taken {
                refuse(&participant.socket, why);
            }
        });
    }
}

/// Sends to a socket. One that does not read is closed; its client comes back and negotiates anew.
pub(crate) fn say(socket: &SocketRef, event: &str, value: &impl Serialize) {
    // Of such types none fails.
    let value = serde_json::to_value(value).unwrap_or_default();
    if outgoing::emit(socket, event, &value).is_err() {
        if let Some(left_out) = NOT_READING.say() {
            tracing::info!(
                left_out,
                "a call participant does not read; closing their socket"
            );
        }
        // Fails only if the socket is already closed or its queue is full; then the ping timeout ends it.
        let _ = socket.clone().disconnect();
    }
}

/// Tells a socket why it is refused, then closes it.
pub(crate) fn refuse(socket: &SocketRef, text: &str) {
    // Whoever comes back with this ticket is refused again.
    let refusal = CallRefusal {
        error: text.to_owned(),
        is_final: true,
    };
    say(socket, "refused", &refusal);
    let socket = socket.clone();
    tokio::spawn(async move {
        tokio::time::sleep(REFUSAL_TIME).await;
        dismiss(socket);
    });
}
