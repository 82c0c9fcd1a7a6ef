//! Handles one socket's requests, one after the other.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::Entity;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::clients::{Answer, Aspect, Client};
use crate::dialect::{Dialect, Request, Which, read, schemas};
use crate::hub::Hub;
use crate::link::{Link, ToLink};
use crate::platform::{PlatformInfo, Platforms};
use crate::sockets::client::{Reply, SocketAnswer, SocketClient};

/// Objects a socket may introduce with `activity-object`.
const MAX_REGISTERED: usize = 2_000;
/// Credentials a socket may have.
const MAX_CREDENTIALS: usize = 32;
/// An event of a client.
pub(crate) enum ClientEvent {
    Schemas(Value, Option<Reply>),
    Register(Value, Reply),
    Activity(Which, Value, Reply),
}

/// A socket's state; its events are handled one after the other.
pub(crate) struct Session {
    hub: Arc<Hub>,
    platforms: Arc<Platforms>,
    client: Arc<SocketClient>,
    registered: HashMap<String, Entity>,
    /// Credentials by actor; they last as long as the socket.
    credentials: HashMap<String, Value>,
    /// Connections by the actor the client connected as.
    links: HashMap<String, Arc<Link>>,
}

impl Session {
    pub(crate) fn new(
        hub: &Arc<Hub>,
        platforms: &Arc<Platforms>,
        client: &Arc<SocketClient>,
    ) -> Self {
        Self {
            hub: Arc::clone(hub),
            platforms: Arc::clone(platforms),
            client: Arc::clone(client),
            registered: HashMap::new(),
            credentials: HashMap::new(),
            links: HashMap::new(),
        }
    }

    pub(crate) async fn run(mut self, mut events: mpsc::Receiver<ClientEvent>) {
        let client = Arc::clone(&self.client);
        let gone = client.gone.notified();
        tokio::pin!(gone);
        loop {
            let next = tokio::select! {
                () = &mut gone => break,
                next = events.recv() => next,
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
            // Must not be lost: a connection without sockets is marked as away.
            let _ = link.send(ToLink::Detach(self.client.admitted().id)).await;
        }
    }

    async fn handle(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Schemas(known, reply) => self.schemas(&known, reply),
            ClientEvent::Register(value, reply) => self.register(&value, reply),
            ClientEvent::Activity(which, value, reply) => {
                match read(value, which, self.platforms.infos(), &self.registered) {
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
        let answer = schemas(self.platforms.infos(), known.as_str());
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
                    // It may still be attached under another nickname.
                    && !self.links.values().any(|other| Arc::ptr_eq(other, &link))
                {
                    let _ = link.send(ToLink::Detach(self.client.admitted().id)).await;
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
                    client: self.as_client(),
                    activity: request.activity,
                    room: request.room,
                    reply: self.answer(reply),
                };
                if let Err(unsent) = link.send(message).await
                    && let ToLink::Perform {
                        activity, reply, ..
                    } = *unsent
                {
                    self.links.remove(&actor);
                    let error = "the connection has ended. you must connect first";
                    let refusal = protocol::Activity {
                        error: Some(error.to_owned()),
                        ..activity
                    };
                    reply.answer(&refusal, &plain(&request.platform));
                }
            }
        }
    }

    /// Finds the connection the socket attached to as this actor, or as an earlier nickname of it.
    fn link_of(&self, request: &Request) -> Option<Arc<Link>> {
        if let Some(link) = self.links.get(&request.actor.to_string()) {
            return Some(Arc::clone(link));
        }
        let link = self
            .hub
            .find(self.client.admitted().account(), &request.actor)?;
        self.links
            .values()
            .any(|attached| Arc::ptr_eq(attached, &link))
            .then_some(link)
    }

    fn keep_credentials(&mut self, mut request: Request, reply: Reply) {
        let object = request.activity.object.take();
        let object = object.map_or(Value::Null, |object| object.to_value());
        let platform = self.platforms.get(request.platform.id());
        let error =
            platform.and_then(|kind| kind.platform.credentials(&request.actor, &object).err());
        let actor = request.actor.to_string();
        if error.is_none()
            && (self.credentials.len() < MAX_CREDENTIALS || self.credentials.contains_key(&actor))
        {
            self.credentials.insert(actor, object);
        }
        if error.is_none() && self.client.dialect().only_old() {
            // Here the first argument of the ack is an error.
            return reply.send_nothing();
        }
        reply.send(&self.echo(&request, error.as_deref()));
    }

    async fn connect(&mut self, request: Request, reply: Reply) {
        let actor = request.actor.to_string();
        let credentials = self.credentials.get(&actor);
        let account = self.client.admitted().account();
        let found = self
            .hub
            .find_or_make(account, request.platform.id(), &request.actor, credentials)
            .await;
        let link = match found {
            Ok(link) => link,
            Err(error) => return reply.send(&self.echo(&request, Some(&error))),
        };
        let message = ToLink::Attach {
            client: self.as_client(),
            echo: request.activity,
            nick: request.actor.nick,
            since: self.client.since,
            reply: self.answer(reply),
        };
        if link.send(message).await.is_ok() {
            self.links.insert(actor, link);
        }
    }

    fn echo(&self, request: &Request, error: Option<&str>) -> Value {
        self.echo_of(request.activity.clone(), &request.platform, error)
    }

    fn echo_of(
        &self,
        mut activity: protocol::Activity,
        platform: &PlatformInfo,
        error: Option<&str>,
    ) -> Value {
        activity.error = error.map(str::to_owned);
        self.client.render(&activity, &plain(platform))
    }

    fn as_client(&self) -> Arc<dyn Client> {
        Arc::<SocketClient>::clone(&self.client)
    }

    fn answer(&self, reply: Reply) -> Box<dyn Answer> {
        Box::new(SocketAnswer {
            client: Arc::clone(&self.client),
            reply,
        })
    }
}

/// How a platform looks to a client that is attached to no connection of it.
fn plain(platform: &PlatformInfo) -> Aspect<'_> {
    Aspect {
        platform,
        alias: None,
        folding: platform.descriptor.names.compare,
        spellings: None,
        missed: false,
    }
}
