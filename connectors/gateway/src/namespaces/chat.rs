//! The namespace `/`: admission of a socket by its ticket, limits, and the events it may send.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{SessionRef, Ticket, Timestamp};
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::{ConnectHandler, FromMessageParts};
use socketioxide::socket::Socket;
use tokio::sync::mpsc;

use super::session::{ClientEvent, Session};
use crate::clients::Client as _;
use crate::config::Limits;
use crate::dialect::{Which, error_ack, error_event};
use crate::hub::Hub;
use crate::metrics::{Metrics, add};
use crate::platform::{Platforms, SocketId};
use crate::sessions::{Refusal, Sessions};
use crate::sockets::addresses::AddressCounts;
use crate::sockets::client::{Reply, SocketClient};
use crate::sockets::limiter::{Limiter, Verdict};
use crate::sockets::places::Proof;
use crate::sockets::tickets::Tickets;
use crate::sockets::{SESSION_OVER, SESSION_UNCONFIRMED, address, dismiss, prove};
use mutex::lock;

/// Events that may be queued per socket: more than the rate limit lets through in a second.
const INBOX: usize = 256;
/// How long a socket without a ticket stays open, so that events it sent immediately get an answer.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// What the namespace needs.
pub(crate) struct Chat {
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) addresses: Arc<AddressCounts>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) platforms: Arc<Platforms>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
}

/// Whether the client expects an ack.
struct WantsAck(bool);

impl<A: Adapter> FromMessageParts<A> for WantsAck {
    type Error = Infallible;

    fn from_message_parts(
        _: &Arc<Socket<A>>,
        _: &mut socketioxide::handler::Value,
        ack: &Option<i64>,
    ) -> Result<Self, Infallible> {
        Ok(Self(ack.is_some()))
    }
}

/// A socket's state from the moment it may send requests; taken once.
#[derive(Clone)]
struct Inbox(Arc<Mutex<Option<Arrival>>>);

/// A connecting socket.
struct Arrival {
    events: mpsc::Receiver<ClientEvent>,
    ticket: Result<Ticket, String>,
    proof: Option<Proof>,
}

/// Registers the gateway's handlers.
pub(crate) fn listen(io: &SocketIo, chat: Chat) {
    let chat = Arc::new(chat);
    // Middleware runs before the client is told that it is connected, the handler afterwards. Events from a quick
    // client must be handled from that moment.
    let checks = Arc::clone(&chat);
    let listen = move |socket: SocketRef, TryData(auth): TryData<Value>| {
        let (inbox, events) = mpsc::channel(INBOX);
        listen_to(&socket, &checks, &inbox);
        let ticket = checks.tickets.of_socket(&socket, &auth.unwrap_or_default());
        let arrival = Arrival {
            proof: ticket.as_ref().ok().and_then(|_| prove(&socket)),
            events,
            ticket,
        };
        let inbox = Inbox(Arc::new(Mutex::new(Some(arrival))));
        socket.extensions.insert(inbox);
        ready(Ok::<(), Infallible>(()))
    };
    let welcome = move |socket: SocketRef, TryData(auth): TryData<Value>| {
        let inbox = socket.extensions.get::<Inbox>();
        if let Some(arrival) = inbox.and_then(|inbox| lock(&inbox.0).take()) {
            let auth = auth.unwrap_or_default();
            let id = chat.hub.next_client();
            welcome(Arc::clone(&chat), &socket, id, &auth, arrival);
        }
        ready(())
    };
    // Handlers do their work before returning their future, so events keep their order.
    io.ns("/", welcome.with(listen));
}

fn welcome(chat: Arc<Chat>, socket: &SocketRef, id: SocketId, auth: &Value, arrival: Arrival) {
    let Arrival {
        events,
        ticket,
        proof,
    } = arrival;
    let ticket = match ticket {
        Ok(ticket) => ticket,
        Err(error) => return refuse(&chat, socket, &error, events),
    };
    let Some(counted) = chat.addresses.enter(address(socket)) else {
        let text = "too many concurrent connections from this address";
        return refuse(&chat, socket, text, events);
    };
    let full = auth.get("mode").is_some_and(|mode| mode == "full");
    let since = auth
        .get("since")
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<Timestamp>().ok());
    let session = SessionRef {
        account: ticket.account,
        grant: ticket.grant,
        since: connector_kit::now(),
    };
    let client = Arc::new(SocketClient::new(
        id,
        session,
        full,
        since,
        socket.clone(),
        Arc::clone(&chat.metrics),
    ));
    if !chat.hub.enter(Arc::<SocketClient>::clone(&client)) {
        let text = "too many concurrent connections of this account";
        return refuse(&chat, socket, text, events);
    }
    chat.metrics.sockets.fetch_add(1, Relaxed);
    let over = Arc::clone(&client);
    socket.on_disconnect(move || {
        over.gone.notify_one();
        ready(())
    });
    if !socket.connected() {
        // It closed before the handler was registered.
        client.gone.notify_one();
    }
    let session = Session::new(&chat.hub, &chat.platforms, &client);
    tokio::spawn(async move {
        // It is among the account's sockets already, so anything that ends while the functions are being asked ends
        // this socket too.
        match chat
            .sessions
            .vouched(Some(&client.admitted().session), None)
            .await
        {
            Ok(()) => session.run(events).await,
            Err(Refusal::Over | Refusal::CallOver) => client.end(SESSION_OVER),
            Err(Refusal::Unconfirmed) => {
                add(&chat.metrics.sockets_refused);
                client.end(SESSION_UNCONFIRMED);
            }
        }
        drop(proof);
        chat.metrics.sockets.fetch_sub(1, Relaxed);
        chat.hub.leave(&*client);
        drop(counted);
    });
}

/// Registers a socket's handlers.
fn listen_to(socket: &SocketRef, chat: &Chat, inbox: &mpsc::Sender<ClientEvent>) {
    let limiter = Arc::new(Limiter::new(&chat.limits));
    for event in ["schemas", "activity-object", "credentials", "message"] {
        let inbox = inbox.clone();
        let (limiter, metrics) = (Arc::clone(&limiter), Arc::clone(&chat.metrics));
        socket.on(
            event,
            move |socket: SocketRef,
                  TryData(data): TryData<Value>,
                  wants: WantsAck,
                  ack: AckSender|
                  -> Ready<()> {
                add(&metrics.events_received);
                match limiter.check() {
                    Verdict::Pass => {}
                    Verdict::Block => {
                        add(&metrics.events_blocked);
                        let error = error_event("rate limit exceeded, temporarily blocked");
                        // Fails only if the socket is closed or its client does not read, which is detected
                        // elsewhere.
                        let _ = socket.emit("error", &error);
                        return ready(());
                    }
                    Verdict::Blocked => {
                        add(&metrics.events_blocked);
                        return ready(());
                    }
                }
                let value = data.unwrap_or_default();
                let ack = wants.0.then_some(ack);
                let reply = Reply::new(ack, socket, Arc::clone(&metrics));
                let event = match event {
                    "schemas" => ClientEvent::Schemas(value, wants.0.then_some(reply)),
                    "activity-object" => ClientEvent::Register(value, reply),
                    "credentials" => ClientEvent::Activity(Which::Credentials, value, reply),
                    _ => ClientEvent::Activity(Which::Message, value, reply),
                };
                if let Err(mpsc::error::TrySendError::Full(ClientEvent::Activity(_, _, reply))) =
                    inbox.try_send(event)
                {
                    reply.send(&error_ack("too many events are waiting; try again later"));
                }
                ready(())
            },
        );
    }
}

/// Answers everything a socket sends with an error, and closes it.
fn refuse(chat: &Chat, socket: &SocketRef, error: &str, mut events: mpsc::Receiver<ClientEvent>) {
    add(&chat.metrics.sockets_refused);
    let _ = socket.emit("error", &error_event(error));
    let ack = error_ack(error);
    let other = ack.clone();
    socket.on_fallback(move |reply: AckSender| {
        let _ = reply.send(&other);
        ready(())
    });
    let socket = socket.clone();
    tokio::spawn(async move {
        let end = tokio::time::Instant::now() + REFUSAL_TIME;
        while let Ok(Some(event)) = tokio::time::timeout_at(end, events.recv()).await {
            match event {
                ClientEvent::Schemas(_, None) => {}
                ClientEvent::Schemas(_, Some(reply))
                | ClientEvent::Register(_, reply)
                | ClientEvent::Activity(_, _, reply) => reply.send(&ack),
            }
        }
        dismiss(socket);
    });
}
