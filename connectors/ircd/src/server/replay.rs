//! CHATHISTORY: responses, as a batch.

use irc_codec::{Message, Source};
use protocol::Timestamp;

use super::caps::Caps;
use super::client::Busy;
use super::deliver::Response;
use super::event::Event;
use super::outbox::When;
use super::reply::{LINE, wire};
use super::{ClientId, Now, Server, message_id, names};
use crate::query::Answer;
use crate::record::{Stored, other_side};

impl Server {
    /// The history answered a query.
    pub fn handle_history(&mut self, id: ClientId, answer: Answer, now: Now) {
        self.now = now;
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let (label, command, target) = match client.busy.take() {
            Some(Busy::History {
                label,
                command,
                target,
            }) => (label, command, target),
            Some(Busy::Missed(asked)) => return self.show_missed(id, &asked, answer),
            Some(Busy::Redact(asked)) => {
                self.redact_found(id, asked, answer);
                return self.show_next_missed(id);
            }
            other => {
                client.busy = other;
                return;
            }
        };
        self.response = label.map(|label| Response::new(id, label));
        match answer {
            Answer::Messages(messages) => {
                self.send_history(id, target.as_deref().unwrap_or("*"), &messages)
            }
            Answer::Targets(targets) => self.send_targets(id, &targets),
            Answer::Failed => {
                let text = "Messages could not be retrieved: the server could not read its log";
                let about: Vec<&str> = [Some(&command), target.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(String::as_str)
                    .collect();
                self.fail(id, "CHATHISTORY", "MESSAGE_ERROR", &about, text);
            }
        }
        self.finish_response();
        self.show_next_missed(id);
    }

    fn send_history(&mut self, id: ClientId, target: &str, messages: &[(i64, Stored)]) {
        let batch = self.open_batch(id, &["chathistory", target]);
        let Some(caps) = self.clients.get(&id).map(|client| client.caps) else {
            return;
        };
        let channel = self.channels.get(&names::fold(target));
        let channel = channel.map(|channel| channel.record.name.clone());
        for (at, stored) in messages {
            // A channel may have had another name.
            let to = channel.as_ref().unwrap_or(&stored.to);
            let about = stored.about.map(message_id);
            let mut message = Message::new(
                &stored.command,
                [Some(to), about.as_ref(), stored.text.as_ref()]
                    .into_iter()
                    .flatten(),
            );
            message.source = Some(Source::parse(&stored.source));
            let event = Event {
                at: *at,
                has_id: true,
                account: stored.account.clone(),
                tags: stored.tags.clone(),
                relayed_by: stored.relayed_by.clone(),
                bot: stored.bot,
                oper: None,
                message,
            };
            if !caps.has(Caps::to_read(&stored.command)) {
                continue;
            }
            let reference = if event.is_multiline() {
                self.next_count().to_string()
            } else {
                String::new()
            };
            for line in event.lines(caps, batch.as_deref(), &reference) {
                self.push(id, line, When::Always);
            }
        }
        self.close_batch(id, batch);
    }

    fn send_targets(&mut self, id: ClientId, targets: &[(String, i64)]) {
        let account = self
            .clients
            .get(&id)
            .and_then(|client| client.account.clone());
        let batch = self.open_batch(id, &["draft/chathistory-targets"]);
        for (target, at) in targets {
            let other = account
                .as_ref()
                .and_then(|account| other_side(target, account.as_str()));
            let shown = match (self.channels.get(&self.channel_of(target)), other) {
                (Some(channel), _) => channel.record.name.clone(),
                (None, Some(other)) => other.trim_start_matches('~').to_owned(),
                (None, None) => continue,
            };
            let time = Timestamp::from_millis(*at).to_string();
            let message = Message::new("CHATHISTORY", ["TARGETS", shown.as_str(), &time]);
            let tag = batch
                .as_ref()
                .map_or_else(String::new, |batch| format!("@batch={batch} "));
            let line = format!("{tag}:{} {}", self.config.name, wire(&message));
            self.push(id, line, When::Always);
        }
        self.close_batch(id, batch);
    }

    pub(super) fn open_batch(&mut self, id: ClientId, about: &[&str]) -> Option<String> {
        let knows = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.has(Caps::BATCH));
        if !knows {
            return None;
        }
        let name = self.next_count().to_string();
        if let Some(response) = &mut self.response {
            response.batched = true;
        }
        let start = format!("+{name}");
        let params = [start.as_str()].into_iter().chain(about.iter().copied());
        self.reply_message(id, Message::new("BATCH", params));
        Some(name)
    }

    /// Sends a message from the server, in a batch if there is one.
    pub(super) fn push_in(&mut self, id: ClientId, batch: Option<&str>, mut message: Message) {
        message.source = Some(Source::parse(&self.config.name));
        let tag = batch.map_or_else(String::new, |batch| format!("@batch={batch} "));
        let line = wire(&message);
        let line = names::clip(&line, LINE - 2);
        self.push(id, format!("{tag}{line}"), When::Always);
    }

    pub(super) fn close_batch(&mut self, id: ClientId, batch: Option<String>) {
        if let Some(name) = batch {
            self.reply_message(id, Message::new("BATCH", [format!("-{name}")]));
        }
    }
}
