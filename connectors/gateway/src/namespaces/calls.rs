//! The namespace `/calls`: call signalling. See `SOCKETHUB.md`.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use protocol::{CallRefusal, CallTicket, SessionRef};
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};

use crate::calls::{Arrival, Calls, OVER, UNCONFIRMED, refuse, say};
use crate::config::Limits;
use crate::sessions::{Refusal, Sessions};
use crate::sockets::SESSION_OVER;
use crate::sockets::addresses::AddressCounts;
use crate::sockets::limiter::{Limiter, Verdict};
use crate::sockets::tickets::Tickets;
use crate::sockets::{address, prove};

/// The namespace.
const NAMESPACE: &str = "/calls";
/// How long a participant with a broken socket may be away before the others are told that they left.
const GRACE: Duration = Duration::from_secs(20);

/// What the namespace needs.
pub(crate) struct Signalling {
    tickets: Arc<Tickets>,
    addresses: Arc<AddressCounts>,
    sessions: Arc<Sessions>,
    calls: Arc<Calls>,
    limits: Limits,
    next_entry: AtomicU64,
}

impl Signalling {
    pub(crate) fn new(
        tickets: Arc<Tickets>,
        addresses: Arc<AddressCounts>,
        sessions: Arc<Sessions>,
        calls: Arc<Calls>,
        limits: Limits,
    ) -> Self {
        Self {
            tickets,
            addresses,
            sessions,
            calls,
            limits,
            next_entry: AtomicU64::new(1),
        }
    }
}

/// Registers the namespace.
pub(crate) fn listen(io: &SocketIo, signalling: Signalling) {
    let signalling = Arc::new(signalling);
    io.ns(
        NAMESPACE,
        move |socket: SocketRef, TryData(auth): TryData<Value>| {
            welcome(&signalling, &socket, &auth.unwrap_or_default());
            ready(())
        },
    );
}

fn welcome(signalling: &Arc<Signalling>, socket: &SocketRef, auth: &Value) {
    let Some(ticket) = signalling.tickets.of_call(auth) else {
        let text = "the link to this call is invalid or has expired; ask for a new one";
        return refuse(socket, text);
    };
    let proof = prove(socket).map(Arc::new);
    let address = address(socket);
    let Some(counted) = signalling.addresses.enter(address) else {
        let text = "too many concurrent connections from this address";
        return refuse(socket, text);
    };
    let counted = Arc::new(counted);
    let entry = signalling.next_entry.fetch_add(1, Relaxed);
    let (call, peer) = (ticket.call.clone(), ticket.peer.clone());
    let left = {
        let calls = Arc::clone(&signalling.calls);
        move || {
            drop(counted);
            drop(proof);
            // In a separate task: the code that closes a socket may hold the lock on the calls.
            tokio::spawn(async move {
                calls.away(&call, &peer, entry);
                // A participant who comes back soon, possibly over another network, has not left.
                tokio::time::sleep(GRACE).await;
                calls.leave(&call, &peer, entry);
            });
        }
    };
    if !socket.connected() {
        // It closed before the handler was registered.
        return left();
    }
    socket.on_disconnect(move || {
        left();
        ready(())
    });
    let (signalling, socket) = (Arc::clone(signalling), socket.clone());
    tokio::spawn(async move {
        let session = session_of(&ticket);
        let call = Some(ticket.call.as_str());
        let vouched = signalling.sessions.vouched(session.as_ref(), call).await;
        let arrival = Arrival {
            ticket: &ticket,
            session,
            address,
            socket: &socket,
            entry,
        };
        // Handlers are active from the moment the participant is told that they joined; anything sent before, or
        // after leaving, is ignored.
        listen_to(&signalling, &socket, &ticket, entry);
        let entered = match vouched {
            Ok(()) => signalling.calls.enter(arrival),
            Err(Refusal::Over) => Err(SESSION_OVER),
            Err(Refusal::CallOver) => Err(OVER),
            Err(Refusal::Unconfirmed) => Err(UNCONFIRMED),
        };
        if let Err(text) = entered {
            refuse(&socket, text);
        } else if !socket.connected() {
            signalling.calls.away(&ticket.call, &ticket.peer, entry);
        }
    });
}

/// The session that admitted a member.
fn session_of(ticket: &CallTicket) -> Option<SessionRef> {
    Some(SessionRef {
        account: ticket.account.clone()?,
        grant: ticket.grant.clone(),
        since: connector_kit::now(),
    })
}

/// Registers handlers for what a participant may send.
fn listen_to(signalling: &Arc<Signalling>, socket: &SocketRef, ticket: &CallTicket, entry: u64) {
    let limiter = Arc::new(Limiter::new(&signalling.limits));
    let ticket = Arc::new(ticket.clone());
    for event in ["signal", "media", "remove", "leave"] {
        let (calls, limiter) = (Arc::clone(&signalling.calls), Arc::clone(&limiter));
        let ticket = Arc::clone(&ticket);
        socket.on(
            event,
            move |socket: SocketRef, TryData(value): TryData<Value>| {
                let value = value.unwrap_or_default();
                let verdict = limiter.check();
                if verdict == Verdict::Pass {
                    match event {
                        "signal" => calls.signal(&ticket, entry, &value),
                        "media" => calls.media(&ticket, entry, &value),
                        "remove" => calls.remove(&ticket, entry, &value),
                        _ => calls.leave(&ticket.call, &ticket.peer, entry),
                    }
                } else if verdict == Verdict::Block {
                    let refusal = CallRefusal {
                        error: "rate limit exceeded, temporarily blocked".to_owned(),
                        is_final: false,
                    };
                    say(&socket, "refused", &refusal);
                }
                ready(())
            },
        );
    }
}
