//! QUIT, and the end of a connection for any reason (RFC 2812, section 3.1.7).

use irc_codec::Message;

use super::client::UserId;
use super::departure::Departure;
use super::outbox::When;
use super::seen::ANY;
use super::{ClientId, Now, Server, names};

impl Server {
    pub(super) fn on_quit(&mut self, id: ClientId, message: &Message) {
        let text = names::clip(message.param(0), self.config.limits.text);
        self.end(id, Departure::Quit(text.to_owned()));
    }

    /// Sends ERROR with the reason, closes, and forgets a client.
    pub(super) fn disconnect(&mut self, id: ClientId, reason: &str) {
        self.end(id, Departure::Lost(reason.to_owned()));
    }

    fn end(&mut self, id: ClientId, how: Departure) {
        // The response so far comes before the ERROR.
        if self
            .response
            .as_ref()
            .is_some_and(|response| response.client == id)
        {
            self.finish_response();
        }
        let line = super::reply::wire(&Message::new("ERROR", [how.reason()]));
        self.push(
            id,
            names::clip(&line, super::reply::LINE - 2).to_owned(),
            When::Always,
        );
        self.outbox.close(id);
        self.forget(id, &how);
    }

    /// A connection ended on its own.
    pub fn handle_closed(&mut self, id: ClientId, how: &Departure, now: Now) {
        self.now = now;
        self.forget(id, how);
    }

    /// The server is stopping: everyone is told.
    pub fn handle_shutdown(&mut self, reason: &str, now: Now) {
        self.now = now;
        self.end_all_playbacks();
        let all: Vec<ClientId> = self.clients.keys().copied().collect();
        for id in all {
            let line = super::reply::wire(&Message::new("ERROR", [reason]));
            self.push(id, line, When::Always);
            self.outbox.close(id);
        }
        self.clients.clear();
    }

    fn forget(&mut self, id: ClientId, how: &Departure) {
        let Some(client) = self.clients.remove(&id) else {
            return;
        };
        self.deadlines.remove(&(client.deadline, id));
        for nick in client.monitor.keys() {
            self.unmonitor(id, nick);
        }
        self.leave_address(client.peer.address);
        self.end_playback(&client, how);
        let Some(user_id) = client.user else {
            return;
        };
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        user.sessions.retain(|session| *session != id);
        if user.sessions.is_empty() {
            self.quit(user_id, how);
        } else {
            self.update_away(user_id);
        }
    }

    fn quit(&mut self, user_id: UserId, how: &Departure) {
        let (shown, hidden) = self.divide(user_id, self.neighbours(user_id));
        let event = self.event(user_id, "QUIT", [how.reason()]);
        self.relay(shown, &event, When::Always);
        let event = self.event(user_id, "QUIT", [how.without_text().reason()]);
        self.relay(hidden, &event, When::Always);
        let Some(user) = self.users.remove(&user_id) else {
            return;
        };
        self.nicks.remove(&names::fold(&user.nick));
        for key in &user.channels {
            if let Some(channel) = self.channels.get_mut(key) {
                channel.members.remove(&user_id);
            }
            self.forget_if_empty(key);
        }
        self.notify_monitors(&user.nick, false);
        if let Some(account) = &user.account {
            self.note_seen(account, ANY, self.last_id);
        }
        self.remember_for_whowas(&user);
    }
}
