//! Netsplits: two servers lose each other, and everyone on the far side quits at once; later they are back at once. Each is
//! told and archived as one event for each channel.
//!
//! Servers that have batches say what belongs together (<https://ircv3.net/specs/batches/netsplit>). Elsewhere it is the
//! reason, `hub.example.net leaf.example.net`, which people cannot give: servers write theirs after `Quit:`. Who left that way
//! and joins again is back from it.
//!
//! Members change at once, each by an activity that is not archived and that full clients do not show.

use std::collections::BTreeMap;
use std::time::Duration;

use gateway::Audience;
use irc_codec::Message;
use protocol::{
    ActivityObject, ArchiveTarget, Bounded, FoldedName, MessageType, TextObject, Timestamp,
};

use super::Session;
use super::activities::{ArchivedEvent, stamp};

/// How long nobody must have come or gone before it is told.
const QUIET: Duration = Duration::from_secs(3);

/// How long it may take at most to be told.
const LONGEST: Duration = Duration::from_secs(20);

/// Names that are told; of the others the number.
const MAX_NAMES: usize = 20;

/// People who are remembered to have left in a netsplit.
const MAX_GONE: usize = 20_000;

/// How long they are remembered.
const BACK_WITHIN: Duration = Duration::from_secs(3600);

/// Maximum length of a server's name, in bytes.
const MAX_SERVER: usize = 63;

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Split,
    Back,
}

/// Who came or went in one channel.
#[derive(Debug, Default)]
struct Crowd {
    names: Vec<String>,
    count: usize,
}

/// A netsplit, or its end, that is going on.
#[derive(Debug)]
struct Fold {
    kind: Kind,
    /// The two servers, where they are known.
    between: Option<(String, String)>,
    id: String,
    at: Timestamp,
    begun: Duration,
    last: Duration,
    /// By the channel's name; there are no more than we are in.
    channels: BTreeMap<String, Crowd>,
}

/// The netsplits of a connection.
#[derive(Debug)]
pub(super) struct Netsplits {
    /// At most one of each kind.
    folds: Vec<Fold>,
    gone: Bounded<FoldedName, Duration>,
}

impl Default for Netsplits {
    fn default() -> Self {
        Self {
            folds: Vec::new(),
            gone: Bounded::new(MAX_GONE),
        }
    }
}

impl Session {
    /// QUIT: returns whether it belongs to a netsplit, and then handles it.
    pub(super) fn quit_in_split(&mut self, message: &Message, from: &str) -> bool {
        let named = between(message.param(0));
        let batch = self.batch_of(message, "netsplit");
        if batch.is_none() && named.is_none() {
            return false;
        }
        let name = self.fold(from);
        self.link.netsplits.gone.insert(name, self.now.elapsed);
        let channels = self.remove_everywhere(from);
        for channel in &channels {
            let object = ActivityObject::Message(TextObject {
                quit: Some(true),
                netsplit: Some(true),
                ..TextObject::new(message.param(0))
            });
            let room = Some(self.room(channel));
            let activity = self.activity("leave", self.person(from), room, Some(object));
            self.publish(activity, Audience::All);
        }
        self.note_fold(Kind::Split, batch.or(named), message, from, channels);
        true
    }

    /// JOIN of somebody else: returns whether it is the end of a netsplit, and then tells it. They are a member already.
    pub(super) fn joined_after_split(
        &mut self,
        message: &Message,
        from: &str,
        channel: &str,
    ) -> bool {
        let batch = self.batch_of(message, "netjoin");
        let name = self.fold(from);
        let gone = self.link.netsplits.gone.get(&name);
        let back = gone.is_some_and(|at| *at + BACK_WITHIN > self.now.elapsed);
        if batch.is_none() && !back {
            return false;
        }
        let object = ActivityObject::Message(TextObject {
            netsplit: Some(true),
            ..TextObject::default()
        });
        let channel = self.spelled(channel);
        let room = Some(self.room(&channel));
        let activity = self.activity("join", self.person(from), room, Some(object));
        self.publish(activity, Audience::All);
        self.note_fold(Kind::Back, batch, message, from, vec![channel]);
        true
    }

    /// The servers of a batch of that kind, or of one around it, if the message is in one.
    fn batch_of(&self, message: &Message, kind: &str) -> Option<(String, String)> {
        let (_, batch) = self.around(message).find(|(_, b)| b.kind == kind)?;
        Some((batch.target.clone(), batch.second.clone()))
    }

    fn note_fold(
        &mut self,
        kind: Kind,
        servers: Option<(String, String)>,
        message: &Message,
        from: &str,
        channels: Vec<String>,
    ) {
        let now = self.now.elapsed;
        let other = |fold: &Fold| servers.is_some() && fold.between != servers;
        // Two at once are two events.
        if let Some(at) = self.fold_at(kind)
            && self.link.netsplits.folds.get(at).is_some_and(other)
        {
            self.tell_fold(at);
        }
        let at = match self.fold_at(kind) {
            Some(at) => at,
            None => {
                let (id, at) = (self.id_of(message), self.time_of(message));
                self.link.netsplits.folds.push(Fold {
                    kind,
                    between: servers,
                    id,
                    at,
                    begun: now,
                    last: now,
                    channels: BTreeMap::new(),
                });
                self.link.netsplits.folds.len() - 1
            }
        };
        let Some(fold) = self.link.netsplits.folds.get_mut(at) else {
            return;
        };
        fold.last = now;
        for channel in channels {
            let crowd = fold.channels.entry(channel).or_default();
            crowd.count += 1;
            if crowd.names.len() < MAX_NAMES {
                crowd.names.push(from.to_owned());
            }
        }
    }

    fn fold_at(&self, kind: Kind) -> Option<usize> {
        let folds = &self.link.netsplits.folds;
        folds.iter().position(|fold| fold.kind == kind)
    }

    pub(super) fn netsplits_due(&self) -> Option<Duration> {
        let folds = self.link.netsplits.folds.iter();
        folds
            .map(|fold| (fold.last + QUIET).min(fold.begun + LONGEST))
            .min()
    }

    pub(super) fn netsplits_timeout(&mut self) {
        let now = self.now.elapsed;
        let due = |fold: &Fold| (fold.last + QUIET).min(fold.begun + LONGEST) <= now;
        while let Some(at) = self.link.netsplits.folds.iter().position(due) {
            self.tell_fold(at);
        }
    }

    /// Tells all, as the connection ends.
    pub(super) fn tell_netsplits(&mut self) {
        while !self.link.netsplits.folds.is_empty() {
            self.tell_fold(0);
        }
    }

    fn tell_fold(&mut self, at: usize) {
        let fold = self.link.netsplits.folds.remove(at);
        let kind = match fold.kind {
            Kind::Split => "leave",
            Kind::Back => "join",
        };
        let server = self.server().to_owned();
        for (channel, crowd) in &fold.channels {
            let text = fold.sentence(crowd);
            let event = ArchivedEvent {
                id: fold.id.clone(),
                at: fold.at,
                kind: if fold.kind == Kind::Split {
                    MessageType::Leave
                } else {
                    MessageType::Join
                },
                from: &server,
                text: text.clone(),
            };
            let record = self.record(ArchiveTarget::Channel(channel.clone()), &event);
            let object = ActivityObject::Message(TextObject::new(&text));
            let room = Some(self.room(channel));
            let activity = self.activity(kind, self.service(), room, Some(object));
            let activity = stamp(activity, &fold.id, fold.at);
            self.publish_recorded(activity, Audience::Full, vec![record]);
        }
    }
}

impl Fold {
    fn sentence(&self, crowd: &Crowd) -> String {
        let mut names = crowd.names.join(", ");
        let others = crowd.count - crowd.names.len();
        if others > 0 {
            names.push_str(&format!(" and {others} more"));
        }
        let people = match crowd.count {
            1 => "1 person".to_owned(),
            count => format!("{count} people"),
        };
        let between = match &self.between {
            Some((one, other)) if !one.is_empty() && !other.is_empty() => {
                format!(" between {one} and {other}")
            }
            _ => String::new(),
        };
        match (self.kind, crowd.count) {
            (Kind::Split, _) => format!("{people} quit in a netsplit{between}: {names}"),
            (Kind::Back, 1) => format!("{people} is back after a netsplit{between}: {names}"),
            (Kind::Back, _) => format!("{people} are back after a netsplit{between}: {names}"),
        }
    }
}

/// The servers in the reason of a netsplit.
fn between(reason: &str) -> Option<(String, String)> {
    let (one, other) = reason.split_once(' ')?;
    let is_server = |name: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
        let inner = name.trim_matches('.');
        inner == name && name.contains('.') && name.len() <= MAX_SERVER && name.chars().all(fits)
    };
    let differ = !one.eq_ignore_ascii_case(other);
    (differ && is_server(one) && is_server(other)).then(|| (one.to_owned(), other.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_servers_are_a_netsplit() {
        for reason in [
            "hub.net leaf.net",
            "*.net *.split",
            "a-1.example.org b_2.example.org",
        ] {
            assert!(between(reason).is_some(), "{reason}");
        }
        for reason in [
            "",
            "hub.net",
            "Quit: hub.net leaf.net",
            "hub.net hub.net",
            "see you",
            "bye now.",
            "http://a.b c.d",
            "hub.net leaf.net x.net",
        ] {
            assert_eq!(between(reason), None, "{reason}");
        }
    }
}
