//! Playback: a member's client that returns is sent the messages it missed, those of channels after its JOIN, direct
//! ones after the welcome. For clients that do not request history themselves (draft/chathistory).

use std::collections::VecDeque;

use irc_codec::{Message, Source};
use protocol::{AccountName, FoldedName, Timestamp};

use super::caps::Caps;
use super::client::{Busy, UserId};
use super::event::Event;
use super::multiline::pieces;
use super::outbox::When;
use super::playback::Missed;
use super::reply::{LINE, wire};
use super::{ClientId, Server, names};
use crate::query::{Answer, Query, Range};
use crate::record::Stored;

/// Maximum conversations played back to one client.
const MAX_CONVERSATIONS: usize = 200;

const DAY: i64 = 24 * 60 * 60 * 1000;

impl Server {
    /// Returns what a newly registered client has missed.
    pub(super) fn missed_at_start(
        &self,
        user_id: UserId,
        account: &AccountName,
    ) -> VecDeque<Missed> {
        let until = self.last_id;
        let user = self.users.get(&user_id);
        let channels = user.into_iter().flat_map(|user| user.channels.iter());
        let mut queue: VecDeque<Missed> = channels
            .filter(|key| {
                self.channels
                    .get(*key)
                    .is_some_and(|channel| channel.record.members.contains(account))
            })
            .take(MAX_CONVERSATIONS)
            .map(|key| Missed::Conversation {
                key: self.history_key(key),
                until,
            })
            .collect();
        queue.push_back(Missed::Direct);
        queue.push_back(Missed::End { until });
        queue
    }

    /// A member is back in a channel that they had not left.
    pub(super) fn missed_in_channel(&mut self, user_id: UserId, key: &FoldedName) {
        let history = self.history_key(key);
        for session in self.sessions(user_id) {
            let until = self.last_id;
            let playback = self
                .clients
                .get_mut(&session)
                .and_then(|c| c.playback.as_mut());
            if let Some(playback) = playback.filter(|t| t.queue.len() < MAX_CONVERSATIONS) {
                playback.queue.push_back(Missed::Conversation {
                    key: history.clone(),
                    until,
                });
                playback.queue.push_back(Missed::End { until });
                self.show_next_missed(session);
            }
        }
    }

    /// Looks up the next lines that a client missed, unless it waits for something else.
    pub(super) fn show_next_missed(&mut self, id: ClientId) {
        loop {
            let since = self.now.wall.millis() - self.config.limits.replay_days * DAY;
            let Some(client) = self.clients.get_mut(&id).filter(|c| c.busy.is_none()) else {
                return;
            };
            let account = client.account.clone();
            let asks = client.caps.has(Caps::CHATHISTORY);
            let Some(playback) = client.playback.as_mut() else {
                return;
            };
            let Some(next) = playback.queue.pop_front() else {
                return;
            };
            let place = match &next {
                Missed::Conversation { key, .. } if key.starts_with('#') => playback.since,
                _ => playback.direct_since,
            };
            let after = place.max(since);
            let limit = self.config.limits.replay_lines.min(playback.lines);
            let query = match &next {
                Missed::End { until } => {
                    playback.sent = playback.sent.max(*until);
                    continue;
                }
                _ if asks || limit == 0 => continue,
                Missed::Direct => Query::Targets {
                    channels: Vec::new(),
                    account,
                    before: i64::MAX,
                    after,
                    newest: true,
                    limit: MAX_CONVERSATIONS,
                },
                Missed::Conversation { key, until } => Query::Messages {
                    target: key.clone(),
                    range: Range::Newest {
                        before: until.saturating_add(1),
                        after: after.max(self.visible_since_or_ever(id, key)),
                    },
                    // One more, to find out whether there are too many.
                    limit: limit + 1,
                    text_only: true,
                },
            };
            if let Some(client) = self.clients.get_mut(&id) {
                client.busy = Some(Busy::Missed(next));
            }
            return self.outbox.query(id, query);
        }
    }

    fn visible_since_or_ever(&self, id: ClientId, key: &str) -> i64 {
        let user = self.clients.get(&id).and_then(|client| client.user);
        match user.filter(|_| key.starts_with('#')) {
            Some(user) => self.visible_since(user, &self.channel_of(key)),
            None => i64::MIN,
        }
    }

    /// Handles the log's answer: what a client missed.
    pub(super) fn show_missed(&mut self, id: ClientId, asked: &Missed, answer: Answer) {
        match (asked, answer) {
            (Missed::Direct, Answer::Targets(targets)) => {
                let playback = self.clients.get_mut(&id).and_then(|c| c.playback.as_mut());
                if let Some(playback) = playback {
                    let until = self.last_id;
                    for (key, _) in targets.into_iter().rev() {
                        playback
                            .queue
                            .push_front(Missed::Conversation { key, until });
                    }
                }
            }
            (Missed::Conversation { key, .. }, Answer::Messages(messages)) => {
                self.show_conversation(id, key, messages);
            }
            // The log cannot be read now, and reports that itself; what was not sent will be sent the next time.
            _ => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.playback = None;
                }
            }
        }
        self.show_next_missed(id);
    }

    fn show_conversation(&mut self, id: ClientId, key: &str, messages: Vec<(i64, Stored)>) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let (caps, account) = (client.caps, client.account.clone());
        let Some(playback) = client.playback.as_mut() else {
            return;
        };
        let most = self.config.limits.replay_lines.min(playback.lines);
        let excess = messages.len().saturating_sub(most);
        playback.lines -= messages.len() - excess;
        if messages.is_empty() {
            return;
        }
        let nick = self.name_for(id);
        let own = |stored: &Stored| account.is_some() && stored.account == account;
        let channel = self.channels.get(&self.channel_of(key));
        let channel = channel.map(|c| c.record.name.clone());
        let other = messages.first().map(|(_, stored)| match own(stored) {
            true => stored.to.clone(),
            false => Source::parse(&stored.source).nick,
        });
        let is_channel = channel.clone();
        let target = channel.or(other).unwrap_or_else(|| "*".to_owned());
        let batch = self.open_batch(id, &["chathistory", &target]);
        if excess > 0 {
            let text = "Older lines that you missed are left out here; the web client has them all";
            let to = if target.starts_with('#') {
                &target
            } else {
                &nick
            };
            let mut message = Message::new("NOTICE", [to.as_str(), text]);
            message.source = Some(Source::parse(&self.config.name));
            let tags = batch.as_ref().map(|batch| format!("@batch={batch} "));
            let line = tags.unwrap_or_default() + &wire(&message);
            self.push(id, line, When::Always);
        }
        for (at, stored) in messages.into_iter().skip(excess) {
            let (mut source, mut to) = (Source::parse(&stored.source), stored.to.clone());
            if let Some(name) = &is_channel {
                to.clone_from(name);
            } else {
                // Names may have changed: the conversation is with the current holder of the name.
                if own(&stored) {
                    source.nick.clone_from(&nick);
                } else {
                    to.clone_from(&nick);
                }
            }
            let text = stored.text.as_deref().unwrap_or_default();
            let fits = |text: &str| {
                let mut message = Message::new(&stored.command, [to.as_str(), text]);
                message.source = Some(source.clone());
                wire(&message).len() + 2 <= LINE
            };
            let timed = caps.has(Caps::SERVER_TIME);
            let lines = pieces(text).filter(|(_, line)| !line.is_empty());
            let lines: Vec<String> = lines
                .flat_map(|(_, line)| shown_as(line, at, self.now.wall, timed, &fits))
                .collect();
            for text in lines {
                let mut message = Message::new(&stored.command, [to.clone(), text]);
                message.source = Some(source.clone());
                let event = Event {
                    at,
                    has_id: true,
                    account: stored.account.clone(),
                    tags: stored.tags.clone(),
                    relayed_by: stored.relayed_by.clone(),
                    bot: stored.bot,
                    oper: None,
                    message,
                };
                let line = event.tags_for(caps, batch.as_deref()) + &wire(&event.message);
                self.push(id, line, When::Always);
            }
        }
        self.close_batch(id, batch);
    }
}

/// Returns a text as it is played back. For clients without server-time, its time is put before it (UTC, with the
/// date if not today), in two lines if that makes it too long. CTCP requests are left out, because clients would
/// answer them.
fn shown_as(
    text: &str,
    at: i64,
    now: Timestamp,
    reads_time: bool,
    fits: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let action = text
        .strip_prefix("\u{1}ACTION ")
        .map(|text| text.strip_suffix('\u{1}').unwrap_or(text));
    if text.starts_with('\u{1}') && action.is_none() {
        return Vec::new();
    }
    if reads_time {
        return vec![text.to_owned()];
    }
    // 2026-11-30T23:10:00.000Z
    let (time, today) = (Timestamp::from_millis(at).to_string(), now.to_string());
    let (day, clock) = time.split_once('T').unwrap_or((&time, ""));
    let clock = clock.get(..5).unwrap_or(clock);
    let stamp = if today.starts_with(day) {
        format!("[{clock}] ")
    } else {
        format!("[{day} {clock}] ")
    };
    let whole = |text: &str| match action {
        Some(_) => format!("\u{1}ACTION {text}\u{1}"),
        None => text.to_owned(),
    };
    let inner = action.unwrap_or(text);
    let stamped = format!("{stamp}{inner}");
    if fits(&whole(&stamped)) {
        return vec![whole(&stamped)];
    }
    let first = names::clip(&stamped, stamped.len() - stamp.len());
    let rest = stamped.get(first.len()..).unwrap_or_default();
    vec![whole(first), whole(rest)]
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn times_are_written_before_the_text_where_tags_are_not_read() {
        let now: Timestamp = "2026-11-30T23:59:00.000Z".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap().millis();
        let today = at("2026-11-30T08:05:09.000Z");
        let before = at("2026-11-29T23:10:00.000Z");
        let show = |text: &str, at: i64, limit: usize| {
            shown_as(text, at, now, false, &|text| text.len() <= limit)
        };
        assert_eq!(show("hi", today, 99), ["[08:05] hi"]);
        assert_eq!(show("hi", before, 99), ["[2026-11-29 23:10] hi"]);
        let wave = "\u{1}ACTION waves\u{1}";
        assert_eq!(show(wave, today, 99), ["\u{1}ACTION [08:05] waves\u{1}"]);
        assert_eq!(shown_as(wave, today, now, true, &|_| true), [wave]);
        assert!(show("\u{1}VERSION\u{1}", today, 99).is_empty());
        assert!(shown_as("\u{1}VERSION\u{1}", today, now, true, &|_| true).is_empty());
        // Nothing is lost from a line that would just fit without the time.
        let long = format!("{}ö", "x".repeat(29));
        let parts = show(&long, today, 31);
        assert_eq!(parts.concat(), format!("[08:05] {long}"));
        assert!(parts.len() == 2 && parts.iter().all(|part| part.len() <= 31));
    }
}
