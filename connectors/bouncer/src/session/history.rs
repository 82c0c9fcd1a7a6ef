//! CHATHISTORY (IRCv3 draft/chathistory), from the messages that the gateway still has.

use irc_codec::Message;
use protocol::{Activity, Timestamp};

use super::activities::name_of;
use super::range::{Query, Range, at};
use super::requests::Asked;
use super::{Output, Session};

impl Session {
    pub(super) fn chathistory(&mut self, message: &Message) {
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(code) => {
                let text = "Invalid parameters";
                return self.fail("CHATHISTORY", code, &[message.param(0)], text);
            }
        };
        if query.target.is_empty() {
            let text = "There is no such conversation";
            return self.fail("CHATHISTORY", "INVALID_TARGET", &["*"], text);
        }
        let all = matches!(query.range, Range::Targets(..));
        let conversation = (!all).then(|| query.target.clone());
        if let Some(request) = self.ask(Asked::History(query)) {
            self.out.push(Output::Recall(request, conversation));
        }
    }

    pub(super) fn recalled(&mut self, request: u64, mut messages: Vec<Activity>) {
        let Some(Asked::History(query)) = self.asked.remove(&request) else {
            return;
        };
        messages.retain(|activity| self.is_shown(activity));
        let messages = messages.as_slice();
        let batched = self.caps.has("batch");
        let id = format!("h{request}");
        let open = format!("+{id}");
        if let Range::Targets(from, to) = query.range {
            if batched {
                self.speak("BATCH", [open.as_str(), "draft/chathistory-targets"]);
            }
            for (name, time) in self.targets(messages, from, to, query.limit) {
                let mut message = Message::new("CHATHISTORY", ["TARGETS", &name]);
                message.params.push(time.to_string());
                if batched {
                    message.tags.set("batch", id.as_str());
                }
                self.push(&message);
            }
        } else {
            if batched {
                let target = query.target.as_str();
                self.speak("BATCH", [open.as_str(), "chathistory", target]);
            }
            for activity in query.choose(messages) {
                let batch = batched.then_some(id.as_str());
                if activity.kind == "send" {
                    self.show_message(activity, true, batch);
                } else {
                    self.relation(activity, batch);
                }
            }
        }
        if batched {
            self.speak("BATCH", [format!("-{id}").as_str()]);
        }
    }

    /// The conversations with a latest message between two times, the latest last.
    fn targets(
        &self,
        messages: &[Activity],
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Vec<(String, Timestamp)> {
        let Some(network) = &self.network else {
            return Vec::new();
        };
        let mut latest = protocol::FoldedMap::new(network.folding);
        for activity in messages {
            let from = name_of(activity.actor.as_ref(), "person").unwrap_or_default();
            let name = match name_of(activity.target.as_ref(), "room") {
                Some(room) => room,
                None if self.is_own(from) => {
                    name_of(activity.target.as_ref(), "person").unwrap_or_default()
                }
                None => from,
            };
            if !name.is_empty() {
                latest.remove(name);
                latest.insert(name, at(activity));
            }
        }
        let (from, to) = (from.min(to), from.max(to));
        let mut found: Vec<(String, Timestamp)> = latest
            .iter()
            .filter(|(_, time)| (from..=to).contains(*time))
            .map(|(name, time)| (name.to_owned(), *time))
            .collect();
        found.sort_by_key(|(_, time)| *time);
        let left_out = found.len().saturating_sub(limit);
        found.split_off(left_out)
    }
}
