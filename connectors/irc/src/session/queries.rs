//! WHOIS and LIST: answers of many lines, gathered into one.

use irc_codec::Message;
use serde_json::{Map, Value, json};

use super::Session;
use super::requests::Kind;

/// Rooms in an answer to LIST.
const MAX_ROOMS: usize = 500;

/// Channels in an answer to WHOIS.
const MAX_CHANNELS: usize = 200;

impl Session {
    fn whois_answer(&mut self, nick: &str) -> Option<&mut Map<String, Value>> {
        let case = self.link.case;
        self.requests
            .iter_mut()
            .find_map(|pending| match &mut pending.kind {
                Kind::Whois { nick: n, answer } if case.same(n, nick) => Some(answer),
                _ => None,
            })
    }

    pub(super) fn whois_line(&mut self, numeric: &str, message: &Message) {
        let nick = message.param(1).to_owned();
        let last = message.params.last().cloned().unwrap_or_default();
        let isupport = self.link.isupport.clone();
        let Some(answer) = self.whois_answer(&nick) else {
            return;
        };
        let mut set = |key: &str, value: Value| answer.insert(key.to_owned(), value);
        match numeric {
            "311" => {
                set("nick", json!(nick));
                set("username", json!(message.param(2)));
                set("host", json!(message.param(3)));
                set("realname", json!(last));
            }
            "312" => {
                set("server", json!(message.param(2)));
            }
            "313" => {
                set("operator", json!(true));
            }
            "317" => {
                if let Ok(idle) = message.param(2).parse::<u64>() {
                    set("idle", json!(idle));
                }
            }
            "319" => {
                let found = last.split_ascii_whitespace().map(|name| {
                    // The prefixes of ranks and of channels may be the same sign: `+#team`, `+team`.
                    let (_, rest) = isupport.split_ranks(name);
                    let rest = if isupport.is_channel(rest) {
                        rest
                    } else {
                        name
                    };
                    json!(rest)
                });
                let channels = answer.entry("channels").or_insert_with(|| json!([]));
                if let Some(channels) = channels.as_array_mut() {
                    channels.extend(found);
                    channels.truncate(MAX_CHANNELS);
                }
            }
            "330" => {
                set("account", json!(message.param(2)));
            }
            "671" => {
                set("secure", json!(true));
            }
            _ => {}
        }
    }

    pub(super) fn whois_away(&mut self, nick: &str, text: &str) -> bool {
        match self.whois_answer(nick) {
            Some(answer) => {
                answer.insert("away".to_owned(), json!(text));
                true
            }
            None => false,
        }
    }

    /// 318.
    pub(super) fn whois_end(&mut self, message: &Message) {
        // With several nicknames asked for (we ask for one twice) the server may list them all.
        let nick = message.param(1);
        let nick = nick.split(',').next().unwrap_or(nick).to_owned();
        let case = self.link.case;
        let asked = self.take_request(
            |kind| matches!(kind, Kind::Whois { nick: n, .. } if case.same(n, &nick)),
        );
        let Some(mut pending) = asked else { return };
        let Kind::Whois { answer, .. } = &mut pending.kind else {
            return;
        };
        let mut answer = std::mem::take(answer);
        if !answer.contains_key("username") {
            let sentence = format!(
                "There is nobody called {nick} on {} at the moment.",
                self.server()
            );
            self.done(pending.request, Err(sentence));
            return;
        }
        answer.insert("type".to_owned(), json!("whois"));
        answer.entry("channels").or_insert_with(|| json!([]));
        answer.entry("secure").or_insert_with(|| json!(false));
        pending.activity.object = Some(Value::Object(answer));
        self.complete(pending);
    }

    /// 322.
    pub(super) fn list_line(&mut self, message: &Message) {
        let item = json!({
            "name": message.param(1),
            "members": message.param(2).parse::<u64>().unwrap_or(0),
            "topic": message.param(3),
        });
        for pending in &mut self.requests {
            if let Kind::List { items } = &mut pending.kind {
                if items.len() < MAX_ROOMS {
                    items.push(item);
                }
                return;
            }
        }
    }

    /// 323.
    pub(super) fn list_end(&mut self) {
        let Some(mut pending) = self.take_request(|kind| matches!(kind, Kind::List { .. })) else {
            return;
        };
        if let Kind::List { items } = &mut pending.kind {
            let items = std::mem::take(items);
            pending.activity.object = Some(json!({"type": "rooms", "items": items}));
        }
        self.complete(pending);
    }
}
