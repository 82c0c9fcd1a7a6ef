//! `labeled-response` (<https://ircv3.net/specs/extensions/labeled-response>): what answers a line of the client carries
//! the line's label. It is held back until all that the line asked the network has been answered.

use std::collections::HashMap;

use irc_codec::{Message, Source};

use super::Session;

/// The longest label, in bytes.
const MAX_LABEL: usize = 64;

/// The labeled lines of a client that have not been answered.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// The one that is being answered.
    current: Option<u64>,
    waiting: HashMap<u64, Labeled>,
    /// Which one a request belongs to.
    requests: HashMap<u64, u64>,
    /// The same of connections that are being created, which have no numbers.
    created: Option<u64>,
    next: u64,
}

#[derive(Debug)]
struct Labeled {
    label: String,
    /// Requests of it that have not been answered.
    pending: usize,
    lines: Vec<Message>,
}

impl Labels {
    /// Where a line to the client is held back, if it is.
    pub(super) fn held(&mut self) -> Option<&mut Vec<Message>> {
        let labeled = self.waiting.get_mut(&self.current?)?;
        Some(&mut labeled.lines)
    }

    /// A request was sent: its answer is part of that to the line.
    pub(super) fn asked(&mut self, request: u64) {
        if let Some(current) = self.current
            && let Some(labeled) = self.waiting.get_mut(&current)
        {
            labeled.pending += 1;
            self.requests.insert(request, current);
        }
    }

    /// The same for a connection that is being created.
    pub(super) fn creates(&mut self) {
        if let Some(current) = self.current
            && let Some(labeled) = self.waiting.get_mut(&current)
        {
            labeled.pending += 1;
            self.created = Some(current);
        }
    }
}

impl Session {
    /// Does something that answers a line: all lines that it sends are held back if the line has a label.
    pub(super) fn labeled(&mut self, message: &Message, then: impl FnOnce(&mut Self)) {
        let label = message.tags.get("label").unwrap_or_default();
        let known = self.caps.has("labeled-response") && self.caps.has("batch");
        if self.registration.is_some() || !known || !(1..=MAX_LABEL).contains(&label.len()) {
            return then(self);
        }
        self.labels.next += 1;
        let key = self.labels.next;
        let labeled = Labeled {
            label: label.to_owned(),
            pending: 0,
            lines: Vec::new(),
        };
        self.labels.waiting.insert(key, labeled);
        self.within(Some(key), then);
    }

    /// The same for the answer to a request.
    pub(super) fn labeled_answer(&mut self, request: u64, then: impl FnOnce(&mut Self)) {
        let key = self.labels.requests.remove(&request);
        self.resumed(key, then);
    }

    /// The same for the outcome of creating a connection.
    pub(super) fn labeled_creation(&mut self, then: impl FnOnce(&mut Self)) {
        let key = self.labels.created.take();
        self.resumed(key, then);
    }

    fn resumed(&mut self, key: Option<u64>, then: impl FnOnce(&mut Self)) {
        if let Some(labeled) = key.and_then(|key| self.labels.waiting.get_mut(&key)) {
            labeled.pending = labeled.pending.saturating_sub(1);
        }
        self.within(key, then);
    }

    fn within(&mut self, key: Option<u64>, then: impl FnOnce(&mut Self)) {
        self.labels.current = key;
        then(self);
        self.labels.current = None;
        let Some(key) = key else {
            return;
        };
        let complete = self
            .labels
            .waiting
            .get(&key)
            .is_some_and(|one| one.pending == 0);
        if complete && let Some(labeled) = self.labels.waiting.remove(&key) {
            self.send_labeled(key, labeled);
        }
    }

    fn send_labeled(&mut self, key: u64, labeled: Labeled) {
        let mut lines = labeled.lines;
        match lines.as_mut_slice() {
            [] => {
                let mut message = Message::new("ACK", Vec::<String>::new());
                message.source = Some(Source::parse(&self.name));
                message.tags.set("label", labeled.label);
                self.push(&message);
            }
            [only] => {
                only.tags.set("label", labeled.label);
                self.push(only);
            }
            several => {
                let id = format!("l{key}");
                let open = format!("+{id}");
                let mut message = Message::new("BATCH", [open.as_str(), "labeled-response"]);
                message.source = Some(Source::parse(&self.name));
                message.tags.set("label", labeled.label);
                self.push(&message);
                for line in several {
                    if line.tags.get("batch").is_none() {
                        line.tags.set("batch", id.as_str());
                    }
                    self.push(line);
                }
                self.speak("BATCH", [format!("-{id}").as_str()]);
            }
        }
    }
}
