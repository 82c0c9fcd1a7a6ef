//! The task of a connection: commands to the platform, outputs through the spool.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use model::{Activity, Assignment, Event};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ring::Ring;
use super::roster::{Roster, fold};
use super::viewer::Viewer;
use super::{Link, Status, ToLink};
use crate::clock::Backoff;
use crate::gateway::Shared;
use crate::metrics::add;
use crate::socket::{Client, Reply};
use crate::spool::{Durable, SpoolError};
use crate::{Attached, Command, ConnectionHandle, Output, Platform, RequestId, SocketId};

/// How long a full spool may hold a connection before it looks again.
const ROOM_PAUSE: Duration = Duration::from_secs(1);

/// What a request is told that would make the queue too long.
const TOO_MANY: &str = "too many requests wait for this connection; try again later";

/// A request that the platform has not answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) socket: SocketId,
    pub(super) echo: Activity,
    pub(super) reply: Option<Reply>,
    pub(super) kind: RequestKind,
}

#[derive(Debug)]
pub(super) enum RequestKind {
    Attach,
    /// A join: the folded channel; whether it is new to the socket; whether the account was there already.
    Join {
        channel: String,
        new: bool,
        known: bool,
    },
    Leave(String),
    Other,
}

/// An output on its way through the spool.
struct Waiting {
    durable: Option<Durable>,
    /// None: the platform's task ended here.
    output: Option<Output>,
}

pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) link: Arc<Link>,
    pub(super) assignment: Assignment,
    commands: Option<mpsc::Sender<Command>>,
    outputs: Option<mpsc::Receiver<Output>>,
    to_send: VecDeque<Command>,
    queue: VecDeque<Waiting>,
    /// An output that found the spool full.
    blocked: Option<Output>,
    /// Whether people were told so.
    held: bool,
    pub(super) requests: HashMap<RequestId, Request>,
    pub(super) viewers: HashMap<SocketId, Viewer>,
    pub(super) ring: Ring,
    pub(super) roster: Roster,
    /// Folded channels whose list is to be sent to sockets that are not in mode full, and when.
    pub(super) stale: HashSet<String>,
    pub(super) attendance_at: Option<Instant>,
    restart_at: Option<Instant>,
    backoff: Backoff,
    stop_at: Option<Instant>,
}

/// Starts the task of a connection.
pub(crate) fn start(
    shared: &Arc<Shared>,
    platform: Arc<dyn Platform>,
    assignment: Assignment,
    recent: Vec<Activity>,
) -> Arc<Link> {
    let (link, messages) = Link::new(&assignment.connection);
    let mut ring = Ring::new(shared.config.limits.recent);
    recent.into_iter().for_each(|activity| ring.push(activity));
    let mut task = Task {
        backoff: Backoff::new(shared.config.limits.retry),
        shared: Arc::clone(shared),
        platform,
        link: Arc::clone(&link),
        assignment,
        commands: None,
        outputs: None,
        to_send: VecDeque::new(),
        queue: VecDeque::new(),
        blocked: None,
        held: false,
        requests: HashMap::new(),
        viewers: HashMap::new(),
        ring,
        roster: Roster::default(),
        stale: HashSet::new(),
        attendance_at: None,
        restart_at: None,
        stop_at: None,
    };
    tokio::spawn(async move {
        task.begin();
        task.run(messages).await;
        task.fail_requests("the connection was stopped");
        task.link.set_status(Status::Offline);
        task.link.ended.send_replace(true);
    });
    link
}

impl Task {
    /// Lets the platform begin.
    fn begin(&mut self) {
        let (account, id) = (&self.assignment.account, &self.assignment.connection.id);
        let last_seen = self.shared.spool.last_seen(account, id);
        let ConnectionHandle { commands, outputs } =
            self.platform.start(self.assignment.clone(), last_seen);
        self.commands = Some(commands);
        self.outputs = Some(outputs);
        self.restart_at = None;
        self.roster.clear();
        self.to_send.clear();
        self.link.set_status(Status::Connecting);
        self.tell_audience();
        let sockets: Vec<Attached> = self.viewers.values().map(|v| attached(&v.client)).collect();
        for socket in sockets {
            // A socket that came meanwhile waits for its answer.
            let waits = |request: &Request| {
                request.socket == socket.socket && matches!(request.kind, RequestKind::Attach)
            };
            let waiting = self.requests.iter().find(|(_, request)| waits(request));
            let request = waiting.map_or_else(|| self.shared.request_id(), |(id, _)| *id);
            self.to_send.push_back(Command::Attach { request, socket });
        }
    }

    async fn run(&mut self, mut messages: mpsc::Receiver<ToLink>) {
        let shared = Arc::clone(&self.shared);
        let most = shared.config.limits.in_flight;
        loop {
            let reading = self.queue.len() < most && self.blocked.is_none();
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.handle(message),
                    None => return,
                },
                output = next_output(&mut self.outputs), if reading => self.take(output),
                shown = front(&mut self.queue) => {
                    if let Some(waiting) = self.queue.pop_front()
                        && shown
                        && self.release(waiting)
                    {
                        return;
                    }
                }
                permit = place(self.commands.clone()), if !self.to_send.is_empty() => {
                    if let (Some(permit), Some(command)) = (permit, self.to_send.pop_front()) {
                        permit.send(command);
                    }
                }
                () = room(&shared), if self.blocked.is_some() => {
                    if let Some(output) = self.blocked.take() {
                        self.take(Some(output));
                    }
                }
                () = at(self.restart_at) => self.begin(),
                () = at(self.attendance_at) => self.send_attendance(),
                () = at(self.stop_at) => return,
            }
        }
    }

    /// Takes an output of the platform: records it, and lets it wait for the disk.
    fn take(&mut self, output: Option<Output>) {
        let Some(output) = output else {
            self.outputs = None;
            self.commands = None;
            self.queue.push_back(Waiting {
                durable: None,
                output: None,
            });
            return;
        };
        let durable = match &output {
            Output::Activity { records, .. } if !records.is_empty() => {
                let event = |(id, body): &(String, model::EventBody)| Event {
                    id: id.clone(),
                    account: self.assignment.account.clone(),
                    connection: self.assignment.connection.id.clone(),
                    body: body.clone(),
                };
                let events: Vec<Event> = records.iter().map(event).collect();
                match self.shared.spool.append(&events) {
                    Ok((next, durable)) => {
                        self.held = false;
                        events
                            .iter()
                            .for_each(|event| self.link.note(&event.body, next));
                        Some(durable)
                    }
                    Err(error @ SpoolError::TooLarge(_)) => {
                        // No line of IRC is that long; nothing that cannot be recorded is shown.
                        tracing::error!(%error, "an event is dropped");
                        return;
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut self.held, true) {
                            self.trouble(&format!("messages are held back: {error}"));
                        }
                        self.blocked = Some(output);
                        return;
                    }
                }
            }
            _ => None,
        };
        self.queue.push_back(Waiting {
            durable,
            output: Some(output),
        });
    }

    /// Lets an output that is durable out; true if the task is over.
    fn release(&mut self, waiting: Waiting) -> bool {
        match waiting.output {
            Some(Output::Activity {
                activity,
                audience,
                records,
            }) => self.deliver(*activity, audience, &records),
            Some(Output::Done { request, result }) => self.done(request, result),
            None if self.stop_at.is_some() => return true,
            None => {
                let pause = self.backoff.pause();
                tracing::warn!(account = %self.assignment.account, connection = self.assignment.connection.id,
                    "a connection's task ended unexpectedly; it is started again");
                add(&self.shared.metrics.restarts);
                let text = "the connection ended unexpectedly and is started again";
                self.offline(text);
                self.fail_requests(&format!("{text}; try again in a moment"));
                self.restart_at = Some(Instant::now() + pause);
            }
        }
        false
    }

    pub(super) fn came_online(&mut self) {
        self.backoff.reset();
    }

    fn handle(&mut self, message: ToLink) {
        match message {
            ToLink::Attach {
                client,
                echo,
                nick,
                reply,
            } => self.attach(client, echo, &nick, reply),
            ToLink::Detach(socket) => {
                if self.viewers.remove(&socket).is_some() {
                    self.requests.retain(|_, request| request.socket != socket);
                    self.tell_audience();
                }
            }
            ToLink::Perform {
                client,
                activity,
                room,
                reply,
            } => {
                if let Some((room, spelling)) = &room
                    && let Some(viewer) = self.viewers.get_mut(&client.id)
                {
                    viewer.spells(&room.channel, *spelling);
                }
                let channel = room.map(|(room, _)| fold(&room.channel));
                self.perform(&client, activity, channel, reply);
            }
            ToLink::Reassign(assignment) => {
                *self.link.record() = assignment.connection.clone();
                self.assignment = (*assignment).clone();
                self.to_send.push_back(Command::Reassign(assignment));
            }
            ToLink::Stop(reason) => {
                self.stop_at = Some(Instant::now() + self.shared.config.limits.stop);
                if self.commands.is_none() {
                    self.stop_at = Some(Instant::now());
                }
                self.to_send.push_back(Command::Stop { reason });
            }
        }
    }

    fn attach(&mut self, client: Arc<Client>, echo: Activity, nick: &str, reply: Option<Reply>) {
        let (socket, full) = (client.id, attached(&client));
        if let Entry::Vacant(place) = self.viewers.entry(socket) {
            place.insert(Viewer::new(client, nick));
            self.tell_audience();
        }
        let waiting = Request {
            socket,
            echo,
            reply,
            kind: RequestKind::Attach,
        };
        if self.requests.len() >= self.shared.config.limits.requests {
            return self.answer(waiting, Err(TOO_MANY.to_owned()));
        }
        let request = self.shared.request_id();
        let is_full = full.full;
        let echo = Box::new(waiting.echo.clone());
        self.requests.insert(request, waiting);
        if self.commands.is_some() {
            self.to_send.push_back(Command::Attach {
                request,
                socket: full,
            });
        } else if is_full {
            self.tell_offline(socket);
            self.done(request, Ok(echo));
        }
    }

    fn perform(
        &mut self,
        client: &Client,
        activity: Activity,
        channel: Option<String>,
        reply: Reply,
    ) {
        let kind = match (activity.kind.as_str(), channel) {
            ("join", Some(channel)) => {
                let known = self.roster.knows(&channel);
                let viewer = self.viewers.get_mut(&client.id);
                let new = viewer.is_some_and(|viewer| {
                    viewer.attended.remove(&channel);
                    viewer.joined.insert(channel.clone())
                });
                RequestKind::Join {
                    channel,
                    new,
                    known,
                }
            }
            ("leave", Some(channel)) => RequestKind::Leave(channel),
            _ => RequestKind::Other,
        };
        let mut echo = activity.clone();
        echo.object = echo.object.filter(|_| activity.kind != "credentials");
        let request = Request {
            socket: client.id,
            echo,
            reply: Some(reply),
            kind,
        };
        let trouble = if self.commands.is_none() {
            Some("the connection is being started again; try again in a moment".to_owned())
        } else if self.to_send.len() + self.requests.len() >= self.shared.config.limits.requests {
            Some(TOO_MANY.to_owned())
        } else if activity.kind == "send" && self.shared.spool.is_full() {
            Some(
                "messages cannot be recorded at the moment, so nothing was sent; try again later"
                    .to_owned(),
            )
        } else {
            None
        };
        if let Some(error) = trouble {
            return self.answer(request, Err(error));
        }
        let id = self.shared.request_id();
        self.requests.insert(id, request);
        self.to_send.push_back(Command::Perform {
            request: id,
            socket: attached(client),
            activity,
        });
    }

    fn tell_audience(&mut self) {
        // Only the newest number counts.
        self.to_send
            .retain(|command| !matches!(command, Command::Audience { .. }));
        let sockets = self.viewers.len();
        self.to_send.push_back(Command::Audience { sockets });
    }

    pub(super) fn fail_requests(&mut self, error: &str) {
        for (_, request) in std::mem::take(&mut self.requests) {
            self.answer(request, Err(error.to_owned()));
        }
    }
}

fn attached(client: &Client) -> Attached {
    Attached {
        socket: client.id,
        full: client.full,
    }
}

async fn next_output(outputs: &mut Option<mpsc::Receiver<Output>>) -> Option<Output> {
    match outputs {
        Some(outputs) => outputs.recv().await,
        None => pending().await,
    }
}

/// Waits until the first output may be shown; false if it never may.
async fn front(queue: &mut VecDeque<Waiting>) -> bool {
    match queue.front_mut() {
        None => pending().await,
        Some(Waiting {
            durable: Some(durable),
            ..
        }) => durable.await.is_ok(),
        Some(_) => true,
    }
}

/// Waits for a place in the platform's queue; nothing if its task has ended, which its outputs tell.
async fn place(commands: Option<mpsc::Sender<Command>>) -> Option<mpsc::OwnedPermit<Command>> {
    match commands {
        Some(commands) => match commands.reserve_owned().await {
            Ok(permit) => Some(permit),
            Err(_) => pending().await,
        },
        None => pending().await,
    }
}

async fn room(shared: &Shared) {
    tokio::select! {
        () = shared.spool.room() => {}
        () = tokio::time::sleep(ROOM_PAUSE) => {}
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => pending().await,
    }
}
