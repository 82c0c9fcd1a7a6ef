//! From the first line to the end of the MOTD, <https://modern.ircdocs.horse/#connection-registration>.

use gateway::Audience;
use irc_codec::{CAP_VERSION, Message, Numeric, numeric};
use protocol::{ActivityObject, Folding};

use super::Session;
use super::connection::Phase;
use crate::record::Record as _;

/// Maximum length of a MOTD that is kept, in bytes.
const MAX_MOTD: usize = 4096;

/// Maximum length of the server's last message that is kept, in characters.
const MAX_WORDS: usize = 200;

/// How often a server may change its case mapping: everything indexed by name is rebuilt each time.
const MAX_REFOLDED: u32 = 8;

impl Session {
    pub(super) fn register(&mut self) {
        let connection = &self.assignment.connection;
        let nick = connection.nick.clone();
        let username = connection.username().to_owned();
        let realname = connection.realname().to_owned();
        let password = self.said_with_pass().map(str::to_owned);
        if let Some(password) = password {
            self.send_now(&Message::new("PASS", [password]));
        }
        self.send_now(&Message::new("CAP", ["LS", &CAP_VERSION.to_string()]));
        self.send_now(&Message::new("NICK", [nick]));
        self.send_now(&Message::new("USER", [&username, "0", "*", &realname]));
    }

    /// What PASS says: what the server wants, else the account's password if it is not for SASL.
    fn said_with_pass(&self) -> Option<&str> {
        let connection = &self.assignment.connection;
        let own = connection.password.as_deref();
        connection
            .server_password()
            .or_else(|| own.filter(|_| !connection.sasl()))
    }

    pub(super) const fn registering(&self) -> bool {
        matches!(self.phase, Phase::Registering { .. })
    }

    /// RPL_WELCOME.
    pub(super) fn welcome(&mut self, message: &Message) {
        if !self.registering() {
            return;
        }
        // Without a name in it, we have the one we requested.
        if !matches!(message.param(0), "" | "*") {
            message.param(0).clone_into(&mut self.link.nick);
        }
        self.server_named(message);
        self.link.welcomed = true;
    }

    /// RPL_ISUPPORT.
    pub(super) fn isupport(&mut self, message: &Message) {
        let tokens = message.params.len().saturating_sub(1);
        let tokens = message.params.iter().take(tokens).skip(1);
        let before = self.carries();
        self.link.isupport.apply(tokens.map(String::as_str));
        let case = self.link.isupport.case_mapping();
        if case != self.link.case && self.link.refolded < MAX_REFOLDED {
            self.link.refolded += 1;
            self.link.case = case;
            self.refold(case);
            if self.is_online() {
                // Otherwise it is part of the state that follows.
                let state = self.state();
                self.publish(state, Audience::Full);
            }
        }
        self.tell_what_is_carried(&before);
        if self.is_online() {
            let paced = !self.link.isupport.has("soju.im/SAFERATE");
            self.outbox.set_paced(paced);
        }
    }

    /// Applies a new case mapping to everything indexed by name.
    fn refold(&mut self, case: Folding) {
        let link = &mut self.link;
        link.channels.refold(case);
        for channel in link.channels.values_mut() {
            channel.members.refold(case);
        }
        link.people.recount(case, link.channels.values());
        link.away.refold(case);
        link.unrelayed.refold(case);
    }

    /// Remembers the server's last message before the welcome.
    pub(super) fn note_last_words(&mut self, text: &str) {
        let shown = text.chars().filter(|c| !c.is_control());
        self.link.last_words = Some(shown.take(MAX_WORDS).collect());
    }

    /// RPL_MOTD and similar.
    pub(super) fn motd(&mut self, message: &Message) {
        let line = message.param(1).trim_start_matches("- ").trim();
        if self.is_online() || line.is_empty() {
            return;
        }
        if self.link.motd.len() + line.len() < MAX_MOTD {
            if !self.link.motd.is_empty() {
                self.link.motd.push(' ');
            }
            self.link.motd.push_str(line);
        }
    }

    /// Shows it, once the welcome is complete.
    pub(super) fn announce_motd(&mut self) {
        let motd = std::mem::take(&mut self.link.motd);
        if !motd.is_empty() {
            let object = ActivityObject::topic(&motd);
            let activity = self.activity("update", self.service(), None, Some(object));
            self.publish(activity, Audience::All);
        }
    }

    /// RPL_ENDOFMOTD or ERR_NOMOTD: the welcome is complete.
    pub(super) fn motd_end(&mut self) {
        if self.registering() && self.link.welcomed {
            self.go_online();
        }
    }

    /// ERR_PASSWDMISMATCH, ERR_YOUREBANNEDCREEP and other refusals before the welcome.
    pub(super) fn refused_entry(&mut self, code: Numeric, text: &str) {
        let server = self.server();
        let sentence = match code {
            numeric::ERR_PASSWDMISMATCH
                if self.assignment.connection.server_password().is_some() =>
            {
                format!("{server} refused the server password: check it in the settings ({text}).")
            }
            numeric::ERR_PASSWDMISMATCH => {
                format!("{server} refused the password: check it in the settings ({text}).")
            }
            _ => format!("{server} does not let us in: {text}"),
        };
        self.refused(&sentence);
    }
}
