//! Lines to clients: replies, relayed messages with the tags that each client understands, labelled responses.

use std::collections::{BTreeMap, BTreeSet};

use irc_codec::Message;
use protocol::FoldedName;

use super::caps::Caps;
use super::client::{Client, UserId};
use super::event::Event;
use super::outbox::When;
use super::reply::{LINE, Reply, wire};
use super::{ClientId, Recipients, Server, names};

/// The lines that the current command sends to its own client, labelled once it has run.
#[derive(Debug)]
pub(super) struct Response {
    pub client: ClientId,
    pub label: String,
    /// Lines without CR LF.
    lines: Vec<(String, When)>,
    /// The lines already form one batch, which carries the label.
    pub batched: bool,
}

impl Response {
    pub(super) fn new(client: ClientId, label: String) -> Self {
        Self {
            client,
            label,
            lines: Vec::new(),
            batched: false,
        }
    }
}

fn note_shown(client: &mut Client, event: &Event) {
    if let Some(playback) = client.playback.as_mut().filter(|_| event.has_id) {
        playback.sent = playback.sent.max(event.at);
    }
}

impl Server {
    /// Returns how a client is addressed in replies.
    pub(super) fn name_for(&self, id: ClientId) -> String {
        let Some(client) = self.clients.get(&id) else {
            return "*".to_owned();
        };
        if let Some(user) = client.user.and_then(|user| self.users.get(&user)) {
            return user.nick.clone();
        }
        client
            .registration
            .as_ref()
            .and_then(|registration| registration.nick.clone())
            .unwrap_or_else(|| "*".to_owned())
    }

    /// Sends a numeric.
    pub(super) fn reply(&mut self, id: ClientId, reply: Reply) {
        self.reply_when(id, reply, When::Always);
    }

    pub(super) fn reply_when(&mut self, id: ClientId, reply: Reply, when: When) {
        let mut params = vec![self.name_for(id)];
        params.extend(reply.params);
        let message = Message::new(&reply.code.to_string(), params);
        self.reply_message_when(id, message, when);
    }

    /// Sends a message from the server.
    pub(super) fn reply_message(&mut self, id: ClientId, message: Message) {
        self.reply_message_when(id, message, When::Always);
    }

    pub(super) fn reply_message_when(&mut self, id: ClientId, mut message: Message, when: When) {
        message.source = Some(irc_codec::Source::parse(&self.config.name));
        let mut line = wire(&message);
        // Replies repeat clients' input; only relayed messages are refused for their length.
        line.truncate(names::clip(&line, LINE - 2).len());
        self.push(id, line, when);
    }

    pub(super) fn understands_fail(&self, id: ClientId) -> bool {
        self.clients.get(&id).is_some_and(|client| {
            client.caps.has(Caps::STANDARD_REPLIES) || client.caps.has(Caps::CHATHISTORY)
        })
    }

    /// Sends a standard reply (IRCv3 standard-replies), or a notice to clients without support for them.
    pub(super) fn fail(
        &mut self,
        id: ClientId,
        command: &str,
        code: &str,
        about: &[&str],
        text: &str,
    ) {
        let message = if self.understands_fail(id) {
            let mut params = vec![command, code];
            params.extend(about);
            params.push(text);
            Message::new("FAIL", params)
        } else {
            Message::new("NOTICE", [self.name_for(id), format!("{command}: {text}")])
        };
        self.reply_message(id, message);
    }

    /// Queues a line without CR LF for one client.
    pub(super) fn push(&mut self, id: ClientId, mut line: String, when: When) {
        match &mut self.response {
            Some(response) if response.client == id => response.lines.push((line, when)),
            _ => {
                line.push_str("\r\n");
                self.outbox.send(Recipients::One(id), line.into(), when);
            }
        }
    }

    /// Relays an event to clients, to each with the tags it understands.
    pub(super) fn relay(
        &mut self,
        to: impl IntoIterator<Item = ClientId>,
        event: &Event,
        when: When,
    ) {
        let labelled = self.response.as_ref().map(|response| response.client);
        let reference = if event.is_multiline() {
            self.next_count().to_string()
        } else {
            String::new()
        };
        let mut groups: BTreeMap<usize, (Caps, Vec<ClientId>)> = BTreeMap::new();
        for id in to {
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            note_shown(client, event);
            let caps = client.caps;
            if labelled == Some(id) {
                let lines = event.lines(caps, None, &reference);
                if let Some(response) = &mut self.response {
                    response.batched |=
                        lines.len() > 1 && caps.has(Caps::MULTILINE) && caps.has(Caps::BATCH);
                }
                for line in lines {
                    self.push(id, line, when);
                }
                continue;
            }
            let group = groups.entry(caps.tag_variant()).or_default();
            group.0 = caps;
            group.1.push(id);
        }
        for (caps, clients) in groups.into_values() {
            let to = match clients.as_slice() {
                [one] => Recipients::One(*one),
                _ => Recipients::Many(clients.into()),
            };
            for line in event.lines(caps, None, &reference) {
                self.outbox.send(to.clone(), (line + "\r\n").into(), when);
            }
        }
    }

    /// A client has not missed what it sent itself.
    pub(super) fn note_shown(&mut self, id: ClientId, event: &Event) {
        if let Some(client) = self.clients.get_mut(&id) {
            note_shown(client, event);
        }
    }

    /// Creates an event caused by a user, without msgid.
    pub(super) fn event<P: Into<String>>(
        &self,
        user: UserId,
        command: &str,
        params: impl IntoIterator<Item = P>,
    ) -> Event {
        let mut message = Message::new(command, params);
        let is_oper = self.is_oper(user);
        let user = self.users.get(&user);
        message.source = user.map(super::client::User::source);
        let account = user.and_then(|user| user.account.clone());
        Event {
            at: self.now.wall.millis().max(self.last_id),
            has_id: false,
            oper: account.clone().filter(|_| is_oper),
            account,
            tags: String::new(),
            relayed_by: None,
            bot: user.is_some_and(|user| user.modes.bot),
            message,
        }
    }

    /// Creates an event caused by the server.
    pub(super) fn server_event<P: Into<String>>(
        &self,
        command: &str,
        params: impl IntoIterator<Item = P>,
    ) -> Event {
        let mut message = Message::new(command, params);
        message.source = Some(irc_codec::Source::parse(&self.config.name));
        Event {
            at: self.now.wall.millis().max(self.last_id),
            has_id: false,
            account: None,
            tags: String::new(),
            relayed_by: None,
            bot: false,
            oper: None,
            message,
        }
    }

    /// Ends the labelled response: one line with the label, a batch, or ACK.
    pub(super) fn finish_response(&mut self) {
        let Some(response) = self.response.take() else {
            return;
        };
        let id = response.client;
        let label = format!("label={}", escape(&response.label));
        let sure = response
            .lines
            .iter()
            .filter(|(_, when)| !matches!(when, When::Failed(..)));
        let appends: BTreeSet<_> = response
            .lines
            .iter()
            .filter_map(|(_, when)| match when {
                When::Always => None,
                When::Stored(append) | When::Failed(append, _) => Some(*append),
            })
            .collect();
        match (sure.count(), appends.len()) {
            (0, 0) => {
                let ack = format!("@{label} :{} ACK", self.config.name);
                self.push(id, ack, When::Always);
            }
            // The command replies only if it fails, so success needs an ACK.
            (0, 1) => {
                if let Some(&append) = appends.first() {
                    let ack = format!("@{label} :{} ACK", self.config.name);
                    self.push(id, ack, When::Stored(append));
                }
                for (line, when) in response.lines {
                    self.push(id, tagged(&line, &label), when);
                }
            }
            (1, 0 | 1) => {
                for (line, when) in response.lines {
                    self.push(id, tagged(&line, &label), when);
                }
            }
            _ if response.batched => {
                for (index, (line, when)) in response.lines.into_iter().enumerate() {
                    let line = if index == 0 {
                        tagged(&line, &label)
                    } else {
                        line
                    };
                    self.push(id, line, when);
                }
            }
            _ => {
                let batch = self.next_count();
                let server = self.config.name.clone();
                self.push(
                    id,
                    format!("@{label} :{server} BATCH +{batch} labeled-response"),
                    When::Always,
                );
                let tag = format!("batch={batch}");
                for (line, when) in response.lines {
                    // Lines of an inner batch keep its reference.
                    let line = if line.starts_with("@batch=") {
                        line
                    } else {
                        tagged(&line, &tag)
                    };
                    self.push(id, line, when);
                }
                self.push(id, format!(":{server} BATCH -{batch}"), When::Always);
            }
        }
    }

    /// Returns all sessions of a user.
    pub(super) fn sessions(&self, user: UserId) -> Vec<ClientId> {
        self.users
            .get(&user)
            .map_or_else(Vec::new, |user| user.sessions.clone())
    }

    /// Returns all sessions of all members of a channel.
    pub(super) fn audience(&self, channel: &FoldedName) -> Vec<ClientId> {
        let Some(channel) = self.channels.get(channel) else {
            return Vec::new();
        };
        channel
            .members
            .keys()
            .filter_map(|user| self.users.get(user))
            .flat_map(|user| user.sessions.iter().copied())
            .collect()
    }

    /// Returns all sessions of everyone who shares a channel with a user, without the user's own.
    pub(super) fn neighbours(&self, user: UserId) -> BTreeSet<ClientId> {
        let Some(user) = self.users.get(&user) else {
            return BTreeSet::new();
        };
        let mut all: BTreeSet<ClientId> = user
            .channels
            .iter()
            .flat_map(|channel| self.audience(channel))
            .collect();
        for session in &user.sessions {
            all.remove(session);
        }
        all
    }

    /// Filters the clients that have a capability.
    pub(super) fn with_cap(
        &self,
        clients: impl IntoIterator<Item = ClientId>,
        cap: Caps,
    ) -> Vec<ClientId> {
        clients
            .into_iter()
            .filter(|id| {
                self.clients
                    .get(id)
                    .is_some_and(|client| client.caps.has(cap))
            })
            .collect()
    }
}

fn tagged(line: &str, tag: &str) -> String {
    match line.strip_prefix('@') {
        Some(rest) => format!("@{tag};{rest}"),
        None => format!("@{tag} {line}"),
    }
}

fn escape(value: &str) -> String {
    let mut tags = irc_codec::Tags::default();
    tags.set("k", value);
    tags.to_string().get(2..).unwrap_or_default().to_owned()
}
