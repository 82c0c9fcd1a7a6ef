//! What one socket asks, from its handshake to its end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use model::{Entity, Ticket, Timestamp};
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::FromMessageParts;
use socketioxide::socket::Socket;
use tokio::sync::{Notify, mpsc};

use crate::clock;
use crate::dialect::{Dialect, Request, Which, error_ack, error_event, read, schemas};
use crate::gateway::Shared;
use crate::hub::lock;
use crate::limiter::{Limiter, Verdict};
use crate::link::{Link, ToLink};
use crate::metrics::add;
use crate::service::Peer;
use crate::socket::{Client, Reply};

/// Events of a socket that may wait: more than the rate limit lets through in a second.
const INBOX: usize = 256;
/// How long a socket without ticket is kept open, so that what it sends at once is answered.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// Objects that a socket may introduce by `activity-object`.
const MAX_REGISTERED: usize = 2_000;
/// Credentials that a socket may have.
const MAX_CREDENTIALS: usize = 32;
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

/// An event of a client.
enum Asked {
    Schemas(Value, Option<Reply>),
    Register(Value, Reply),
    Activity(Which, Value, Reply),
}

/// Registers the gateway's handlers.
pub(crate) fn listen(io: &SocketIo, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let welcome = move |socket: SocketRef, TryData(auth): TryData<Value>| {
        welcome(Arc::clone(&shared), &socket, &auth.unwrap_or_default());
        ready(())
    };
    // Handlers do their work before they return their future, so events keep their order.
    io.ns("/", welcome);
}

fn welcome(shared: Arc<Shared>, socket: &SocketRef, auth: &Value) {
    let address = address(&shared, socket);
    let ticket = match ticket(&shared, socket, auth) {
        Ok(ticket) => ticket,
        Err(error) => return refuse(&shared, socket, &error),
    };
    if address.is_some_and(|address| !shared.enter_address(address)) {
        let text = "too many concurrent connections from this address";
        return refuse(&shared, socket, text);
    }
    if !shared.enter_account(&ticket) {
        address
            .into_iter()
            .for_each(|address| shared.leave_address(address));
        return refuse(
            &shared,
            socket,
            "too many concurrent connections of this account",
        );
    }
    shared.metrics.sockets.fetch_add(1, Relaxed);
    let full = auth.get("mode").is_some_and(|mode| mode == "full");
    let since = auth
        .get("since")
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<Timestamp>().ok());
    let client = Arc::new(Client::new(
        shared.number(),
        ticket.account,
        full,
        since,
        socket.clone(),
        Arc::clone(&shared.metrics),
    ));
    let (inbox, asked) = mpsc::channel(INBOX);
    let gone = Arc::new(Notify::new());
    let over = Arc::clone(&gone);
    socket.on_disconnect(move || {
        over.notify_one();
        ready(())
    });
    hear(socket, &shared, &client, &inbox);
    let session = Session {
        shared: Arc::clone(&shared),
        client: Arc::clone(&client),
        registered: HashMap::new(),
        credentials: HashMap::new(),
        links: HashMap::new(),
    };
    tokio::spawn(async move {
        session.run(asked, &gone).await;
        shared.metrics.sockets.fetch_sub(1, Relaxed);
        shared.leave_account(&client);
        address
            .into_iter()
            .for_each(|address| shared.leave_address(address));
    });
}

/// Registers the handlers of a socket with ticket.
fn hear(
    socket: &SocketRef,
    shared: &Arc<Shared>,
    client: &Arc<Client>,
    inbox: &mpsc::Sender<Asked>,
) {
    let limiter = Arc::new(Limiter::new(&shared.config.limits));
    for event in ["schemas", "activity-object", "credentials", "message"] {
        let (client, inbox) = (Arc::clone(client), inbox.clone());
        let (limiter, metrics) = (Arc::clone(&limiter), Arc::clone(&shared.metrics));
        socket.on(
            event,
            move |TryData(data): TryData<Value>, wants: WantsAck, ack: AckSender| -> Ready<()> {
                add(&metrics.events_received);
                match limiter.check() {
                    Verdict::Pass => {}
                    Verdict::Block => {
                        add(&metrics.events_blocked);
                        client.emit(
                            "error",
                            &error_event("rate limit exceeded, temporarily blocked"),
                        );
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
fn refuse(shared: &Arc<Shared>, socket: &SocketRef, error: &str) {
    add(&shared.metrics.sockets_refused);
    let _ = socket.emit("error", &error_event(error));
    let ack = error_ack(error);
    socket.on_fallback(move |reply: AckSender| {
        let _ = reply.send(&ack);
        ready(())
    });
    let socket = socket.clone();
    tokio::spawn(async move {
        tokio::time::sleep(REFUSAL_TIME).await;
        let _ = socket.disconnect();
    });
}

/// Checks the ticket of a handshake.
fn ticket(shared: &Shared, socket: &SocketRef, auth: &Value) -> Result<Ticket, String> {
    let query = socket.req_parts().uri.query().unwrap_or_default();
    let from_url = || {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(key, _)| key == "ticket")
            .map(|(_, ticket)| ticket.into_owned())
    };
    let text = auth
        .get("ticket")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let text = text.or_else(from_url).ok_or(NO_TICKET)?;
    let config = &shared.config;
    Ticket::verify(&text, &config.key, &config.id, clock::now()).map_err(|error| error.to_string())
}

/// Returns the address of a socket's client, as far as it is known.
fn address(shared: &Shared, socket: &SocketRef) -> Option<IpAddr> {
    let parts = socket.req_parts();
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded
        .filter(|_| shared.config.behind_proxy)
        .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    forwarded.or_else(|| parts.extensions.get::<Peer>().map(|peer| peer.0))
}

impl Shared {
    fn enter_address(&self, address: IpAddr) -> bool {
        let mut addresses = lock(&self.addresses);
        let count = addresses.entry(address).or_insert(0);
        let free = *count < self.config.limits.sockets_per_ip;
        *count += usize::from(free);
        free
    }

    fn leave_address(&self, address: IpAddr) {
        let mut addresses = lock(&self.addresses);
        if let Some(count) = addresses.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }

    fn enter_account(&self, ticket: &Ticket) -> bool {
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry(ticket.account.clone()).or_default();
        let free = account.sockets < self.config.limits.sockets_per_account;
        account.sockets += usize::from(free);
        free
    }

    fn leave_account(&self, client: &Client) {
        let mut accounts = lock(&self.accounts);
        if let Some(account) = accounts.get_mut(&client.account) {
            account.sockets = account.sockets.saturating_sub(1);
            if account.sockets == 0 && account.links.is_empty() {
                accounts.remove(&client.account);
            }
        }
    }
}

/// The state of a socket; its events are handled one after the other.
struct Session {
    shared: Arc<Shared>,
    client: Arc<Client>,
    registered: HashMap<String, Entity>,
    /// Credentials by actor; they live as long as the socket.
    credentials: HashMap<String, Value>,
    /// Connections by the actor that the client connected as.
    links: HashMap<String, Arc<Link>>,
}

impl Session {
    async fn run(mut self, mut asked: mpsc::Receiver<Asked>, gone: &Notify) {
        let gone = gone.notified();
        tokio::pin!(gone);
        loop {
            let next = tokio::select! {
                () = &mut gone => break,
                next = asked.recv() => next,
            };
            let Some(next) = next else {
                break;
            };
            tokio::select! {
                () = &mut gone => break,
                () = self.handle(next) => {}
            }
        }
        for link in self.links.into_values() {
            // Must not be lost: a connection without sockets is marked away.
            let _ = link.inbox.send(ToLink::Detach(self.client.id)).await;
        }
    }

    async fn handle(&mut self, asked: Asked) {
        match asked {
            Asked::Schemas(known, reply) => self.schemas(&known, reply),
            Asked::Register(value, reply) => self.register(&value, reply),
            Asked::Activity(which, value, reply) => {
                match read(value, which, &self.shared.infos, &self.registered) {
                    Ok(request) => {
                        self.client.speaks(request.dialect);
                        self.activity(which, request, reply).await;
                    }
                    Err(refusal) => {
                        self.client.speaks(refusal.dialect);
                        reply.send(&refusal.ack);
                    }
                }
            }
        }
    }

    fn schemas(&self, known: &Value, reply: Option<Reply>) {
        self.client.speaks(Dialect {
            current: true,
            old: false,
        });
        let answer = schemas(&self.shared.infos, known.as_str());
        match reply {
            Some(reply) => reply.send(&answer),
            None => self.client.emit("schemas", &answer),
        }
    }

    /// Takes an `activity-object`; the ack's first argument is an error.
    fn register(&mut self, value: &Value, reply: Reply) {
        self.client.speaks(Dialect {
            current: false,
            old: true,
        });
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let Some(id) = text("id") else {
            return reply.send(&"activity object must contain an id property.".into());
        };
        if self.registered.len() < MAX_REGISTERED || self.registered.contains_key(&id) {
            let entity = Entity {
                id: id.clone(),
                kind: text("type").unwrap_or_default(),
                name: text("name"),
                ..Entity::default()
            };
            self.registered.insert(id, entity);
        }
        reply.send_nothing();
    }

    async fn activity(&mut self, which: Which, request: Request, reply: Reply) {
        let actor = request.actor.to_string();
        match (which, request.activity.kind.as_str()) {
            (Which::Credentials, _) => self.keep_credentials(request, reply),
            (_, "connect") => self.connect(request, reply).await,
            (_, "disconnect") => {
                if let Some(link) = self.links.remove(&actor)
                    // Under another nickname it may be attached still.
                    && !self.links.values().any(|other| Arc::ptr_eq(other, &link))
                {
                    let _ = link.inbox.send(ToLink::Detach(self.client.id)).await;
                }
                reply.send(&self.echo(&request, None));
            }
            _ => {
                let Some(link) = self.link_of(&request) else {
                    let error =
                        "no client found, and no credentials specified. you must connect first";
                    return reply.send(&self.echo(&request, Some(error)));
                };
                let message = ToLink::Perform {
                    client: Arc::clone(&self.client),
                    activity: request.activity,
                    room: request.room,
                    reply,
                };
                if let Err(mpsc::error::SendError(ToLink::Perform {
                    activity, reply, ..
                })) = link.inbox.send(message).await
                {
                    self.links.remove(&actor);
                    reply.send(&self.echo_of(
                        activity,
                        request.platform,
                        Some("the connection has ended. you must connect first"),
                    ));
                }
            }
        }
    }

    /// Finds the connection that the socket attached to as this actor, or as an earlier nickname of it.
    fn link_of(&self, request: &Request) -> Option<Arc<Link>> {
        if let Some(link) = self.links.get(&request.actor.to_string()) {
            return Some(Arc::clone(link));
        }
        let link = self.shared.find(&self.client.account, &request.actor)?;
        self.links
            .values()
            .any(|attached| Arc::ptr_eq(attached, &link))
            .then_some(link)
    }

    fn keep_credentials(&mut self, mut request: Request, reply: Reply) {
        let object = request.activity.object.take().unwrap_or_default();
        let platform = self.shared.platforms.get(request.platform);
        let error =
            platform.and_then(|platform| platform.credentials(&request.actor, &object).err());
        let actor = request.actor.to_string();
        if error.is_none()
            && (self.credentials.len() < MAX_CREDENTIALS || self.credentials.contains_key(&actor))
        {
            self.credentials.insert(actor, object);
        }
        if error.is_none() && self.client.dialect().only_old() {
            // There the first argument of the ack is an error.
            return reply.send_nothing();
        }
        reply.send(&self.echo(&request, error.as_deref()));
    }

    async fn connect(&mut self, request: Request, reply: Reply) {
        let actor = request.actor.to_string();
        let credentials = self.credentials.get(&actor);
        let account = &self.client.account;
        let found = self
            .shared
            .find_or_make(account, request.platform, &request.actor, credentials)
            .await;
        let link = match found {
            Ok(link) => link,
            Err(error) => return reply.send(&self.echo(&request, Some(&error))),
        };
        let message = ToLink::Attach {
            client: Arc::clone(&self.client),
            echo: request.activity,
            nick: request.actor.nick,
            reply: Some(reply),
        };
        if link.inbox.send(message).await.is_ok() {
            self.links.insert(actor, link);
        }
    }

    fn echo(&self, request: &Request, error: Option<&str>) -> Value {
        self.echo_of(request.activity.clone(), request.platform, error)
    }

    fn echo_of(&self, mut activity: model::Activity, platform: &str, error: Option<&str>) -> Value {
        activity.error = error.map(str::to_owned);
        let spelling = self.client.spelling();
        crate::dialect::render(
            &activity,
            &crate::dialect::View {
                dialect: self.client.dialect(),
                platform,
                full: self.client.full,
                alias: None,
                spelling: &|_| spelling,
            },
        )
    }
}
