//! Messages sent while we were away: `draft/chathistory`, <https://ircv3.net/specs/extensions/chathistory>.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gateway::{PERSONS, Seen};
use irc_codec::Message;
use protocol::{EventBody, FoldedName, Folding, Timestamp};

use super::Session;
use super::batches::Batch;

/// Rooms and persons whose newest message is remembered.
const MAX_TARGETS: usize = 10_000;

/// Maximum length of their names, in bytes.
const MAX_NAME: usize = 256;

/// Persons whose history is requested after an absence.
const MAX_PERSONS: usize = 50;

/// A gap that is being filled.
#[derive(Debug)]
struct Fill {
    name: String,
    /// Everything up to this time is known.
    cursor: Option<Timestamp>,
    pages: usize,
    /// The newest message that arrived meanwhile.
    live: Option<Timestamp>,
    /// When the server's next response is due.
    deadline: Duration,
}

/// The times up to which messages are known.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Folded as ASCII: the server's case mapping is not known before registration, and a miss only means that more
    /// is requested than necessary.
    seen: HashMap<FoldedName, Timestamp>,
    filling: HashMap<FoldedName, Fill>,
    /// Channels in which nothing is missing since this connection was made.
    whole: HashSet<FoldedName>,
    /// Nothing that persons wrote before this time is missing.
    persons: Option<Timestamp>,
    /// Whether that holds up to now.
    persons_whole: bool,
    /// Whether the server is still listing who wrote.
    asking: bool,
    since: Option<Timestamp>,
    /// It did not respond in time, and has not responded since.
    silent: bool,
    /// A person's gap was abandoned on this connection.
    person_given_up: bool,
}

fn key(name: &str) -> FoldedName {
    Folding::Ascii.name(name)
}

impl History {
    pub(super) fn new(last_seen: Vec<(String, Timestamp)>) -> Self {
        let mut history = Self::default();
        for (name, at) in last_seen {
            if name == PERSONS {
                history.persons = Some(at);
            } else {
                history.note(&name, at);
            }
        }
        history
    }

    fn note(&mut self, name: &str, at: Timestamp) {
        let key = key(name);
        if let Some(seen) = self.seen.get_mut(&key) {
            *seen = at.max(*seen);
        } else if self.seen.len() < MAX_TARGETS && name.len() <= MAX_NAME {
            self.seen.insert(key, at);
        }
    }

    /// The connection is gone: gaps stay open from where they are filled to.
    pub(super) fn interrupted(&mut self) {
        self.filling.clear();
        self.whole.clear();
        (self.persons_whole, self.asking) = (false, false);
        (self.silent, self.person_given_up) = (false, false);
    }

    /// Returns whether it is pointless to wait for the server's history.
    pub(super) const fn is_silent(&self) -> bool {
        self.silent
    }
}

impl Session {
    pub(super) fn knows_history(&self) -> bool {
        self.can("draft/chathistory") || self.can("chathistory")
    }

    fn history_limit(&self) -> usize {
        let page = self.settings.history_page;
        match self.link.isupport.number("CHATHISTORY") {
            Some(limit @ 1..) => limit.min(page),
            _ => page,
        }
    }

    /// The time up to which nothing is missing after records of a live event: unchanged while an earlier gap is open.
    pub(super) fn seen_live(&self, records: &[(String, EventBody)]) -> Seen {
        if !self.knows_history() {
            return Seen::ALL;
        }
        let whole = |(_, body): &(String, EventBody)| match body {
            EventBody::Message { target, .. } => self.seen_live_of(target.name()),
            _ => true,
        };
        Seen {
            target: records.iter().all(whole),
            persons: self.history.persons_whole,
        }
    }

    /// Returns whether nothing is missing for a channel or person.
    fn seen_live_of(&self, name: &str) -> bool {
        if !self.knows_history() {
            true
        } else if let Some(channel) = self.link.isupport.channel_within(name) {
            self.history.whole.contains(&key(channel))
        } else {
            self.history.persons_whole
        }
    }

    /// A gap is filled, or cannot be filled.
    fn gap_closed(&mut self, name: &str) {
        if self.link.isupport.is_channel(name) {
            self.history.whole.insert(key(name));
        } else {
            self.persons_closed();
        }
    }

    /// Nothing that persons wrote is missing once it is known who wrote and all those gaps are filled.
    fn persons_closed(&mut self) {
        let isupport = &self.link.isupport;
        let open = |fill: &Fill| !isupport.is_channel(&fill.name);
        let given_up = self.history.asking || self.history.person_given_up;
        if !given_up && !self.history.filling.values().any(open) {
            self.history.persons_whole = true;
        }
    }

    /// The server has listed who wrote.
    pub(super) fn history_targets_end(&mut self) {
        if std::mem::take(&mut self.history.asking) {
            self.persons_closed();
        }
    }

    /// A live message arrived.
    pub(super) fn history_live(&mut self, name: &str, at: Timestamp) {
        if self.history.persons_whole {
            self.history.persons = self.history.persons.max(Some(at));
        }
        let whole = self.seen_live_of(name);
        let name = self.link.isupport.channel_within(name).unwrap_or(name);
        match self.history.filling.get_mut(&key(name)) {
            Some(fill) => fill.live = fill.live.max(Some(at)),
            // The gap before it may be requested in a moment.
            None if !whole => {}
            None => self.history.note(name, at),
        }
    }

    /// Requests missed messages of a channel or person.
    pub(super) fn fill_gap(&mut self, name: &str) {
        if !self.knows_history() {
            return;
        }
        let fill = Fill {
            name: name.to_owned(),
            cursor: self.history.seen.get(&key(name)).copied(),
            pages: 0,
            live: None,
            deadline: Duration::ZERO,
        };
        self.ask_page(fill);
    }

    /// Requests again what was said since a time; returns whether the request was sent.
    pub(super) fn search_history(&mut self, name: &str, since: Timestamp) -> bool {
        if self.is_searching(name) {
            return false;
        }
        let key = key(name);
        let seen = self.history.seen.get(&key).copied();
        let from = seen.map_or(since, |seen| seen.min(since));
        self.history.seen.insert(key.clone(), from);
        self.history.whole.remove(&key);
        self.fill_gap(name);
        true
    }

    /// Returns whether a gap in that conversation is being filled.
    pub(super) fn is_searching(&self, name: &str) -> bool {
        self.history.filling.contains_key(&key(name))
    }

    fn ask_page(&mut self, mut fill: Fill) {
        fill.pages += 1;
        let limit = self.history_limit().to_string();
        let message = match fill.cursor {
            // One millisecond earlier, because other messages with the same timestamp would be lost. Repeats are
            // recognised by id.
            Some(cursor) => {
                let after = format!("timestamp={}", cursor.plus_millis(-1));
                Message::new("CHATHISTORY", ["AFTER", &fill.name, &after, &limit])
            }
            None => Message::new("CHATHISTORY", ["LATEST", &fill.name, "*", &limit]),
        };
        self.send_later(&message);
        fill.deadline = self.answer_due(self.outbox.waiting());
        self.history.filling.insert(key(&fill.name), fill);
    }

    pub(super) fn history_due(&self) -> Option<Duration> {
        self.history
            .filling
            .values()
            .map(|fill| fill.deadline)
            .min()
    }

    /// A server that does not respond must not block anything. Such a gap stays open, and the next connection
    /// requests it again.
    pub(super) fn history_timeout(&mut self) {
        let now = self.now.elapsed;
        let isupport = &self.link.isupport;
        let (mut late, mut person) = (false, false);
        self.history.filling.retain(|_, fill| {
            let kept = fill.deadline > now;
            late |= !kept;
            person |= !kept && !isupport.is_channel(&fill.name);
            kept
        });
        self.history.silent |= late;
        self.history.person_given_up |= person;
    }

    /// We are no longer in a channel, and miss its messages.
    pub(super) fn history_left(&mut self, name: &str) {
        let key = key(name);
        self.history.filling.remove(&key);
        self.history.whole.remove(&key);
    }

    /// A message in a history batch.
    /// What is told along with a message, such as a reaction to it, does not count for the page, and is of any time.
    pub(super) fn history_message(&mut self, batch: &str, message: &Message, at: Timestamp) {
        let due = self.answer_due(0);
        let context = message.tags.get("draft/chathistory-context").is_some();
        if let Some(batch) = self.link.batches.get_mut(batch) {
            if !context {
                batch.count += 1;
                batch.last = batch.last.max(Some(at));
            }
            if let Some(fill) = self.history.filling.get_mut(&key(&batch.target)) {
                fill.deadline = fill.deadline.max(due);
            }
        }
    }

    /// A line of a batch of history that is no message: it counts for the page all the same.
    pub(super) fn history_line(&mut self, message: &Message) {
        if let Some(batch) = self.in_history(message) {
            let at = self.time_of(message);
            self.history_message(&batch, message, at);
        }
    }

    /// The end of a batch of history: there may be more, or the gap is filled.
    pub(super) fn history_page(&mut self, batch: &Batch) {
        let Some(mut fill) = self.history.filling.remove(&key(&batch.target)) else {
            // Unrequested; its messages are not older than what we knew.
            if let Some(last) = batch.last {
                self.history.note(&batch.target, last);
            }
            return;
        };
        self.history.silent = false;
        let latest = fill.cursor.is_none();
        let progress = batch.last > fill.cursor;
        fill.cursor = fill.cursor.max(batch.last);
        if let Some(cursor) = fill.cursor {
            self.history.note(&fill.name, cursor);
        }
        let full = batch.count >= self.history_limit() && !batch.ended;
        if !latest && full && progress && fill.pages < self.settings.history_pages {
            self.ask_page(fill);
        } else {
            if let Some(live) = fill.live {
                self.history.note(&fill.name, live);
            }
            self.gap_closed(&fill.name);
        }
    }

    /// FAIL CHATHISTORY: there is no history for that target.
    pub(super) fn history_failed(&mut self, message: &Message) {
        for param in &message.params {
            if param.eq_ignore_ascii_case("TARGETS") {
                self.history_targets_end();
            }
            if let Some(fill) = self.history.filling.remove(&key(param)) {
                if let Some(live) = fill.live {
                    self.history.note(&fill.name, live);
                }
                self.gap_closed(&fill.name);
            }
        }
    }

    /// Requests who wrote to us while we were away.
    pub(super) fn ask_targets(&mut self) {
        if !self.knows_history() {
            return;
        }
        let since = self.history.persons;
        let since = since.unwrap_or(self.assignment.connection.created);
        self.history.since = Some(since);
        (self.history.persons_whole, self.history.asking) = (false, true);
        let from = format!("timestamp={}", since.plus_millis(-1));
        // The server's clock may be ahead of ours.
        let to = format!("timestamp={}", self.now.wall.plus_millis(86_400_000));
        let limit = MAX_PERSONS.min(self.history_limit()).to_string();
        self.send_later(&Message::new(
            "CHATHISTORY",
            ["TARGETS", &from, &to, &limit],
        ));
    }

    /// A line of the response.
    pub(super) fn history_target(&mut self, message: &Message) {
        let name = message.param(1).to_owned();
        let Some(since) = self.history.since else {
            return;
        };
        if !message.param(0).eq_ignore_ascii_case("TARGETS")
            || name.is_empty()
            || self.link.isupport.is_channel(&name)
            || self.history.filling.len() >= MAX_PERSONS + self.wanted.len()
        {
            return;
        }
        if !self.history.seen.contains_key(&key(&name)) {
            self.history.note(&name, since);
        }
        self.fill_gap(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut history = History::new(vec![("#t".to_owned(), Timestamp::from_millis(1))]);
        history.note(&"n".repeat(8_000), Timestamp::from_millis(2));
        assert_eq!(history.seen.len(), 1);
        for number in 0..2 * MAX_TARGETS {
            history.note(&format!("n{number}"), Timestamp::from_millis(2));
        }
        assert_eq!(history.seen.len(), MAX_TARGETS);
        history.note("#T", Timestamp::from_millis(3));
        assert_eq!(
            history.seen.get(&key("#t")),
            Some(&Timestamp::from_millis(3))
        );
    }
}
