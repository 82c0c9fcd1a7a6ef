//! WHOIS and LIST: replies of many lines, combined into one.

use irc_codec::{Message, Numeric, numeric};
use protocol::{ActivityObject, ListedRoom, RoomsObject, WhoisObject};

use super::Session;
use super::requests::Kind;

/// Rooms in a reply to LIST.
const MAX_ROOMS: usize = 500;

/// Channels in a reply to WHOIS.
const MAX_CHANNELS: usize = 200;

impl Session {
    fn whois_answer(&mut self, nick: &str) -> Option<&mut WhoisObject> {
        let case = self.link.case;
        self.requests
            .iter_mut()
            .find_map(|pending| match &mut pending.kind {
                Kind::Whois { nick: n, answer } if case.same(n, nick) => Some(&mut **answer),
                _ => None,
            })
    }

    pub(super) fn whois_line(&mut self, code: Numeric, message: &Message) {
        let nick = message.param(1).to_owned();
        let last = message.params.last().cloned().unwrap_or_default();
        let isupport = self.link.isupport.clone();
        let Some(answer) = self.whois_answer(&nick) else {
            return;
        };
        match code {
            numeric::RPL_WHOISUSER => {
                answer.nick = Some(nick);
                answer.username = Some(message.param(2).to_owned());
                answer.host = Some(message.param(3).to_owned());
                answer.realname = Some(last);
            }
            numeric::RPL_WHOISSERVER => {
                answer.server = Some(message.param(2).to_owned());
            }
            numeric::RPL_WHOISOPERATOR => {
                answer.operator = Some(true);
            }
            numeric::RPL_WHOISIDLE => {
                if let Ok(idle) = message.param(2).parse::<u64>() {
                    answer.idle = Some(idle);
                }
            }
            numeric::RPL_WHOISCHANNELS => {
                let found = last.split_ascii_whitespace().map(|name| {
                    // Rank and channel prefixes may be the same character: `+#team`, `+team`.
                    let (_, rest) = isupport.split_ranks(name);
                    let rest = if isupport.is_channel(rest) {
                        rest
                    } else {
                        name
                    };
                    rest.to_owned()
                });
                let channels = answer.channels.get_or_insert_default();
                channels.extend(found);
                channels.truncate(MAX_CHANNELS);
            }
            numeric::RPL_WHOISACCOUNT => {
                answer.account = Some(message.param(2).to_owned());
            }
            numeric::RPL_WHOISSECURE => {
                answer.secure = Some(true);
            }
            _ => {}
        }
    }

    pub(super) fn whois_away(&mut self, nick: &str, text: &str) -> bool {
        match self.whois_answer(nick) {
            Some(answer) => {
                answer.away = Some(text.to_owned());
                true
            }
            None => false,
        }
    }

    /// RPL_ENDOFWHOIS.
    pub(super) fn whois_end(&mut self, message: &Message) {
        // For several nicknames (we give one twice) the server may list them all.
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
        if answer.username.is_none() {
            let sentence = format!(
                "There is nobody called {nick} on {} at the moment.",
                self.server()
            );
            self.done(pending.request, Err(sentence));
            return;
        }
        answer.channels.get_or_insert_default();
        answer.secure.get_or_insert_default();
        pending.activity.object = Some(ActivityObject::Whois(answer));
        self.complete(pending);
    }

    /// RPL_LIST.
    pub(super) fn list_line(&mut self, message: &Message) {
        let item = ListedRoom {
            name: message.param(1).to_owned(),
            members: message.param(2).parse().unwrap_or(0),
            topic: message.param(3).to_owned(),
        };
        for pending in &mut self.requests {
            if let Kind::List { items } = &mut pending.kind {
                if items.len() < MAX_ROOMS {
                    items.push(item);
                }
                return;
            }
        }
    }

    /// RPL_LISTEND.
    pub(super) fn list_end(&mut self) {
        let Some(mut pending) = self.take_request(|kind| matches!(kind, Kind::List { .. })) else {
            return;
        };
        if let Kind::List { items } = &mut pending.kind {
            let items = std::mem::take(items);
            pending.activity.object = Some(ActivityObject::Rooms(RoomsObject {
                items: Some(items),
                ..RoomsObject::default()
            }));
        }
        self.complete(pending);
    }
}
