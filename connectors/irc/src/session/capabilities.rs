//! Capability negotiation, <https://ircv3.net/specs/extensions/capability-negotiation>.

use std::collections::{BTreeMap, BTreeSet};

use irc_codec::Message;

use super::Session;

/// What we understand.
const WANTED: &[&str] = &[
    "account-notify",
    "account-tag",
    "away-notify",
    "batch",
    "cap-notify",
    "chathistory",
    "chghost",
    "draft/chathistory",
    "draft/relaymsg",
    "echo-message",
    "extended-join",
    "invite-notify",
    "labeled-response",
    "message-tags",
    "multi-prefix",
    "server-time",
    "setname",
    "standard-replies",
    "userhost-in-names",
];

/// The longest list of one CAP REQ, in bytes.
const MAX_REQUEST: usize = 400;

/// More capabilities than this are not remembered.
const MAX_OFFERED: usize = 256;

/// What is offered, asked for and granted.
#[derive(Debug, Default)]
pub(super) struct Capabilities {
    offered: BTreeMap<String, String>,
    enabled: BTreeSet<String>,
    unanswered: usize,
}

impl Capabilities {
    pub(super) fn enabled(&self, capability: &str) -> bool {
        self.enabled.contains(capability)
    }

    fn offer(&mut self, list: &str) {
        for item in list.split_ascii_whitespace() {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            if self.offered.len() < MAX_OFFERED {
                self.offered.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    fn apply(&mut self, list: &str) {
        for item in list.split_ascii_whitespace() {
            match item.strip_prefix('-') {
                Some(gone) => {
                    self.enabled.remove(gone);
                }
                None if WANTED.contains(&item) || item == "sasl" => {
                    self.enabled.insert(item.to_owned());
                }
                None => {}
            }
        }
    }
}

impl Session {
    pub(super) fn capability(&mut self, message: &Message) {
        let more = message.param(2) == "*" && message.params.len() > 3;
        let list = message.params.last().cloned().unwrap_or_default();
        match message.param(1).to_ascii_uppercase().as_str() {
            "LS" => {
                self.link.capabilities.offer(&list);
                if !more {
                    self.ask_capabilities();
                }
            }
            "NEW" => {
                self.link.capabilities.offer(&list);
                self.ask_capabilities();
            }
            "DEL" => {
                for name in list.split_ascii_whitespace() {
                    self.link.capabilities.offered.remove(name);
                    self.link.capabilities.enabled.remove(name);
                }
            }
            "ACK" => {
                self.link.capabilities.apply(&list);
                self.capabilities_answered();
            }
            "NAK" => self.capabilities_answered(),
            _ => {}
        }
    }

    fn ask_capabilities(&mut self) {
        let secret =
            self.assignment.connection.sasl && self.assignment.connection.password.is_some();
        let capabilities = &self.link.capabilities;
        let ask: Vec<&str> = WANTED
            .iter()
            .copied()
            .chain(secret.then_some("sasl"))
            .filter(|name| {
                capabilities.offered.contains_key(*name) && !capabilities.enabled.contains(*name)
            })
            .collect();
        let mut lists = vec![String::new()];
        for name in ask {
            let full = lists
                .last()
                .is_some_and(|list| list.len() + name.len() > MAX_REQUEST);
            if full {
                lists.push(String::new());
            }
            if let Some(list) = lists.last_mut() {
                if !list.is_empty() {
                    list.push(' ');
                }
                list.push_str(name);
            }
        }
        for list in lists.into_iter().filter(|list| !list.is_empty()) {
            self.link.capabilities.unanswered += 1;
            self.send_now(&Message::new("CAP", ["REQ", &list]));
        }
        if self.link.capabilities.unanswered == 0 {
            self.end_negotiation();
        }
    }

    fn capabilities_answered(&mut self) {
        let capabilities = &mut self.link.capabilities;
        let before = capabilities.unanswered;
        capabilities.unanswered = before.saturating_sub(1);
        if before != 1 {
            return;
        }
        if self.can("sasl") && !self.link.sasl.is_done() {
            self.sign_in();
        } else {
            self.end_negotiation();
        }
    }

    /// The character that names under which something is relayed must have, if the server relays.
    pub(super) fn relay_separator(&self) -> Option<char> {
        if !self.can("draft/relaymsg") {
            return None;
        }
        let value = self.link.capabilities.offered.get("draft/relaymsg");
        let separators = value.map(String::as_str).unwrap_or_default();
        if separators.contains('/') {
            return Some('/');
        }
        Some(separators.chars().next().unwrap_or('/'))
    }

    /// The mechanisms of SASL, if the server lists them.
    pub(super) fn mechanisms(&self) -> Option<&str> {
        self.link
            .capabilities
            .offered
            .get("sasl")
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn end_negotiation(&mut self) {
        if self.registering() && !self.link.welcomed {
            self.send_now(&Message::new("CAP", ["END"]));
        }
    }

    /// Tells people when we are in without the sign-in that they asked for.
    pub(super) fn lacks_sign_in(&self) -> bool {
        let connection = &self.assignment.connection;
        connection.sasl && connection.password.is_some() && !self.link.sasl.is_done()
    }
}
