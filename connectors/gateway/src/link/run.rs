//! A connection's task: commands to the platform, outputs through the spool.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use program::Seldom;
use protocol::{Activity, Assignment, ConnectionStatus, Event, EventBody, MessageType};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::delivery::Delivery;
use super::ring::Ring;
use super::roster::Roster;
use super::unanswered::{Request, RequestKind, attached};
use super::viewer::Viewer;
use super::{Link, ToLink, missed, readable};
use crate::platform::{
    Attached, Command, ConnectionHandle, Offered, Output, RequestId, SocketId, TaskOutcome,
};
use crate::spool::{Durable, Spool, SpoolError};
use connector_kit::Backoff;

/// How long a connection blocked by a full spool waits before it checks again.
const ROOM_PAUSE: Duration = Duration::from_secs(1);

/// Outputs that an idle connection keeps room for.
const ROOM_FOR_OUTPUTS: usize = 8;

static DROPPED: Seldom = Seldom::new();
static ENDED: Seldom = Seldom::new();

/// An output that is on its way through the spool.
struct Waiting {
    durable: Option<Durable>,
    /// `None` if the platform's task ended here.
    output: Option<Output>,
}

pub(super) struct Task {
    pub(super) delivery: Arc<Delivery>,
    pub(super) platform: Offered,
    pub(super) link: Arc<Link>,
    pub(super) assignment: Assignment,
    pub(super) commands: Option<mpsc::Sender<Command>>,
    outputs: Option<mpsc::Receiver<Output>>,
    pub(super) to_send: VecDeque<Command>,
    queue: VecDeque<Waiting>,
    /// An output that did not fit into the full spool.
    blocked: Option<Output>,
    /// Whether clients have been notified of that.
    held_back: bool,
    pub(super) requests: HashMap<RequestId, Request>,
    /// Tasks the platform is carrying out, by request.
    pub(super) says: HashMap<RequestId, String>,
    pub(super) viewers: HashMap<SocketId, Viewer>,
    pub(super) ring: Ring,
    pub(super) roster: Roster,
    /// Channels whose list is due to be sent to sockets that are not in full mode, and when.
    pub(super) stale: HashSet<String>,
    pub(super) attendance_at: Option<Instant>,
    /// Sockets that joined a channel the account is already in, with the channel.
    pub(super) arrived: Vec<(SocketId, String)>,
    restart_at: Option<Instant>,
    backoff: Backoff,
    pub(super) stop_at: Option<Instant>,
}

/// Starts a connection's task.
pub(crate) fn start(
    delivery: &Arc<Delivery>,
    platform: Offered,
    assignment: Assignment,
    recent: Vec<Activity>,
) -> Arc<Link> {
    let (link, messages) = Link::new(
        &assignment.connection,
        platform.info.descriptor.names.compare,
    );
    let mut ring = Ring::new(delivery.limits().recent);
    recent.into_iter().for_each(|activity| ring.push(activity));
    let mut task = Task {
        backoff: Backoff::new(delivery.limits().retry),
        delivery: Arc::clone(delivery),
        platform,
        link: Arc::clone(&link),
        assignment,
        commands: None,
        outputs: None,
        to_send: VecDeque::new(),
        queue: VecDeque::new(),
        blocked: None,
        held_back: false,
        requests: HashMap::new(),
        says: HashMap::new(),
        viewers: HashMap::new(),
        ring,
        roster: Roster::new(link.folding()),
        stale: HashSet::new(),
        attendance_at: None,
        arrived: Vec::new(),
        restart_at: None,
        stop_at: None,
    };
    tokio::spawn(async move {
        task.begin();
        task.run(messages).await;
        task.fail_requests("the connection was stopped");
        task.link.set_status(ConnectionStatus::Offline);
        task.link.ended.send_replace(true);
    });
    link
}

impl Task {
    /// Starts the platform.
    fn begin(&mut self) {
        let (account, id) = (&self.assignment.account, &self.assignment.connection.id);
        let last_seen = self.delivery.spool().last_seen(
            account,
            id,
            // The network has not announced its case mapping yet.
            self.platform.info.descriptor.names.compare.at_least(),
        );
        let ConnectionHandle { commands, outputs } = self
            .platform
            .platform
            .start(self.assignment.clone(), last_seen);
        self.commands = Some(commands);
        self.outputs = Some(outputs);
        self.restart_at = None;
        self.roster.clear();
        self.to_send.clear();
        self.link.set_status(ConnectionStatus::Connecting);
        self.tell_audience();
        let sockets: Vec<Attached> = self
            .viewers
            .values()
            .map(|v| attached(&*v.client))
            .collect();
        for socket in sockets {
            // A socket that attached meanwhile waits for its answer.
            let waits = |request: &Request| {
                request.socket == socket.socket && matches!(request.kind, RequestKind::Attach)
            };
            let waiting = self.requests.iter().find(|(_, request)| waits(request));
            let request = waiting.map_or_else(|| self.delivery.request_id(), |(id, _)| *id);
            self.to_send.push_back(Command::Attach { request, socket });
        }
    }

    async fn run(&mut self, mut messages: mpsc::Receiver<Box<ToLink>>) {
        let delivery = Arc::clone(&self.delivery);
        let mut trouble = delivery.spool().trouble();
        let most = delivery.limits().in_flight;
        loop {
            let reading = self.queue.len() < most && self.blocked.is_none();
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.handle(*message),
                    None => return,
                },
                output = next_output(&mut self.outputs), if reading => self.take(output),
                shown = front(&mut self.queue) => {
                    let waiting = self.queue.pop_front();
                    if self.queue.is_empty() && self.queue.capacity() > ROOM_FOR_OUTPUTS {
                        self.queue = VecDeque::new();
                    }
                    if let Some(waiting) = waiting
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
                () = room(delivery.spool()), if self.blocked.is_some() => {
                    if let Some(output) = self.blocked.take() {
                        self.take(Some(output));
                    }
                }
                // Never closed: the delivery holds the spool.
                Ok(()) = trouble.changed() => {
                    let refusal = *trouble.borrow_and_update();
                    self.disk_refuses(refusal);
                }
                () = at(self.restart_at) => self.begin(),
                () = at(self.attendance_at) => self.send_attendance(),
                () = at(self.stop_at) => return,
            }
        }
    }

    /// Notifies clients, whose messages now wait for the disk.
    fn disk_refuses(&mut self, refusal: Option<durable::Refusal>) {
        match refusal {
            Some(refusal) if !self.queue.is_empty() => self.hold_back(&refusal.into()),
            Some(_) => {}
            None => self.held_back = false,
        }
    }

    fn hold_back(&mut self, error: &SpoolError) {
        if !std::mem::replace(&mut self.held_back, true) {
            self.trouble(&format!("messages are held back: {error}"));
        }
    }

    /// Takes an output of the platform: records it, and queues it until it is durable.
    fn take(&mut self, mut output: Option<Output>) {
        // Others leaving is not news while everyone is leaving: it would be written to every archive just then.
        if (self.stop_at.is_some() || self.delivery.is_closing())
            && let Some(Output::Activity { records, .. }) = &mut output
        {
            records.retain(|(_, body)| !is_passage(body));
        }
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
            Output::Activity { records, seen, .. } if !records.is_empty() => {
                let (own, alone) = (self.link.nick(), self.viewers.is_empty());
                let folding = self.link.folding();
                let platform = &self.platform.info.descriptor;
                let event = |(id, body): &(String, EventBody)| {
                    let mut body = body.clone();
                    let calls = alone && missed::calls(&body, &own, folding, platform);
                    if let EventBody::Message { missed, .. } = &mut body {
                        *missed = calls;
                    }
                    readable::complete(&mut body, &self.ring);
                    Event {
                        id: id.clone(),
                        account: self.assignment.account.clone(),
                        connection: self.assignment.connection.id.clone(),
                        body,
                    }
                };
                let events: Vec<Event> = records.iter().map(event).collect();
                match self.delivery.append(&events, *seen) {
                    Ok((next, durable)) => {
                        self.held_back = false;
                        events
                            .iter()
                            .for_each(|event| self.link.note(&event.body, next));
                        Some(durable)
                    }
                    Err(error @ SpoolError::TooLarge(_)) => {
                        // No message is that long; what cannot be recorded is not shown.
                        if let Some(left_out) = DROPPED.say() {
                            tracing::error!(%error, left_out, "an event is dropped");
                        }
                        return;
                    }
                    Err(error) => {
                        self.hold_back(&error);
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

    /// Releases an output that is durable; returns true if the task is over.
    fn release(&mut self, waiting: Waiting) -> bool {
        match waiting.output {
            Some(Output::Activity {
                activity,
                audience,
                records,
                ..
            }) => self.deliver(*activity, audience, &records),
            Some(Output::Done { request, result }) => self.done(request, result),
            Some(Output::Said { request, said }) => self.said(request, said),
            None if self.stop_at.is_some() => return true,
            None => {
                let pause = self.backoff.pause();
                if let Some(left_out) = ENDED.say() {
                    tracing::warn!(account = %self.assignment.account, connection = self.assignment.connection.id, left_out,
                        "a connection's task ended unexpectedly; restarting it");
                }
                self.delivery.count_restart();
                let text = "the connection ended unexpectedly and is being restarted";
                self.offline(text);
                // One of these may be the cause.
                self.fail_says(|error| TaskOutcome::Lost(error.to_owned()), text);
                self.fail_requests(&format!("{text}; try again in a moment"));
                self.restart_at = Some(Instant::now() + pause);
            }
        }
        false
    }

    pub(super) fn came_online(&mut self) {
        self.backoff.reset();
        // Tasks may have been waiting for this connection.
        self.delivery.outbox().wake();
    }

    pub(super) fn tell_audience(&mut self) {
        // Only the latest number matters.
        self.to_send
            .retain(|command| !matches!(command, Command::Audience { .. }));
        let sockets = self.viewers.len();
        self.to_send.push_back(Command::Audience { sockets });
    }
}

/// Returns whether the event says that someone joined, left or changed their nick.
fn is_passage(body: &EventBody) -> bool {
    let EventBody::Message { message, .. } = body else {
        return false;
    };
    matches!(
        message.kind,
        MessageType::Join | MessageType::Leave | MessageType::Nick
    )
}

async fn next_output(outputs: &mut Option<mpsc::Receiver<Output>>) -> Option<Output> {
    match outputs {
        Some(outputs) => outputs.recv().await,
        None => pending().await,
    }
}

/// Waits until the first output may be shown; returns false if it never may be.
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

/// Waits for room in the platform's queue; returns `None` if its task has ended, which its outputs report.
async fn place(commands: Option<mpsc::Sender<Command>>) -> Option<mpsc::OwnedPermit<Command>> {
    match commands {
        Some(commands) => match commands.reserve_owned().await {
            Ok(permit) => Some(permit),
            Err(_) => pending().await,
        },
        None => pending().await,
    }
}

async fn room(spool: &Spool) {
    tokio::select! {
        () = spool.room() => {}
        () = tokio::time::sleep(ROOM_PAUSE) => {}
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => pending().await,
    }
}
