//! How a socket comes in: its ticket, the limits, and the events that it may send.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
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

use crate::dialect::{Which, error_ack, error_event};
use crate::gateway::Shared;
use crate::hub::lock;
use crate::metrics::add;
use crate::namespaces::session::{Asked, Session};
use crate::service::Peer;
use crate::sessions::OVER;
use crate::sockets::client::{Client, Reply};
use crate::sockets::limiter::{Limiter, Verdict};
use crate::sockets::places::{Place, Proof};

/// Events of a socket that may wait: more than the rate limit lets through in a second.
const INBOX: usize = 256;
/// How long a socket without ticket is kept open, so that what it sends at once is answered.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// What somebody without ticket is told.
const NO_TICKET: &str =
    "a ticket is needed: get one from /api/tickets and send it as auth.ticket or ?ticket=";

/// Whether the client waits for an ack.
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

/// What is known of a socket from the moment at which it may ask; taken once.
#[derive(Clone)]
struct Inbox(Arc<Mutex<Option<Comer>>>);

/// A socket that comes.
struct Comer {
    asked: mpsc::Receiver<Asked>,
    ticket: Result<Ticket, String>,
    proof: Option<Proof>,
}

/// Registers the gateway's handlers.
pub(crate) fn listen(io: &SocketIo, shared: &Arc<Shared>) {
    // A middleware runs before the client is told that it is connected, the handler after: what a quick
    // client sends at once must be heard already.
    let checks = Arc::clone(shared);
    let listen = move |socket: SocketRef, TryData(auth): TryData<Value>| {
        let (inbox, asked) = mpsc::channel(INBOX);
        hear(&socket, &checks, &inbox);
        let ticket = ticket(&checks, &socket, &auth.unwrap_or_default());
        let comer = Comer {
            proof: ticket.as_ref().ok().and_then(|_| prove(&socket)),
            asked,
            ticket,
        };
        let inbox = Inbox(Arc::new(Mutex::new(Some(comer))));
        socket.extensions.insert(inbox);
        ready(Ok::<(), Infallible>(()))
    };
    let shared = Arc::clone(shared);
    let welcome = move |socket: SocketRef, TryData(auth): TryData<Value>| {
        let inbox = socket.extensions.get::<Inbox>();
        if let Some(comer) = inbox.and_then(|inbox| lock(&inbox.0).take()) {
            let auth = auth.unwrap_or_default();
            welcome(Arc::clone(&shared), &socket, &auth, comer);
        }
        ready(())
    };
    // Handlers do their work before they return their future, so events keep their order.
    io.ns("/", welcome.with(listen));
}

fn welcome(shared: Arc<Shared>, socket: &SocketRef, auth: &Value, comer: Comer) {
    let Comer {
        asked,
        ticket,
        proof,
    } = comer;
    let address = address(socket);
    let ticket = match ticket {
        Ok(ticket) => ticket,
        Err(error) => return refuse(&shared, socket, &error, asked),
    };
    if address.is_some_and(|address| !shared.enter_address(address)) {
        let text = "too many concurrent connections from this address";
        return refuse(&shared, socket, text, asked);
    }
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
    let client = Arc::new(Client::new(
        shared.number(),
        session,
        full,
        since,
        socket.clone(),
        Arc::clone(&shared.metrics),
    ));
    if !shared.enter_account(&client) {
        address
            .into_iter()
            .for_each(|address| shared.leave_address(address));
        let text = "too many concurrent connections of this account";
        return refuse(&shared, socket, text, asked);
    }
    shared.metrics.sockets.fetch_add(1, Relaxed);
    let over = Arc::clone(&client);
    socket.on_disconnect(move || {
        over.gone.notify_one();
        ready(())
    });
    if !socket.connected() {
        // It went before anybody listened for that.
        client.gone.notify_one();
    }
    let session = Session::new(&shared, &client);
    tokio::spawn(async move {
        // It is among the account's sockets already: what ends while the functions are asked ends it too.
        if shared.vouched(Some(&client.session), None).await {
            session.run(asked).await;
        } else {
            client.end(OVER);
        }
        drop(proof);
        shared.metrics.sockets.fetch_sub(1, Relaxed);
        shared.leave_account(&client);
        address
            .into_iter()
            .for_each(|address| shared.leave_address(address));
    });
}

/// Registers the handlers of a socket.
fn hear(socket: &SocketRef, shared: &Arc<Shared>, inbox: &mpsc::Sender<Asked>) {
    let limiter = Arc::new(Limiter::new(&shared.config.limits));
    for event in ["schemas", "activity-object", "credentials", "message"] {
        let inbox = inbox.clone();
        let (limiter, metrics) = (Arc::clone(&limiter), Arc::clone(&shared.metrics));
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
                        // Fails only if the socket is closed or does not read, which others find out.
                        let _ = socket.emit("error", &error);
                        return ready(());
                    }
                    Verdict::Blocked => {
                        add(&metrics.events_blocked);
                        return ready(());
                    }
                }
                let (value, reply) = (data.unwrap_or_default(), Reply::new(ack));
                let asked = match event {
                    "schemas" => Asked::Schemas(value, wants.0.then_some(reply)),
                    "activity-object" => Asked::Register(value, reply),
                    "credentials" => Asked::Activity(Which::Credentials, value, reply),
                    _ => Asked::Activity(Which::Message, value, reply),
                };
                if let Err(mpsc::error::TrySendError::Full(Asked::Activity(_, _, reply))) =
                    inbox.try_send(asked)
                {
                    reply.send(&error_ack(
                        "too many events wait to be handled; try again later",
                    ));
                }
                ready(())
            },
        );
    }
}

/// Answers whatever a socket sends with an error, and closes it.
fn refuse(shared: &Arc<Shared>, socket: &SocketRef, error: &str, mut asked: mpsc::Receiver<Asked>) {
    add(&shared.metrics.sockets_refused);
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
        while let Ok(Some(asked)) = tokio::time::timeout_at(end, asked.recv()).await {
            match asked {
                Asked::Schemas(_, None) => {}
                Asked::Schemas(_, Some(reply))
                | Asked::Register(_, reply)
                | Asked::Activity(_, _, reply) => reply.send(&ack),
            }
        }
        dismiss(socket);
    });
}

/// Closes a socket that was refused; its session goes too, unless another of its sockets has shown a ticket.
pub(crate) fn dismiss(socket: SocketRef) {
    let place = socket.req_parts().extensions.get::<Place>().cloned();
    let id = socket.id.to_string();
    // Fails only if it is closed already or does not read.
    let _ = socket.disconnect();
    if let Some(place) = place {
        place.refused(&id);
    }
}

/// The ticket in the query of a request.
pub(crate) fn ticket_in(query: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, ticket) = pairs.find(|(key, _)| key == "ticket")?;
    Some(ticket.into_owned())
}

/// Checks a ticket.
pub(crate) fn check(shared: &Shared, text: &str) -> Result<Ticket, String> {
    let config = &shared.config;
    Ticket::verify(text, &config.key, &config.id, connector_kit::now())
        .map_err(|error| error.to_string())
}

/// Checks the ticket of a handshake.
fn ticket(shared: &Shared, socket: &SocketRef, auth: &Value) -> Result<Ticket, String> {
    let query = socket.req_parts().uri.query().unwrap_or_default();
    let text = auth
        .get("ticket")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let text = text.or_else(|| ticket_in(query)).ok_or(NO_TICKET)?;
    check(shared, &text)
}

/// Notes that a socket has shown a ticket; dropped when it has ended.
pub(crate) fn prove(socket: &SocketRef) -> Option<Proof> {
    let place = socket.req_parts().extensions.get::<Place>();
    place.map(|place| place.prove(socket.id.to_string()))
}

/// Returns the address of a socket's client, as far as it is known; see [`address_of`].
pub(crate) fn address(socket: &SocketRef) -> Option<IpAddr> {
    let place = socket.req_parts().extensions.get::<Place>();
    place.and_then(Place::address)
}

/// Returns the address of a request's client, as far as it is known: what one customer gets of addresses counts as one.
pub(crate) fn address_of<B>(shared: &Shared, request: &http::Request<B>) -> Option<IpAddr> {
    let headers = request.headers();
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded
        .filter(|_| shared.config.behind_proxy)
        .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    let address = forwarded.or_else(|| request.extensions().get::<Peer>().map(|peer| peer.0));
    address.map(program::network)
}

impl Shared {
    pub(crate) fn enter_address(&self, address: IpAddr) -> bool {
        let mut addresses = lock(&self.addresses);
        let count = addresses.entry(address).or_insert(0);
        let free = *count < self.config.limits.sockets_per_ip;
        *count += usize::from(free);
        free
    }

    pub(crate) fn leave_address(&self, address: IpAddr) {
        let mut addresses = lock(&self.addresses);
        if let Some(count) = addresses.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }

    fn enter_account(&self, client: &Arc<Client>) -> bool {
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry(client.account.clone()).or_default();
        let free = account.clients.len() < self.config.limits.sockets_per_account;
        if free {
            account.clients.insert(client.id, Arc::clone(client));
        }
        free
    }

    fn leave_account(&self, client: &Client) {
        let mut accounts = lock(&self.accounts);
        if let Some(account) = accounts.get_mut(&client.account) {
            account.clients.remove(&client.id);
            if account.clients.is_empty() && account.links.is_empty() {
                accounts.remove(&client.account);
            }
        }
    }
}
