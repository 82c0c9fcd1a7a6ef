//! What RFC 1459 and RFC 2812 have for networks of servers and services, answered by a server that is alone.

use irc_codec::{Message, numeric};

use super::client::UserId;
use super::names::Mask;
use super::reply::Reply;
use super::{ClientId, Server, names};

impl Server {
    /// Returns whether a parameter names this server: its name, a mask of it, or the nickname of one of its users.
    pub(super) fn is_here(&self, asked: &str) -> bool {
        asked.is_empty()
            || Mask::new(asked).matches(&self.config.name)
            || self.nicks.contains_key(&names::fold(asked))
    }

    pub(super) fn no_such_server(&mut self, id: ClientId, asked: &str) {
        let text = format!("There is only the server {}", self.config.name);
        let asked = super::claim::known_or(asked);
        self.reply(id, Reply::new(numeric::ERR_NOSUCHSERVER, [asked, &text]));
    }

    /// ADMIN (RFC 2812, section 3.4.9).
    pub(super) fn on_admin(&mut self, id: ClientId, _: UserId, _: &Message) {
        let (name, network) = (self.config.name.clone(), self.config.network.clone());
        let administrators: Vec<&str> = self
            .config
            .operators
            .iter()
            .map(|account| account.as_str())
            .collect();
        let about = if administrators.is_empty() {
            "It is administered by the admins of its installation".to_owned()
        } else {
            let list = format!("Administrators: {}", administrators.join(", "));
            names::clip(&list, 400).to_owned()
        };
        let title = format!("Administrative info about {name}");
        for (code, params) in [
            (numeric::RPL_ADMINME, vec![name, title]),
            (numeric::RPL_ADMINLOC1, vec![format!("The space {network}")]),
            (numeric::RPL_ADMINLOC2, vec![about]),
            (
                numeric::RPL_ADMINEMAIL,
                vec![
                    "Write to an administrator here; STATS o names those who are connected"
                        .to_owned(),
                ],
            ),
        ] {
            self.reply(id, Reply::new(code, params));
        }
    }

    /// LINKS (RFC 2812, section 3.4.5).
    pub(super) fn on_links(&mut self, id: ClientId, _: UserId, message: &Message) {
        let asked = message.params.last().map_or("", String::as_str);
        let mask = if asked.is_empty() { "*" } else { asked };
        let name = self.config.name.clone();
        if Mask::new(mask).matches(&name) {
            let about = format!("0 {}", self.config.network);
            let params = [name.clone(), name, about];
            self.reply(id, Reply::new(numeric::RPL_LINKS, params));
        }
        let mask = super::claim::known_or(mask);
        self.reply(
            id,
            Reply::new(numeric::RPL_ENDOFLINKS, [mask, "End of LINKS"]),
        );
    }

    /// SERVLIST (RFC 2812, section 3.5.1).
    pub(super) fn on_servlist(&mut self, id: ClientId, _: UserId, message: &Message) {
        let or_star = |text: &str| match text {
            "" => "*".to_owned(),
            text => super::claim::known_or(text).to_owned(),
        };
        let params = [
            or_star(message.param(0)),
            or_star(message.param(1)),
            "End of service listing".to_owned(),
        ];
        self.reply(id, Reply::new(numeric::RPL_SERVLISTEND, params));
    }

    /// SQUERY (RFC 2812, section 3.5.2).
    pub(super) fn on_squery(&mut self, id: ClientId, _: UserId, message: &Message) {
        let asked = super::claim::known_or(message.param(0));
        let text = "There are no services here; what they do elsewhere are commands: HELP";
        self.reply(id, Reply::new(numeric::ERR_NOSUCHSERVICE, [asked, text]));
    }

    /// SUMMON (RFC 2812, section 4.5).
    pub(super) fn on_summon(&mut self, id: ClientId, _: UserId, _: &Message) {
        let text = "SUMMON has been disabled";
        self.reply(id, Reply::new(numeric::ERR_SUMMONDISABLED, [text]));
    }

    /// USERS (RFC 2812, section 4.6).
    pub(super) fn on_users(&mut self, id: ClientId, _: UserId, _: &Message) {
        let text = "USERS has been disabled";
        self.reply(id, Reply::new(numeric::ERR_USERSDISABLED, [text]));
    }

    /// REHASH, DIE, RESTART, CONNECT, SQUIT: for nobody.
    pub(super) fn configured(&mut self, id: ClientId, _: UserId, _: &Message) {
        let text = "Nobody may do that over IRC: the server is managed by its configuration";
        self.reply(id, Reply::new(numeric::ERR_NOPRIVILEGES, [text]));
    }

    /// SERVER, SERVICE, NJOIN: this connection is a client's.
    pub(super) fn client_already(&mut self, id: ClientId, _: UserId, _: &Message) {
        self.already_registered(id);
    }
}
