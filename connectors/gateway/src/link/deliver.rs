//! Handling of outputs once they are durable.

use std::time::Duration;

use protocol::{
    Activity, ActivityObject, ConnectionObject, ConnectionStatus, Entity, EventBody, Folding,
};
use tokio::time::Instant;

use super::roster::nick;
use super::run::Task;
use super::unanswered::{Request, RequestKind};
use super::viewer::Viewer;
use crate::clients::Aspect;
use crate::platform::{Audience, RequestId};

/// Minimum interval between attendance lists: a netsplit must not cause thousands.
const ATTENDANCE_PAUSE: Duration = Duration::from_millis(200);

impl Task {
    /// Sends an activity to the sockets it is for.
    pub(super) fn deliver(
        &mut self,
        mut activity: Activity,
        audience: Audience,
        records: &[(String, EventBody)],
    ) {
        activity
            .published
            .get_or_insert_with(|| connector_kit::now().to_string());
        self.learn(&activity);
        let own = self.link.nick();
        let platform = &self.platform.info;
        let server = self.assignment.connection.server.clone();
        for (&socket, viewer) in &mut self.viewers {
            let meant = match audience {
                Audience::All => true,
                Audience::Except(other) => socket != other,
                Audience::Only(only) => socket == only,
                Audience::Full => viewer.is_full(),
            };
            if meant {
                viewer.show(&activity, platform, &server, &own);
            }
        }
        // Only what was said, and what is about that, is told again: who came and went since is in the snapshot, and an own departure told after
        // it would undo it.
        let recorded = |(_, body): &(String, EventBody)| matches!(body, EventBody::Message { .. });
        if is_said(&activity) && records.iter().any(recorded) {
            self.ring.push(activity);
        }
    }

    /// Updates nickname, state and member lists.
    fn learn(&mut self, activity: &Activity) {
        let own = self.link.nick();
        if let Some(ActivityObject::Connection(state)) = &activity.object {
            self.link.set_status(state.status);
            if state.status == ConnectionStatus::Online {
                self.came_online();
            }
            if let Some(folding) = state.casemapping {
                self.refold(folding);
            }
            if let Some(nick) = state.nick.as_deref().filter(|nick| !nick.is_empty()) {
                self.link.set_nick(nick);
            }
        }
        let changed = self.roster.note(activity, &own);
        if activity.kind == "update"
            && activity.object_type() == Some("address")
            && nick(activity.actor.as_ref())
                .is_some_and(|nick| self.link.folding().same(nick, &own))
            && let Some(new) = nick(activity.target.as_ref())
        {
            self.link.set_nick(new);
        }
        let anybody = self.viewers.values().any(|viewer| !viewer.is_full());
        if anybody && !changed.is_empty() {
            self.stale.extend(changed);
            self.attendance_at
                .get_or_insert_with(|| Instant::now() + ATTENDANCE_PAUSE);
        }
    }

    /// The network has announced its case mapping.
    fn refold(&mut self, folding: Folding) {
        if self.link.folding() == folding {
            return;
        }
        self.link.set_folding(folding);
        self.roster.refold(folding);
        for viewer in self.viewers.values_mut() {
            viewer.refold(folding);
        }
    }

    /// Sends changed lists to sockets that are not in full mode.
    pub(super) fn send_attendance(&mut self) {
        self.attendance_at = None;
        let sockets: Vec<_> = self
            .viewers
            .iter()
            .filter(|(_, v)| !v.is_full())
            .map(|(id, _)| *id)
            .collect();
        for channel in std::mem::take(&mut self.stale) {
            for socket in &sockets {
                self.show_attendance(*socket, &channel);
            }
        }
        for (socket, channel) in std::mem::take(&mut self.arrived) {
            self.show_room(socket, &channel);
        }
    }

    fn show_attendance(&mut self, socket: u64, channel: &str) {
        let own = self.link.nick();
        let server = self.assignment.connection.server.clone();
        let list = self
            .roster
            .attendance(self.platform.info.id(), &server, channel, &own);
        if let (Some(mut list), Some(viewer)) = (list, self.viewers.get_mut(&socket)) {
            list.published = Some(connector_kit::now().to_string());
            viewer.show(&list, &self.platform.info, &server, &own);
        }
    }

    /// Completes a request.
    pub(super) fn done(&mut self, id: RequestId, result: Result<Box<Activity>, String>) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        let socket = request.socket;
        match (&request.kind, &result) {
            (RequestKind::Attach, Ok(_)) => {
                self.answer(request, result);
                self.replay(socket);
            }
            (
                RequestKind::Join {
                    channel,
                    known: true,
                    ..
                },
                Ok(_),
            ) => {
                let channel = channel.clone();
                self.answer(request, result);
                // Gives the platform a moment to report what the socket cannot have received yet.
                self.arrived.push((socket, channel));
                self.attendance_at
                    .get_or_insert_with(|| Instant::now() + ATTENDANCE_PAUSE);
            }
            (
                RequestKind::Join {
                    channel, new: true, ..
                },
                Err(_),
            ) => {
                if let Some(viewer) = self.viewers.get_mut(&socket) {
                    viewer.joined.remove(channel);
                }
                self.answer(request, result);
            }
            (RequestKind::Leave(channel), Ok(_)) => {
                if let Some(viewer) = self.viewers.get_mut(&socket) {
                    viewer.joined.remove(channel);
                }
                self.answer(request, result);
            }
            _ => {
                if let Ok(activity) = &result {
                    // An answer may contain the members of a room.
                    self.learn(activity);
                }
                self.answer(request, result);
            }
        }
    }

    /// A socket joined a room the account is already in. Nothing happens on the network that would report it, so it
    /// is reported here unless the platform did so.
    fn show_room(&mut self, socket: u64, channel: &str) {
        let untold = |viewer: &Viewer| !viewer.is_full() && !viewer.attended.contains(channel);
        if !self.viewers.get(&socket).is_some_and(untold) {
            return;
        }
        self.show_attendance(socket, channel);
        let own = self.link.nick();
        let server = self.assignment.connection.server.clone();
        if let (Some(topic), Some(viewer)) =
            (self.roster.topic(channel), self.viewers.get_mut(&socket))
        {
            viewer.show(topic, &self.platform.info, &server, &own);
        }
    }

    /// Sends a full-mode socket what it missed.
    fn replay(&mut self, socket: u64) {
        let own = self.link.nick();
        let Some(viewer) = self.viewers.get_mut(&socket) else {
            return;
        };
        let Some(since) = viewer.replay.take() else {
            return;
        };
        for activity in self.ring.since(since) {
            viewer.show_missed(&activity, &self.platform.info, &own);
        }
    }

    /// Sends the ack: the result of the request, or the request with an error.
    pub(super) fn answer(&self, request: Request, result: Result<Box<Activity>, String>) {
        let Some(reply) = request.reply else {
            return;
        };
        let activity = match result {
            Ok(mut activity) => {
                // Clients treat the ack of `connect` as a message, and messages always have an actor.
                if activity.actor.is_none() {
                    activity.actor = request.echo.actor;
                }
                *activity
            }
            Err(error) => Activity {
                error: Some(error),
                ..request.echo
            },
        };
        let own = self.link.nick();
        match self.viewers.get(&request.socket) {
            Some(viewer) => viewer.answer(reply, &activity, &self.platform.info, &own),
            None => reply.answer(
                &activity,
                &Aspect {
                    platform: &self.platform.info,
                    alias: None,
                    folding: self.link.folding(),
                    spellings: None,
                    missed: false,
                },
            ),
        }
    }

    /// Reports a problem that is not the answer to a request to full-mode sockets.
    pub(super) fn trouble(&self, text: &str) {
        let actor = Entity::service(&self.assignment.connection.server);
        let mut activity = Activity::new(self.platform.info.id(), "error", actor);
        activity.error = Some(text.to_owned());
        self.tell_full(activity);
    }

    /// Reports to full-mode sockets that the connection is down.
    pub(super) fn offline(&self, text: &str) {
        self.link.set_status(ConnectionStatus::Offline);
        let activity = self.offline_state(text);
        self.tell_full(activity);
    }

    /// Reports it to one full-mode socket.
    pub(super) fn tell_offline(&self, socket: u64) {
        let mut activity = self.offline_state("the connection is being restarted");
        activity.published = Some(connector_kit::now().to_string());
        if let Some(viewer) = self.viewers.get(&socket) {
            let own = self.link.nick();
            viewer.show_all(&activity, &self.platform.info, &own);
        }
    }

    fn offline_state(&self, text: &str) -> Activity {
        let (server, nick) = (&self.assignment.connection.server, self.link.nick());
        let mut activity =
            Activity::new(self.platform.info.id(), "update", Entity::service(server));
        activity.target = Some(Entity::person(&nick, server));
        activity.object = Some(ActivityObject::Connection(ConnectionObject {
            status: ConnectionStatus::Offline,
            content: Some(text.to_owned()),
            nick: Some(nick),
            casemapping: None,
            supports: None,
            certificate: None,
            rest: serde_json::Map::new(),
        }));
        activity
    }

    fn tell_full(&self, mut activity: Activity) {
        activity.published = Some(connector_kit::now().to_string());
        let own = self.link.nick();
        for viewer in self.viewers.values().filter(|viewer| viewer.is_full()) {
            viewer.show_all(&activity, &self.platform.info, &own);
        }
    }
}

/// Whether something was said, or done to what was said.
pub(super) fn is_said(activity: &Activity) -> bool {
    match activity.kind.as_str() {
        "send" | "delete" => true,
        "update" => activity.object_type() == Some("message"),
        _ => activity.object_type() == Some("reaction"),
    }
}
