//! Signalling of calls: Socket.IO's namespace `/calls`. The connector introduces the participants of a call to
//! each other and carries what they negotiate; it never sees audio or video. See `SOCKETHUB.md`.

mod bounds;
mod rooms;

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{CallTicket, SessionRef};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};

pub(crate) use self::rooms::Calls;
use self::rooms::{Comer, tell};
use crate::gateway::Shared;
use crate::hub::lock;
use crate::namespaces::chat::{address, dismiss, prove};
use crate::sockets::limiter::{Limiter, Verdict};

/// The namespace.
const NAMESPACE: &str = "/calls";
/// How long a participant whose socket broke may be away before the others are told that they left.
const GRACE: Duration = Duration::from_secs(20);
/// How long a socket that is refused is kept open, so that it reads why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// What is said to those in a call that was ended.
const OVER: &str = "this call is over; ask for a new link";

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
    let Ok(ticket) = CallTicket::verify(ticket, &config.key, &config.id, connector_kit::now())
    else {
        let text = "the link of this call is not valid, or has expired; ask for a new one";
        return refuse(socket, text);
    };
    let proof = prove(socket).map(Arc::new);
    let address = address(socket);
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
    let entry = shared.number();
    let (call, peer) = (ticket.call.clone(), ticket.peer.clone());
    let left = {
        let shared = Arc::clone(shared);
        move || {
            leave_address();
            drop(proof);
            // Not here: whoever closes a socket may be looking at the calls.
            tokio::spawn(async move {
                lock(&shared.calls).away(&call, &peer, entry);
                // Somebody who comes back soon, over another network perhaps, has not left.
                tokio::time::sleep(GRACE).await;
                lock(&shared.calls).leave(&call, &peer, entry);
            });
        }
    };
    if !socket.connected() {
        // It went before anybody listened for that.
        return left();
    }
    socket.on_disconnect(move || {
        left();
        ready(())
    });
    let (shared, socket) = (Arc::clone(shared), socket.clone());
    tokio::spawn(async move {
        let session = session_of(&ticket);
        let vouched = shared.vouched(session.as_ref(), Some(&ticket.call)).await;
        let comer = Comer {
            ticket: &ticket,
            session,
            address,
            socket: &socket,
            entry,
        };
        // Heard from the moment on at which they are told that they are in; before, and after they left, nothing
        // that they send counts.
        hear(&shared, &socket, &ticket, entry);
        let entered = if vouched {
            lock(&shared.calls).enter(comer)
        } else {
            Err(OVER)
        };
        if let Err(text) = entered {
            refuse(&socket, text);
        } else if !socket.connected() {
            lock(&shared.calls).away(&ticket.call, &ticket.peer, entry);
        }
    });
}

/// By what a member was let in.
fn session_of(ticket: &CallTicket) -> Option<SessionRef> {
    Some(SessionRef {
        account: ticket.account.clone()?,
        grant: ticket.grant.clone(),
        since: connector_kit::now(),
    })
}

/// Registers what a participant may send.
fn hear(shared: &Arc<Shared>, socket: &SocketRef, ticket: &CallTicket, entry: u64) {
    let limiter = Arc::new(Limiter::new(&shared.config.limits));
    let ticket = Arc::new(ticket.clone());
    for event in ["signal", "media", "remove", "leave"] {
        let (shared, limiter) = (Arc::clone(shared), Arc::clone(&limiter));
        let ticket = Arc::clone(&ticket);
        socket.on(
            event,
            move |socket: SocketRef, TryData(value): TryData<Value>| {
                let value = value.unwrap_or_default();
                let verdict = limiter.check();
                if verdict == Verdict::Pass {
                    let mut calls = lock(&shared.calls);
                    match event {
                        "signal" => signal(&mut calls, &ticket, entry, &value),
                        "media" => media(&mut calls, &ticket, entry, &value),
                        "remove" => remove(&mut calls, &ticket, entry, &value),
                        _ => calls.leave(&ticket.call, &ticket.peer, entry),
                    }
                } else if verdict == Verdict::Block {
                    let text = "rate limit exceeded, temporarily blocked";
                    say(&socket, "refused", &json!({"error": text}));
                }
                ready(())
            },
        );
    }
}

/// Carries an offer, an answer or candidates to one participant; whoever breaks the bounds is put out.
fn signal(calls: &mut Calls, ticket: &CallTicket, entry: u64, value: &Value) {
    let (Some(to), Some(data)) = (value.get("to").and_then(Value::as_str), value.get("data"))
    else {
        return;
    };
    let Some(own) = calls.own(&ticket.call, &ticket.peer, entry) else {
        return;
    };
    if let Err(why) = own.budget.check(data, Instant::now()) {
        tracing::info!(
            call = ticket.call,
            why,
            "a participant is put out of a call"
        );
        return calls.remove(ticket, &ticket.peer, why);
    }
    let others = calls.participants(&ticket.call);
    if let Some(other) = others.iter().find(|p| p.peer == to) {
        let signal = json!({"from": ticket.peer, "data": data});
        say(&other.socket, "signal", &signal);
    }
}

/// Remembers what a participant sends now, and tells the others.
fn media(calls: &mut Calls, ticket: &CallTicket, entry: u64, value: &Value) {
    let flag = |name: &str| value.get(name).is_some_and(|flag| flag == true);
    let media = json!({"audio": flag("audio"), "video": flag("video"), "screen": flag("screen")});
    let Some(own) = calls.own(&ticket.call, &ticket.peer, entry) else {
        return;
    };
    own.media = media.clone();
    let peer = &ticket.peer;
    let told = json!({"peer": peer, "media": media});
    tell(calls.participants(&ticket.call), peer, "media", &told);
}

/// Puts another participant out, if who asks may do that.
fn remove(calls: &mut Calls, ticket: &CallTicket, entry: u64, value: &Value) {
    let Some(peer) = value.get("peer").and_then(Value::as_str) else {
        return;
    };
    let own = calls.own(&ticket.call, &ticket.peer, entry);
    if own.is_some_and(|own| own.moderator && own.peer != peer) {
        calls.remove(ticket, peer, "you were put out of this call");
    }
}

impl Shared {
    /// Ends a call for everybody in it.
    pub(crate) fn end_call(&self, call: &str) {
        lock(&self.calls).end(call);
    }
}

/// Sends to a socket. It fails only if the socket is closed or does not read; its client comes back and
/// negotiates anew.
fn say(socket: &SocketRef, event: &str, value: &Value) {
    let _ = socket.emit(event, value);
}

fn refuse(socket: &SocketRef, text: &str) {
    // Whoever comes back with this ticket is refused again.
    say(socket, "refused", &json!({"error": text, "final": true}));
    let socket = socket.clone();
    tokio::spawn(async move {
        tokio::time::sleep(REFUSAL_TIME).await;
        dismiss(socket);
    });
}
