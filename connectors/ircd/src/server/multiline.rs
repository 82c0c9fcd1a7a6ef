//! draft/multiline: a message of several lines, sent as a batch (<https://ircv3.net/specs/extensions/multiline>).
//!
//! Inside the server and in the log it is one text, with a line feed between lines and a carriage return where a line
//! only goes on: neither can be in a line of IRC. Clients without the capability are sent the lines one by one.

use irc_codec::Message;

use super::bounds::{MAX_MESSAGE_BYTES, MAX_MESSAGE_LINES};
use super::caps::Caps;
use super::client::{Begun, UserId};
use super::deliver::Response;
use super::event::Event;
use super::reply::wire;
use super::{ClientId, Server, names};

/// Maximum length of a batch's reference, in bytes.
const REFERENCE: usize = 64;

const BREAK: char = '\n';
const JOINT: char = '\r';
const BREAKS: [char; 2] = [BREAK, JOINT];

/// What is wrong with a batch: code, parameters, text.
type Wrong = (&'static str, Vec<String>, String);

fn invalid(text: &str) -> Wrong {
    ("MULTILINE_INVALID", Vec::new(), text.to_owned())
}

impl Begun {
    fn add(&mut self, message: &Message) -> Result<(), Wrong> {
        if message.command != "PRIVMSG" {
            return Err(invalid(
                "Only PRIVMSG is possible in a message of several lines",
            ));
        }
        if !names::same(message.param(0), &self.target) {
            let about = vec![
                super::claim::known_or(&self.target).to_owned(),
                super::claim::known_or(message.param(0)).to_owned(),
            ];
            let text = "All lines must be for the same recipient".to_owned();
            return Err(("MULTILINE_INVALID_TARGET", about, text));
        }
        let text = message.param(1);
        let joined = message.tags.get("draft/multiline-concat").is_some();
        if joined && (text.is_empty() || self.lines == 0) {
            return Err(invalid(
                "There is nothing that this line could go on from, or with",
            ));
        }
        let first = self.lines == 0;
        self.lines += 1;
        self.bytes += text.len() + usize::from(!first && !joined);
        if self.lines > MAX_MESSAGE_LINES {
            let text = format!("A message has at most {MAX_MESSAGE_LINES} lines");
            return Err((
                "MULTILINE_MAX_LINES",
                vec![MAX_MESSAGE_LINES.to_string()],
                text,
            ));
        }
        if self.bytes > MAX_MESSAGE_BYTES {
            let text = format!("A message has at most {MAX_MESSAGE_BYTES} bytes");
            return Err((
                "MULTILINE_MAX_BYTES",
                vec![MAX_MESSAGE_BYTES.to_string()],
                text,
            ));
        }
        if !first {
            self.text.push(if joined { JOINT } else { BREAK });
        }
        self.text.push_str(text);
        Ok(())
    }
}

impl Server {
    pub(super) fn on_batch(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let able = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.has(Caps::MULTILINE) && client.caps.has(Caps::BATCH));
        if !able {
            let wrong = invalid("Request the capabilities batch and draft/multiline first");
            return self.refuse_batch(id, wrong);
        }
        let reference = message.param(0);
        if let Some(reference) = reference.strip_prefix('-') {
            self.end_multiline(id, user_id, reference);
        } else if let Some(reference) = reference.strip_prefix('+') {
            self.begin_multiline(id, reference, message);
        } else {
            self.refuse_batch(id, invalid("BATCH takes +reference or -reference"));
        }
    }

    fn begin_multiline(&mut self, id: ClientId, reference: &str, message: &Message) {
        let good = (1..=REFERENCE).contains(&reference.len())
            && reference
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let target = message.param(2);
        let wrong = if !good {
            Some("A reference has letters, digits and hyphens")
        } else if message.param(1) != "draft/multiline" {
            Some("The only batch that clients send here is draft/multiline")
        } else if target.is_empty() || target.contains([',', ' ', '$']) {
            Some("Name one recipient")
        } else {
            None
        };
        let label = self.response.take().map(|response| response.label);
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let open = client.begun.take().is_some_and(|begun| !begun.refused);
        let wrong =
            wrong.or_else(|| open.then_some("The message before was not ended; both are dropped"));
        client.begun = Some(Box::new(Begun {
            reference: names::clip(reference, REFERENCE).to_owned(),
            target: target.to_owned(),
            tags: message.tags.clone(),
            label: label.clone(),
            text: String::new(),
            lines: 0,
            bytes: 0,
            refused: wrong.is_some(),
        }));
        if let Some(text) = wrong {
            self.response = label.map(|label| Response::new(id, label));
            self.refuse_batch(id, invalid(text));
        }
    }

    /// Takes a line that belongs to a batch; returns false if it does not.
    pub(super) fn take_multiline(&mut self, id: ClientId, message: &Message) -> bool {
        let Some(client) = self.clients.get_mut(&id) else {
            return false;
        };
        let Some(reference) = message.tags.get("batch") else {
            return false;
        };
        if !client.caps.has(Caps::MULTILINE) || message.command == "BATCH" {
            return false;
        }
        let begun = client.begun.as_mut();
        let Some(begun) = begun.filter(|begun| begun.reference == reference) else {
            self.refuse_batch(id, invalid("There is no such batch; the line was dropped"));
            return true;
        };
        if begun.refused {
            return true;
        }
        if let Err(wrong) = begun.add(message) {
            begun.refused = true;
            begun.text = String::new();
            let label = begun.label.take();
            self.response = label.map(|label| Response::new(id, label));
            self.refuse_batch(id, wrong);
        }
        true
    }

    fn end_multiline(&mut self, id: ClientId, user_id: UserId, reference: &str) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let begun = client.begun.take_if(|begun| begun.reference == reference);
        let Some(begun) = begun else {
            return self.refuse_batch(id, invalid("There is no such batch"));
        };
        if begun.refused {
            return;
        }
        self.response = begun.label.map(|label| Response::new(id, label));
        if begun.text.chars().all(|c| BREAKS.contains(&c)) {
            return self.refuse_batch(id, invalid("The message has no text"));
        }
        let mut message = Message::new("PRIVMSG", [begun.target, begun.text]);
        message.tags = begun.tags;
        self.on_message(id, user_id, &message);
    }

    fn refuse_batch(&mut self, id: ClientId, (code, about, text): Wrong) {
        let about: Vec<&str> = about.iter().map(String::as_str).collect();
        self.fail(id, "BATCH", code, &about, &text);
    }
}

/// Returns the lines of a text, and whether each goes on from the one before.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut joined = false;
    text.split_inclusive(BREAKS).map(move |piece| {
        let before = std::mem::replace(&mut joined, piece.ends_with(JOINT));
        (before, piece.trim_end_matches(BREAKS))
    })
}

impl Event {
    /// Returns whether its text has several lines.
    pub(super) fn is_multiline(&self) -> bool {
        let text = self.message.params.last();
        text.is_some_and(|text| text.contains(BREAKS))
    }

    fn with_text(&self, text: &str) -> Message {
        let mut message = self.message.clone();
        if let Some(last) = message.params.last_mut() {
            text.clone_into(last);
        }
        message
    }

    /// Returns the lengths of its lines on the wire, without tags, CR LF included.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        let text = self.message.params.last().map_or("", String::as_str);
        pieces(text).map(|(_, piece)| wire(&self.with_text(piece)).len() + 2)
    }

    /// Formats it for a client with these capabilities, without CR LF: in one line or, if its text has several, as a
    /// batch with this reference or as one line each. `batch` is the batch that it is part of.
    pub(super) fn lines(&self, caps: Caps, batch: Option<&str>, reference: &str) -> Vec<String> {
        if !self.is_multiline() {
            return vec![self.tags_for(caps, batch) + &wire(&self.message)];
        }
        let text = self.message.params.last().map_or("", String::as_str);
        if !(caps.has(Caps::MULTILINE) && caps.has(Caps::BATCH)) {
            let shown = pieces(text).filter(|(_, piece)| !piece.is_empty());
            return shown
                .enumerate()
                .map(|(index, (_, piece))| {
                    let tags = if index == 0 {
                        self.tags_for(caps, batch)
                    } else {
                        self.following_tags(caps, batch)
                    };
                    tags + &wire(&self.with_text(piece))
                })
                .collect();
        }
        let target = self.message.param(0).to_owned();
        let edge = |params: Vec<String>| {
            let mut message = Message::new("BATCH", params);
            message.source.clone_from(&self.message.source);
            wire(&message)
        };
        let open = vec![
            format!("+{reference}"),
            "draft/multiline".to_owned(),
            target,
        ];
        let mut lines = vec![self.tags_for(caps, batch) + &edge(open)];
        lines.extend(pieces(text).map(|(joined, piece)| {
            let joint = if joined {
                ";draft/multiline-concat"
            } else {
                ""
            };
            let line = wire(&self.with_text(piece));
            format!("@batch={reference}{joint} {line}")
        }));
        let outer = batch.map_or_else(String::new, |batch| format!("@batch={batch} "));
        lines.push(outer + &edge(vec![format!("-{reference}")]));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_divided_where_it_was_put_together() {
        let found: Vec<_> = pieces("one\n\ntwo \rthree\nfour").collect();
        let expected = [
            (false, "one"),
            (false, ""),
            (false, "two "),
            (true, "three"),
            (false, "four"),
        ];
        assert_eq!(found, expected);
        assert_eq!(pieces("one").collect::<Vec<_>>(), [(false, "one")]);
    }
}
