//! Time limits: registration, PING and PONG.

use irc_codec::Message;

use super::outbox::When;
use super::reply::wire;
use super::{ClientId, Now, Server};

impl Server {
    /// Returns when [`Server::handle_timeout`] should be called, in ticks.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let deadline = self.deadlines.first().map(|&(deadline, _)| deadline);
        deadline.into_iter().chain(self.unsaved.retry_at()).min()
    }

    /// Handles the passing of time.
    pub fn handle_timeout(&mut self, now: Now) {
        self.now = now;
        while let Some(&(deadline, id)) = self.deadlines.first() {
            if deadline > now.ticks {
                break;
            }
            self.deadlines.remove(&(deadline, id));
            self.on_deadline(id);
        }
        // One is enough to learn whether the disk works; the others follow once it is written.
        if let Some(subject) = self.unsaved.take_one(now.ticks) {
            self.save_again(subject);
        }
        if self.addresses.len() > self.clients.len() {
            self.addresses
                .retain(|_, address| address.clients > 0 || address.forget_failures_at > now.ticks);
        }
    }

    fn on_deadline(&mut self, id: ClientId) {
        let limits = &self.config.limits;
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if client.registration.is_some() {
            let seconds = limits.registration_ms / 1000;
            self.disconnect(
                id,
                &format!("Registration took longer than {seconds} seconds"),
            );
            return;
        }
        let silent = self.now.ticks.saturating_sub(client.last_activity);
        let next = if client.pinged {
            let seconds = silent / 1000;
            self.disconnect(id, &format!("Ping timeout: {seconds} seconds"));
            return;
        } else if silent >= limits.ping_ms
            || client
                .playback
                .as_ref()
                .is_some_and(|playback| playback.sent > playback.acknowledged)
        {
            // An active client is sent a PING too, to find out what has arrived.
            client.pinged = true;
            self.now.ticks + limits.pong_ms
        } else {
            client.last_activity + limits.ping_ms
        };
        client.deadline = next;
        self.deadlines.insert((next, id));
        if self.clients.get(&id).is_some_and(|client| client.pinged) {
            self.note_ping(id);
            // Without a source, as other servers send it: simple programs look only for lines that begin with PING.
            let line = wire(&Message::new("PING", [self.config.name.as_str()]));
            self.push(id, line, When::Always);
        }
    }

    pub(super) fn on_ping(&mut self, id: ClientId, message: &Message) {
        let answer = [self.config.name.as_str(), message.param(0)];
        let answer = Message::new("PONG", answer);
        self.reply_message(id, answer);
    }
}
