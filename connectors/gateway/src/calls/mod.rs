//! Calls: who is in which, and what the participants send each other. The connector introduces them to each other and
//! carries what they negotiate; it never sees audio or video. See `SOCKETHUB.md`.

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
use protocol::{CallTicket, SessionRef};
use serde_json::{Value, json};
use socketioxide::extract::SocketRef;

use self::removed::{Entry, Removed};
pub(crate) use self::rooms::Arrival;
use self::rooms::{Participant, Rooms, tell};
use self::signal::Signal;
use crate::sockets::{dismiss, outgoing};
use crate::sync::lock;

/// How long a socket that is refused is kept open, so that it reads why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// What is said to those in a call that was ended.
pub(crate) const OVER: &str = "this call is over; ask for a new link";
/// What is said to whoever was put out.
pub(crate) const PUT_OUT: &str = "you were put out of this call";
/// What is said while nobody can tell whether a call goes on.
pub(crate) const UNCONFIRMED: &str =
    "it cannot be checked at the moment whether this call goes on; try again in a moment";

static UNBOUNDED: Seldom = Seldom::new();
static NOT_READING: Seldom = Seldom::new();

/// All calls.
#[derive(Debug)]
pub(crate) struct Calls {
    rooms: Mutex<Rooms>,
    removed: Arc<Removed>,
}

impl Calls {
    /// Reads who was put out of calls, in the folder of a spool, which is opened and so locked. Blocking.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            rooms: Mutex::default(),
            removed: Arc::new(Removed::open(Disk::default(), folder)?),
        })
    }

    /// Puts a participant into the call, and tells everybody in it.
    ///
    /// # Errors
    /// Why they may not be in it, for people.
    pub(crate) fn enter(&self, arrival: Arrival<'_>) -> Result<(), &'static str> {
        lock(&self.rooms).enter(arrival, &self.removed)
    }

    /// The socket of a participant broke.
    pub(crate) fn away(&self, call: &str, peer: &str, entry: u64) {
        lock(&self.rooms).away(call, peer, entry);
    }

    /// Takes a participant out of the call, unless they have come back with another socket.
    pub(crate) fn leave(&self, call: &str, peer: &str, entry: u64) {
        lock(&self.rooms).leave(call, peer, entry);
    }

    /// Ends a call for everybody in it.
    pub(crate) fn end(&self, call: &str) {
        self.removed.end(call);
        lock(&self.rooms).end(call);
    }

    /// Closes a call for everybody who is in it, and says why; they may come back.
    pub(crate) fn close(&self, call: &str, why: &str) {
        lock(&self.rooms).close(call, why);
    }

    /// Takes those out who were let in by certain sessions, and says why.
    pub(crate) fn end_session(&self, ends: impl Fn(&SessionRef) -> bool, why: &str) {
        lock(&self.rooms).end_session(ends, why);
    }

    /// Returns by what participants were let in, and all calls.
    pub(crate) fn sessions(&self) -> (Vec<SessionRef>, Vec<String>) {
        lock(&self.rooms).sessions()
    }

    /// Carries an offer, an answer or candidates to one participant; whoever breaks the bounds is put out.
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
        let signal = match taken.and_then(|()| Signal::read(data)) {
            Ok(signal) => signal,
            Err(why) => {
                if let Some(left_out) = UNBOUNDED.say() {
                    tracing::info!(
                        call = ticket.call,
                        why,
                        left_out,
                        "a participant is put out of a call"
                    );
                }
                return self.put_out(&mut calls, ticket, &ticket.peer, why);
            }
        };
        let others = calls.participants(&ticket.call);
        if let Some(other) = others.iter().find(|p| p.peer == to) {
            // Not as it came, but as it was understood.
            let signal = json!({"from": ticket.peer, "data": signal});
            say(&other.socket, "signal", &signal);
        }
    }

    /// Remembers what a participant sends now, and tells the others.
    pub(crate) fn media(&self, ticket: &CallTicket, entry: u64, value: &Value) {
        let mut calls = lock(&self.rooms);
        let flag = |name: &str| value.get(name).is_some_and(|flag| flag == true);
        let media =
            json!({"audio": flag("audio"), "video": flag("video"), "screen": flag("screen")});
        let Some(own) = calls.own(&ticket.call, &ticket.peer, entry) else {
            return;
        };
        own.media = media.clone();
        let peer = &ticket.peer;
        let event = json!({"peer": peer, "media": media});
        tell(calls.participants(&ticket.call), peer, "media", &event);
    }

    /// Puts another participant out, if who asks may do that.
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

    /// Puts a participant out for good. They are told once a restart lets them in no more.
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
            // Fails only at the end of the process.
            let _ = written.await;
            for participant in taken {
                refuse(&participant.socket, why);
            }
        });
    }
}

/// Sends to a socket. One that does not read is closed; its client comes back and negotiates anew.
pub(crate) fn say(socket: &SocketRef, event: &str, value: &Value) {
    if outgoing::emit(socket, event, value).is_err() {
        if let Some(left_out) = NOT_READING.say() {
            tracing::info!(
                left_out,
                "a participant of a call does not read; their socket is closed"
            );
        }
        // Fails only if it is closed already or its queue is full; the ping timeout ends it then.
        let _ = socket.clone().disconnect();
    }
}

/// Tells a socket why it is refused, and closes it.
pub(crate) fn refuse(socket: &SocketRef, text: &str) {
    // Whoever comes back with this ticket is refused again.
    say(socket, "refused", &json!({"error": text, "final": true}));
    let socket = socket.clone();
    tokio::spawn(async move {
        tokio::time::sleep(REFUSAL_TIME).await;
        dismiss(socket);
    });
}
