//! Sockets that attach, and what they are sent.

use gateway::{Attached, Audience, RequestId};

use super::Session;
use super::connection::Phase;
use crate::descriptor::PLATFORM;

/// Sockets that may be waiting for the connection.
const MAX_WAITING: usize = 256;

/// Sockets waiting for the connection to come online.
#[derive(Debug, Default)]
pub(super) struct Attachments(Vec<(RequestId, Attached)>);

impl Session {
    pub(super) fn attach(&mut self, request: RequestId, socket: Attached) {
        if socket.full {
            let only = Audience::Only(socket.socket);
            let state = self.state();
            self.publish(state, only);
            let names: Vec<String> = self.link.channels.names().map(str::to_owned).collect();
            for name in names {
                self.show_room(&name, only, true);
            }
            self.attached(request);
        } else if self.is_online() {
            self.attached(request);
        } else if let (Phase::Offline { .. }, true) = (self.phase, self.failures > 0) {
            let sentence = self.status.clone();
            self.done(request, Err(sentence));
        } else if matches!(self.phase, Phase::Ended | Phase::Stopping { .. })
            || self.attachments.0.len() >= MAX_WAITING
        {
            self.done(request, Err("The connection was ended.".to_owned()));
        } else {
            self.attachments.0.push((request, socket));
        }
    }

    fn attached(&mut self, request: RequestId) {
        let mut activity = protocol::Activity::new(PLATFORM, "connect", self.me());
        activity.published = Some(self.now.wall.to_string());
        self.done(request, Ok(activity));
    }

    pub(super) fn attached_online(&mut self) {
        for (request, _) in std::mem::take(&mut self.attachments.0) {
            self.attached(request);
        }
    }

    pub(super) fn attachments_failed(&mut self, sentence: &str) {
        for (request, _) in std::mem::take(&mut self.attachments.0) {
            self.done(request, Err(sentence.to_owned()));
        }
    }
}
