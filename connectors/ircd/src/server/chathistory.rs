//! CHATHISTORY: requests (<https://ircv3.net/specs/extensions/chathistory>).

use irc_codec::Message;
use protocol::{FoldedName, Timestamp};

use super::caps::Caps;
use super::client::{Busy, UserId};
use super::{ClientId, Server, names, parse_message_id};
use crate::query::{Query, Range};
use crate::record::conversation;

/// What of a request is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wrong {
    Parameters,
    Reference,
    Target,
}

impl Wrong {
    /// The code of FAIL.
    const fn code(self) -> &'static str {
        match self {
            Self::Parameters => "INVALID_PARAMS",
            Self::Reference => "INVALID_MSGREFTYPE",
            Self::Target => "INVALID_TARGET",
        }
    }
}

/// Why a request cannot be answered: what is wrong, and a sentence.
pub(super) type Refusal = (Wrong, String);

impl Server {
    pub(super) fn on_chathistory(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let sub = message.param(0).to_ascii_uppercase();
        let parsed = if sub == "TARGETS" {
            self.parse_targets(user_id, message)
                .map(|query| (query, None))
        } else {
            self.parse_messages(id, user_id, &sub, message)
                .map(|query| (query, Some(message.param(1).to_owned())))
        };
        match parsed {
            Ok((query, target)) => {
                let label = self.response.take().map(|response| response.label);
                if let Some(client) = self.clients.get_mut(&id) {
                    client.busy = Some(Busy::History {
                        label,
                        command: sub,
                        target,
                    });
                }
                self.outbox.query(id, query);
            }
            Err((wrong, text)) => {
                let mut about = vec![sub.as_str()];
                if let Wrong::Target = wrong {
                    about.push(message.param(1));
                }
                self.fail(id, "CHATHISTORY", wrong.code(), &about, &text);
            }
        }
    }

    fn parse_targets(&self, user_id: UserId, message: &Message) -> Result<Query, Refusal> {
        let (one, other) = (reference(message.param(1))?, reference(message.param(2))?);
        let user = self.users.get(&user_id);
        let channels = user.map_or_else(Vec::new, |user| {
            user.channels
                .iter()
                .map(|key| (self.history_key(key), self.visible_since(user_id, key)))
                .collect()
        });
        Ok(Query::Targets {
            channels,
            account: user.and_then(|user| user.account.clone()),
            before: one.max(other),
            after: one.min(other),
            // Counted from the first time on, as for BETWEEN.
            newest: one > other,
            limit: self.parse_limit(message.param(3))?,
        })
    }

    fn parse_messages(
        &self,
        id: ClientId,
        user_id: UserId,
        sub: &str,
        message: &Message,
    ) -> Result<Query, Refusal> {
        let first = message.param(2);
        let limit = self.parse_limit(message.param(if sub == "BETWEEN" { 4 } else { 3 }));
        let range = match sub {
            "BEFORE" => Range::Newest {
                before: reference(first)?,
                after: i64::MIN,
            },
            "AFTER" => Range::Oldest {
                before: i64::MAX,
                after: reference(first)?,
            },
            "LATEST" if first == "*" => Range::Newest {
                before: i64::MAX,
                after: i64::MIN,
            },
            "LATEST" => Range::Newest {
                before: i64::MAX,
                after: reference(first)?,
            },
            "AROUND" => Range::Around {
                id: reference(first)?,
                after: i64::MIN,
            },
            "BETWEEN" => {
                let (one, other) = (reference(first)?, reference(message.param(3))?);
                if one <= other {
                    Range::Oldest {
                        before: other,
                        after: one,
                    }
                } else {
                    Range::Newest {
                        before: one,
                        after: other,
                    }
                }
            }
            _ => {
                let text = "There are LATEST, BEFORE, AFTER, AROUND, BETWEEN and TARGETS";
                return Err((Wrong::Parameters, text.to_owned()));
            }
        };
        let (target, since) = self.resolve_target(user_id, message.param(1))?;
        let range = match range {
            Range::Newest { before, after } => Range::Newest {
                before,
                after: after.max(since),
            },
            Range::Oldest { before, after } => Range::Oldest {
                before,
                after: after.max(since),
            },
            Range::Around { id, after } => Range::Around {
                id,
                after: after.max(since),
            },
        };
        let playback = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.has(Caps::EVENT_PLAYBACK));
        Ok(Query::Messages {
            target,
            range,
            limit: limit?,
            text_only: !playback,
        })
    }

    /// Finds the conversation that a client may read, and since when the current one exists under that name.
    pub(super) fn resolve_target(
        &self,
        user_id: UserId,
        target: &str,
    ) -> Result<(String, i64), Refusal> {
        let refused = |text: &str| Err((Wrong::Target, text.to_owned()));
        let Some(user) = self.users.get(&user_id) else {
            return refused("You are not connected");
        };
        let folded = names::fold(target);
        if target.starts_with('#') {
            if user.channels.contains(&folded) {
                let since = self.visible_since(user_id, &folded);
                return Ok((self.history_key(&folded), since));
            }
            return refused("Messages could not be retrieved: you are not in that channel");
        }
        let Some(account) = &user.account else {
            return refused("Only accounts have a history of direct messages; sign in");
        };
        if !names::is_nick(target, self.config.limits.nick) {
            return refused("Messages could not be retrieved: that is not a nickname");
        }
        let other = match self
            .nicks
            .get(&folded)
            .and_then(|other| self.users.get(other))
        {
            Some(other) => other.identity(),
            None if self.accounts.contains(folded.as_str()) => folded.to_string(),
            None => format!("~{folded}"),
        };
        Ok((conversation(account.as_str(), &other), i64::MIN))
    }

    /// Ids up to this one belong to an older channel with that name or, if the channel shows nothing from before one
    /// joined (+J), are from before.
    pub(super) fn visible_since(&self, user_id: UserId, key: &FoldedName) -> i64 {
        let Some(channel) = self.channels.get(key) else {
            return i64::MAX;
        };
        let created = channel.record.created.millis().saturating_sub(1);
        if !channel.record.from_join {
            return created;
        }
        let account = self
            .users
            .get(&user_id)
            .and_then(|user| user.account.as_ref());
        let joined = match account {
            Some(account) => channel.record.joined.get(account).copied(),
            None => channel.members.get(&user_id).map(|member| member.since),
        };
        created.max(joined.unwrap_or(created))
    }

    fn parse_limit(&self, text: &str) -> Result<usize, Refusal> {
        let most = self.config.limits.history_answer;
        match text.parse::<usize>() {
            Ok(limit) if limit > 0 => Ok(limit.min(most)),
            _ => Err((
                Wrong::Parameters,
                format!("The limit is \"{text}\"; expected 1 to {most}"),
            )),
        }
    }
}

/// Parses `timestamp=…` or `msgid=…`; both are ids here.
fn reference(text: &str) -> Result<i64, Refusal> {
    let refused = || {
        let text: String = text.chars().take(60).collect();
        let expected = "expected timestamp=2026-01-15T10:00:00.000Z or msgid=…";
        (
            Wrong::Parameters,
            format!("\"{text}\" names no message; {expected}"),
        )
    };
    match text.split_once('=').ok_or_else(refused)? {
        ("timestamp", time) => time
            .parse::<Timestamp>()
            .map(Timestamp::millis)
            .map_err(|_| refused()),
        ("msgid", id) => parse_message_id(id).ok_or_else(|| {
            (
                Wrong::Reference,
                "That msgid is none of this server's".to_owned(),
            )
        }),
        _ => Err((
            Wrong::Reference,
            "There are the references timestamp= and msgid=".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        assert_eq!(reference("timestamp=1970-01-01T00:00:01.002Z"), Ok(1002));
        let id = format!("msgid={}", super::super::message_id(1002));
        assert_eq!(reference(&id), Ok(1002));
        for bad in [
            "",
            "*",
            "timestamp=yesterday",
            "msgid=",
            "msgid=zz",
            "id=4",
            "msgid=m-5",
        ] {
            assert!(reference(bad).is_err(), "{bad}");
        }
    }
}
