//! MOTD, LUSERS, VERSION, TIME, INFO (RFC 2812, section 3.4).

use irc_codec::{Numeric, numeric};

use super::reply::Reply;
use super::welcome::VERSION;
use super::{ClientId, Server};

/// Bytes of the message of the day per line.
const MOTD_WIDTH: usize = 400;

impl Server {
    pub(super) fn send_motd(&mut self, id: ClientId) {
        if self.config.motd.trim().is_empty() {
            return self.reply(
                id,
                Reply::new(numeric::ERR_NOMOTD, ["There is no message of the day"]),
            );
        }
        let motd = self.config.motd.clone();
        let start = format!("- {} Message of the day -", self.config.name);
        self.reply(id, Reply::new(numeric::RPL_MOTDSTART, [start]));
        for line in motd.lines() {
            let line = super::names::clip(line, MOTD_WIDTH);
            self.reply(id, Reply::new(numeric::RPL_MOTD, [format!("- {line}")]));
        }
        self.reply(
            id,
            Reply::new(numeric::RPL_ENDOFMOTD, ["End of the message of the day"]),
        );
    }

    pub(super) fn send_lusers(&mut self, id: ClientId) {
        let clients = self.clients.len();
        let users = self.users.len();
        let invisible = self
            .users
            .values()
            .filter(|user| user.modes.invisible)
            .count();
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
        let reply = |code: Numeric, params: &[&str]| Reply::new(code, params.iter().copied());
        let text = format!("There are {visible} users and {invisible} invisible on 1 servers");
        let local = format!("Current local users {users}, max {most}");
        let global = format!("Current global users {users}, max {most}");
        for line in [
            reply(numeric::RPL_LUSERCLIENT, &[&text]),
            reply(
                numeric::RPL_LUSEROP,
                &[&administrators.to_string(), "administrators online"],
            ),
            reply(
                numeric::RPL_LUSERUNKNOWN,
                &[&unregistered.to_string(), "unknown connections"],
            ),
            reply(
                numeric::RPL_LUSERCHANNELS,
                &[&self.channels.len().to_string(), "channels formed"],
            ),
            reply(
                numeric::RPL_LUSERME,
                &[&format!("I have {clients} clients and 0 servers")],
            ),
            reply(numeric::RPL_LOCALUSERS, &[&users, &most, &local]),
            reply(numeric::RPL_GLOBALUSERS, &[&users, &most, &global]),
        ] {
            self.reply(id, line);
        }
    }

    pub(super) fn on_version(&mut self, id: ClientId) {
        let name = self.config.name.clone();
        self.reply(
            id,
            Reply::new(
                numeric::RPL_VERSION,
                [VERSION, name.as_str(), "The IRC server of Subspace"],
            ),
        );
        self.send_isupport(id);
    }

    pub(super) fn on_time(&mut self, id: ClientId) {
        let name = self.config.name.clone();
        let time = self.now.wall.to_string();
        self.reply(id, Reply::new(numeric::RPL_TIME, [name, time]));
    }

    pub(super) fn on_info(&mut self, id: ClientId) {
        self.reply(
            id,
            Reply::new(
                numeric::RPL_INFO,
                ["Subspace: a team's chat over open protocols"],
            ),
        );
        self.reply(id, Reply::new(numeric::RPL_ENDOFINFO, ["End of INFO"]));
    }
}
