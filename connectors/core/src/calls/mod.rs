//! Signalling of calls: Socket.IO's namespace `/calls`. The connector introduces the participants of a call to
//! each other and carries what they negotiate; it never sees audio or video. See `SOCKETHUB.md`.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use model::CallTicket;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};

use crate::clock;
use crate::gateway::Shared;
use crate::handshake::address;
use crate::hub::lock;
use crate::limiter::{Limiter, Verdict};

/// The namespace.
const NAMESPACE: &str = "/calls";
/// Participants of a call: everybody sends to everybody, and that is what a line upstream carries.
const MAX_PARTICIPANTS: usize = 6;
/// Calls at the same time.
const MAX_CALLS: usize = 1_000;
/// How long a participant whose socket broke may be away before the others are told that they left.
const GRACE: Duration = Duration::from_secs(20);
/// How long a socket that is refused is kept open, so that it reads why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// All calls, by id.
pub(crate) type Calls = HashMap<String, Vec<Participant>>;

/// Somebody in a call.
#[derive(Debug)]
pub(crate) struct Participant {
    peer: String,
    name: String,
    guest: bool,
    /// What they send: `{"audio":true,"video":true,"screen":false}`.
    media: Value,
    socket: SocketRef,
    /// Names this socket among those that the participant had.
    entry: u64,
}

impl Participant {
    fn view(&self) -> Value {
        json!({"peer": self.peer, "name": self.name, "guest": self.guest, "media": self.media})
    }
}

/// Registers the namespace.
pub(crate) fn listen(io: &SocketIo, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    io.ns(
        NAMESPACE,
        move |socket: SocketRef, TryData(auth): TryData<Value>| {
            welcome(&shared, &socket, &auth.unwrap_or_default());
            ready(())
        },
    );
}

fn welcome(shared: &Arc<Shared>, socket: &SocketRef, auth: &Value) {
    let config = &shared.config;
    let ticket = auth
        .get("ticket")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Ok(ticket) = CallTicket::verify(ticket, &config.key, &config.id, clock::now()) else {
        let text = "the link of this call is not valid (any more); ask for a new one";
        return refuse(socket, text);
    };
    let address = address(shared, socket);
    if address.is_some_and(|address| !shared.enter_address(address)) {
        let text = "too many concurrent connections from this address";
        return refuse(socket, text);
    }
    let leave_address = {
        let shared = Arc::clone(shared);
        move || {
            address
                .into_iter()
                .for_each(|address| shared.leave_address(address));
        }
    };
    let entry = match enter(shared, socket, &ticket) {
        Ok(entry) => entry,
        Err(text) => {
            leave_address();
            return refuse(socket, text);
        }
    };
    hear(shared, socket, &ticket, entry);
    let (call, peer) = (ticket.call, ticket.peer);
    let left = {
        let shared = Arc::clone(shared);
        move || {
            leave_address();
            // Somebody who comes back soon, over another network perhaps, has not left.
            tokio::spawn(async move {
                tokio::time::sleep(GRACE).await;
                leave(&shared, &call, &peer, entry);
            });
        }
    };
    if socket.connected() {
        socket.on_disconnect(move || {
            left();
            ready(())
        });
    } else {
        // It went before anybody listened for that.
        left();
    }
}

/// Puts a participant into the call, and tells everybody in it. Returns what names this socket.
fn enter(shared: &Shared, socket: &SocketRef, ticket: &CallTicket) -> Result<u64, &'static str> {
    let entry = shared.number();
    let mut calls = lock(&shared.calls);
    if calls.len() >= MAX_CALLS && !calls.contains_key(&ticket.call) {
        return Err("too many calls are going on; try again later");
    }
    let participants = calls.entry(ticket.call.clone()).or_default();
    let known = participants.iter().position(|p| p.peer == ticket.peer);
    let own = if let Some(at) = known {
        let own = &mut participants[at];
        let old = std::mem::replace(&mut own.socket, socket.clone());
        own.entry = entry;
        // Fails only if it is closed already.
        let _ = old.disconnect();
        at
    } else {
        if participants.len() >= MAX_PARTICIPANTS {
            return Err("this call is full; six people can take part");
        }
        participants.push(Participant {
            peer: ticket.peer.clone(),
            name: ticket.name.clone(),
            guest: ticket.guest,
            media: json!({}),
            socket: socket.clone(),
            entry,
        });
        participants.len() - 1
    };
    let others: Vec<Value> = participants
        .iter()
        .filter(|other| other.peer != ticket.peer)
        .map(Participant::view)
        .collect();
    say(
        socket,
        "welcome",
        &json!({"peer": ticket.peer, "peers": others}),
    );
    let event = if known.is_some() {
        "returned"
    } else {
        "joined"
    };
    let view = participants[own].view();
    tell(participants, &ticket.peer, event, &view);
    drop(calls);
    Ok(entry)
}

/// Registers what a participant may send.
fn hear(shared: &Arc<Shared>, socket: &SocketRef, ticket: &CallTicket, entry: u64) {
    let limiter = Arc::new(Limiter::new(&shared.config.limits));
    for event in ["signal", "media", "leave"] {
        let (shared, limiter) = (Arc::clone(shared), Arc::clone(&limiter));
        let (call, peer) = (ticket.call.clone(), ticket.peer.clone());
        socket.on(
            event,
            move |socket: SocketRef, TryData(value): TryData<Value>| {
                let value = value.unwrap_or_default();
                match limiter.check() {
                    Verdict::Pass => match event {
                        "signal" => signal(&shared, &call, &peer, &value),
                        "media" => media(&shared, &call, &peer, &value),
                        _ => leave(&shared, &call, &peer, entry),
                    },
                    Verdict::Block => say(
                        &socket,
                        "refused",
                        &json!({"error": "rate limit exceeded, temporarily blocked"}),
                    ),
                    Verdict::Blocked => {}
                }
                ready(())
            },
        );
    }
}

/// Carries an offer, an answer or a candidate to one participant.
fn signal(shared: &Shared, call: &str, from: &str, value: &Value) {
    let (Some(to), Some(data)) = (value.get("to").and_then(Value::as_str), value.get("data"))
    else {
        return;
    };
    let calls = lock(&shared.calls);
    let found = calls
        .get(call)
        .and_then(|participants| participants.iter().find(|p| p.peer == to));
    if let Some(other) = found {
        say(
            &other.socket,
            "signal",
            &json!({"from": from, "data": data}),
        );
    }
}

/// Remembers what a participant sends now, and tells the others.
fn media(shared: &Shared, call: &str, peer: &str, value: &Value) {
    let flag = |name: &str| value.get(name).is_some_and(|flag| flag == true);
    let media = json!({"audio": flag("audio"), "video": flag("video"), "screen": flag("screen")});
    let mut calls = lock(&shared.calls);
    let Some(participants) = calls.get_mut(call) else {
        return;
    };
    let Some(own) = participants.iter_mut().find(|p| p.peer == peer) else {
        return;
    };
    own.media = media.clone();
    tell(
        participants,
        peer,
        "media",
        &json!({"peer": peer, "media": media}),
    );
}

/// Takes a participant out of the call, unless they have come back with another socket.
fn leave(shared: &Shared, call: &str, peer: &str, entry: u64) {
    let mut calls = lock(&shared.calls);
    let Some(participants) = calls.get_mut(call) else {
        return;
    };
    let before = participants.len();
    participants.retain(|p| p.peer != peer || p.entry != entry);
    if participants.len() < before {
        tell(participants, peer, "left", &json!({"peer": peer}));
    }
    if participants.is_empty() {
        calls.remove(call);
    }
}

/// Tells everybody in a call but one.
fn tell(participants: &[Participant], except: &str, event: &str, value: &Value) {
    for other in participants.iter().filter(|other| other.peer != except) {
        say(&other.socket, event, value);
    }
}

/// Sends to a socket. It fails only if the socket is closed or does not read; its client comes back and
/// negotiates anew.
fn say(socket: &SocketRef, event: &str, value: &Value) {
    let _ = socket.emit(event, value);
}

fn refuse(socket: &SocketRef, text: &str) {
    say(socket, "refused", &json!({"error": text}));
    let socket = socket.clone();
    tokio::spawn(async move {
        tokio::time::sleep(REFUSAL_TIME).await;
        let _ = socket.disconnect();
    });
}
