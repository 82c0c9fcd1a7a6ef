//! Lines from clients: parsed, checked against the table of commands, and handled.

use std::collections::BTreeMap;
use std::net::IpAddr;

use irc_codec::{Message, ParseError, numeric};

use super::caps::Caps;
use super::client::{Client, Registration};
use super::commands::{self, Handler};
use super::deliver::Response;
use super::reply::Reply;
use super::{ClientId, Now, Peer, Server};

/// Maximum length of a label (IRCv3 labeled-response).
const LABEL: usize = 64;

impl Server {
    /// A client connected. It is refused with ERROR if a limit is reached.
    pub fn handle_connected(&mut self, id: ClientId, peer: Peer, now: Now) {
        self.now = now;
        let limits = &self.config.limits;
        let refusal = if self.clients.len() >= limits.clients {
            Some(format!(
                "This server is full: it accepts {} connections; try again later",
                limits.clients
            ))
        } else {
            self.refuse_address(peer.address)
        };
        if let Some(refusal) = refusal {
            let line = super::reply::wire(&Message::new("ERROR", [refusal]));
            self.push(id, line, super::outbox::When::Always);
            self.outbox.close(id);
            return;
        }
        self.addresses
            .entry(program::network(peer.address))
            .or_default()
            .clients += 1;
        let deadline = now.ticks + limits.registration_ms;
        self.deadlines.insert((deadline, id));
        self.clients.insert(
            id,
            Client {
                peer,
                caps: Caps::default(),
                cap_302: false,
                registration: Some(Box::<Registration>::default()),
                account: None,
                session: None,
                checked: now.wall,
                administrator: false,
                user: None,
                away: None,
                busy: None,
                sasl: irc_codec::sasl::Exchange::default(),
                failures: 0,
                since: now.ticks,
                lines: 0,
                last_activity: now.ticks,
                pinged: false,
                deadline,
                monitor: BTreeMap::new(),
                subscriptions: Default::default(),
                begun: None,
                looked_up: None,
                device: None,
                playback: None,
            },
        );
    }

    /// Returns why no further connection from an address is accepted now.
    pub(super) fn refuse_address(&self, address: IpAddr) -> Option<String> {
        if self.config.is_shared(address) {
            return None;
        }
        if let Some(text) = self.banned_address(address) {
            return Some(text);
        }
        let limits = &self.config.limits;
        let counted = self.addresses.get(&program::network(address))?;
        let count = counted.clients;
        if count >= limits.clients_per_address {
            return Some(format!(
                "There are already {count} connections from {address}; close one"
            ));
        }
        let left = counted.forget_failures_at.saturating_sub(self.now.ticks);
        (left > 0 && counted.failures >= limits.failures_per_address).then(|| {
            let seconds = left.div_ceil(1_000);
            format!("Too many failed attempts to sign in from {address}, wait {seconds} s")
        })
    }

    /// A client at that address is gone.
    pub(super) fn leave_address(&mut self, address: IpAddr) {
        let key = program::network(address);
        if let Some(address) = self.addresses.get_mut(&key) {
            address.clients = address.clients.saturating_sub(1);
            if address.clients == 0 && address.forget_failures_at <= self.now.ticks {
                self.addresses.remove(&key);
            }
        }
    }

    /// Returns whether a client's lines have to wait for a pending answer.
    #[must_use]
    pub fn is_busy(&self, id: ClientId) -> bool {
        self.clients
            .get(&id)
            .is_some_and(|client| client.busy.is_some())
    }

    /// A client sent a line longer than the protocol allows; it was dropped.
    pub fn handle_too_long(&mut self, id: ClientId, now: Now) {
        self.now = now;
        self.note_activity(id);
        self.reply(
            id,
            Reply::new(
                numeric::ERR_INPUTTOOLONG,
                ["Your line is too long and was dropped; send it in parts"],
            ),
        );
    }

    /// A client sent a line, without CR LF. Must not be called while [`Server::is_busy`].
    pub fn handle_line(&mut self, id: ClientId, line: &[u8], now: Now) {
        self.now = now;
        self.note_activity(id);
        self.statistics.lines += 1;
        let Some(client) = self.clients.get(&id).filter(|client| client.busy.is_none()) else {
            return;
        };
        // An old client's user name and real name may be Latin-1, which must not keep it out.
        let is_user = line
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"USER "));
        let parsed = match std::str::from_utf8(line) {
            Ok(text) => Message::parse(text),
            Err(_) if is_user => Message::parse_bytes(line),
            Err(_) => {
                let text = "Your line is not UTF-8 and was dropped";
                // The command is known unless it is the part that cannot be decoded.
                let command = Message::parse_bytes(line).map(|message| message.command);
                let command = command.ok().filter(|command| command.is_ascii());
                let command = command.as_deref().unwrap_or("*");
                return self.fail(id, command, "INVALID_UTF8", &[], text);
            }
        };
        let message = match parsed {
            Ok(message) => message,
            Err(ParseError::NoCommand) => return,
            Err(ParseError::ControlCharacter) if is_user => {
                let text = "Your user name or real name contains NUL or CR";
                return self.reply(id, Reply::new(numeric::ERR_INVALIDUSERNAME, [text]));
            }
            Err(ParseError::ControlCharacter) => {
                let text = "Your line contains NUL or CR and was dropped";
                return self.reply(id, Reply::new(numeric::ERR_UNKNOWNCOMMAND, ["*", text]));
            }
        };
        if client.caps.has(Caps::LABELED_RESPONSE)
            && let Some(label) = message
                .tags
                .get("label")
                .filter(|label| !label.is_empty() && label.len() <= LABEL)
        {
            self.response = Some(Response::new(id, label.to_owned()));
        }
        if !self.take_multiline(id, &message) {
            self.dispatch(id, &message);
        }
        // A command that waits for an answer has set the label aside.
        self.finish_response();
    }

    fn dispatch(&mut self, id: ClientId, message: &Message) {
        let name = message.command.as_str();
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let (user, caps) = (client.user, client.caps);
        let command = commands::find(name);
        let open = command.is_some_and(|command| match command.handler {
            Handler::Anyone(_) => true,
            Handler::Early(cap, _) => user.is_some() || caps.has(cap),
            Handler::Registered(_) => user.is_some(),
        });
        let Some(command) = command.filter(|_| open) else {
            let reply = if user.is_none() {
                let text = "You have not registered; send NICK and USER first";
                Reply::new(numeric::ERR_NOTREGISTERED, [text])
            } else {
                Reply::new(numeric::ERR_UNKNOWNCOMMAND, [name, "Unknown command"])
            };
            return self.reply(id, reply);
        };
        if message.params.len() < command.least {
            return self.needs_more(id, name);
        }
        *self.used.entry(command.name).or_default() += 1;
        let asked = command.server.map_or("", |place| message.param(place));
        if !self.is_here(asked) {
            return self.no_such_server(id, asked);
        }
        match (command.handler, user) {
            (Handler::Anyone(handler) | Handler::Early(_, handler), _) => {
                handler(self, id, message);
            }
            (Handler::Registered(handler), Some(user)) => handler(self, id, user, message),
            (Handler::Registered(_), None) => {}
        }
    }

    pub(super) fn needs_more(&mut self, id: ClientId, command: &str) {
        self.reply(
            id,
            Reply::new(
                numeric::ERR_NEEDMOREPARAMS,
                [command, "Not enough parameters"],
            ),
        );
    }

    pub(super) fn no_such_nick(&mut self, id: ClientId, nick: &str) {
        self.reply(
            id,
            Reply::new(numeric::ERR_NOSUCHNICK, [nick, "No such nick or channel"]),
        );
    }

    pub(super) fn no_such_channel(&mut self, id: ClientId, name: &str) {
        self.reply(
            id,
            Reply::new(numeric::ERR_NOSUCHCHANNEL, [name, "No such channel"]),
        );
    }

    fn note_activity(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.last_activity = self.now.ticks;
            client.lines += 1;
            client.pinged = false;
        }
    }
}
