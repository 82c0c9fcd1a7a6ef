//! MOTD, LUSERS, VERSION, TIME, INFO (RFC 2812, section 3.4).

use super::deliver::Reply;
use super::welcome::VERSION;
use super::{ClientId, Server};

/// Bytes of the message of the day in one line.
const MOTD_WIDTH: usize = 400;

impl Server {
    pub(super) fn send_motd(&mut self, id: ClientId) {
        if self.config.motd.trim().is_empty() {
            return self.reply(id, Reply::new(422, ["There is no message of the day"]));
        }
        let motd = self.config.motd.clone();
        let start = format!("- {} Message of the day -", self.config.name);
        self.reply(id, Reply::new(375, [start]));
        for line in motd.lines() {
            let line = super::names::clip(line, MOTD_WIDTH);
            self.reply(id, Reply::new(372, [format!("- {line}")]));
        }
        self.reply(id, Reply::new(376, ["End of the message of the day"]));
    }

    pub(super) fn send_lusers(&mut self, id: ClientId) {
        let clients = self.clients.len();
        let users = self.users.len();
        let invisible = self.users.values().filter(|user| user.invisible).count();
        let visible = users - invisible;
        let unregistered = self
            .clients
            .values()
            .filter(|client| client.user.is_none())
            .count();
        let administrators = self
            .users
            .keys()
            .filter(|&&user| self.is_administrator(user))
            .count();
        let most = self.most_users.max(users);
        let [users, most] = [users, most].map(|number| number.to_string());
        let reply = |code: u16, params: &[&str]| Reply::new(code, params.iter().copied());
        let text = format!("There are {visible} users and {invisible} invisible on 1 servers");
        let local = format!("Current local users {users}, max {most}");
        let global = format!("Current global users {users}, max {most}");
        for line in [
            reply(251, &[&text]),
            reply(252, &[&administrators.to_string(), "administrators online"]),
            reply(253, &[&unregistered.to_string(), "unknown connections"]),
            reply(254, &[&self.channels.len().to_string(), "channels formed"]),
            reply(255, &[&format!("I have {clients} clients and 0 servers")]),
            reply(265, &[&users, &most, &local]),
            reply(266, &[&users, &most, &global]),
        ] {
            self.reply(id, line);
        }
    }

    pub(super) fn on_version(&mut self, id: ClientId) {
        let name = self.config.name.clone();
        self.reply(
            id,
            Reply::new(351, [VERSION, name.as_str(), "The IRC server of Subspace"]),
        );
        self.send_isupport(id);
    }

    pub(super) fn on_time(&mut self, id: ClientId) {
        let name = self.config.name.clone();
        let time = self.now.wall.to_string();
        self.reply(id, Reply::new(391, [name, time]));
    }

    pub(super) fn on_info(&mut self, id: ClientId) {
        self.reply(
            id,
            Reply::new(371, ["Subspace: a team's chat over open protocols"]),
        );
        self.reply(id, Reply::new(374, ["End of INFO"]));
    }
}
