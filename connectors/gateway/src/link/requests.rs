//! Client requests to a connection.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use protocol::{Activity, Timestamp};
use tokio::time::Instant;

use super::ToLink;
use super::deliver::is_said;
use super::run::Task;
use super::unanswered::{Request, RequestKind, attached};
use super::viewer::Viewer;
use crate::clients::{Answer, Client};
use crate::platform::{Command, RequestId, SayTask, TaskOutcome};

/// Refusal of a request that would make the queue too long.
const TOO_MANY: &str = "too many requests are waiting for this connection; try again later";

impl Task {
    pub(super) fn handle(&mut self, message: ToLink) {
        match message {
            ToLink::Attach {
                client,
                echo,
                nick,
                since,
                reply,
            } => self.attach(client, echo, &nick, since, reply),
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
                    && let Some(viewer) = self.viewers.get_mut(&client.admitted().id)
                {
                    viewer.spells(&room.channel, *spelling);
                }
                let channel = room.map(|(room, _)| room.channel);
                self.perform(&*client, activity, channel, reply);
            }
            ToLink::Recall {
                conversation,
                answer,
            } => {
                let (own, folding) = (self.link.nick(), self.link.folding());
                // Nobody may be waiting any more.
                let _ = answer.send(self.ring.recall(conversation.as_deref(), &own, folding));
            }
            ToLink::Say(saying) => self.say(saying),
            ToLink::Reassign(assignment) => {
                *self.link.record() = assignment.connection.clone();
                self.assignment = (*assignment).clone();
                self.to_send.push_back(Command::Reassign(assignment));
            }
            ToLink::Stop(reason) => {
                self.stop_at = Some(Instant::now() + self.delivery.limits().stop);
                if self.commands.is_none() {
                    self.stop_at = Some(Instant::now());
                }
                self.to_send.push_back(Command::Stop { reason });
            }
        }
    }

    fn attach(
        &mut self,
        client: Arc<dyn Client>,
        echo: Activity,
        nick: &str,
        since: Option<Timestamp>,
        reply: Box<dyn Answer>,
    ) {
        let full = attached(&*client);
        let socket = full.socket;
        if let Entry::Vacant(place) = self.viewers.entry(socket) {
            place.insert(Viewer::new(client, nick, since, self.link.folding()));
            self.tell_audience();
        }
        let waiting = Request {
            socket,
            echo,
            reply: Some(reply),
            kind: RequestKind::Attach,
        };
        if self.requests.len() >= self.delivery.limits().requests {
            return self.answer(waiting, Err(TOO_MANY.to_owned()));
        }
        let request = self.delivery.request_id();
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
        client: &dyn Client,
        activity: Activity,
        channel: Option<String>,
        reply: Box<dyn Answer>,
    ) {
        let kind = match (activity.kind.as_str(), channel) {
            ("join", Some(channel)) => {
                let known = self.roster.knows(&channel);
                let viewer = self.viewers.get_mut(&client.admitted().id);
                let new = viewer.is_some_and(|viewer| {
                    viewer.attended.remove(&channel);
                    viewer.joined.insert(&channel, ())
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
            socket: client.admitted().id,
            echo,
            reply: Some(reply),
            kind,
        };
        let trouble = if self.commands.is_none() {
            Some("the connection is being restarted; try again in a moment".to_owned())
        } else if self.to_send.len() + self.requests.len() >= self.delivery.limits().requests {
            Some(TOO_MANY.to_owned())
        } else if is_said(&activity) {
            let room = self.delivery.spool().room_for(&self.assignment.account);
            room.err()
                .map(|error| format!("{error}, so nothing was sent; try again later"))
        } else {
            None
        };
        if let Some(error) = trouble {
            return self.answer(request, Err(error));
        }
        let id = self.delivery.request_id();
        self.requests.insert(id, request);
        self.to_send.push_back(Command::Perform {
            request: id,
            socket: attached(client),
            activity: Box::new(activity),
        });
    }

    fn say(&mut self, saying: Box<SayTask>) {
        if self.commands.is_none() || self.stop_at.is_some() {
            let later = TaskOutcome::Later("the connection is being restarted".to_owned());
            return self.delivery.outbox().report(&saying.id, later);
        }
        let request = self.delivery.request_id();
        self.says.insert(request, saying.id.clone());
        self.to_send.push_back(Command::Say { request, saying });
    }

    /// Handles the outcome of a task, once it is recorded.
    pub(super) fn said(&mut self, request: RequestId, said: TaskOutcome) {
        let id = match &said {
            TaskOutcome::Part(_) => self.says.get(&request).cloned(),
            _ => self.says.remove(&request),
        };
        if let Some(id) = id {
            self.delivery.outbox().report(&id, said);
        }
    }

    /// Ends tasks in progress: nothing more will be reported about them.
    pub(super) fn fail_says(&mut self, how: fn(&str) -> TaskOutcome, error: &str) {
        for (_, id) in std::mem::take(&mut self.says) {
            self.delivery.outbox().report(&id, how(error));
        }
    }

    pub(super) fn fail_requests(&mut self, error: &str) {
        self.fail_says(|error| TaskOutcome::Later(error.to_owned()), error);
        for (_, request) in std::mem::take(&mut self.requests) {
            self.answer(request, Err(error.to_owned()));
        }
    }
}
