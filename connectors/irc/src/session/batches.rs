//! Batches, <https://ircv3.net/specs/extensions/batch>: messages that belong together.

use std::collections::HashMap;

use irc_codec::Message;
use protocol::{Bounded, Timestamp};

use super::Session;

/// Batches that may be open at a time.
const MAX_OPEN: usize = 64;

/// How deep batches may lie within each other.
const MAX_DEPTH: usize = 8;

/// An open batch. Its messages are taken as they come; only what they have in common is kept.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) kind: String,
    pub(super) target: String,
    pub(super) label: Option<String>,
    pub(super) parent: Option<String>,
    /// Messages of a history so far, and the time of the newest.
    pub(super) count: usize,
    pub(super) last: Option<Timestamp>,
    /// How many messages without an id are alike, by what their ids begin with.
    pub(super) equal: HashMap<String, usize>,
}

/// The open batches, by their references. Of too many the oldest is given up: a server that never closes one must not keep
/// those from us that come later.
#[derive(Debug)]
pub(super) struct Batches(Bounded<String, Batch>);

impl Default for Batches {
    fn default() -> Self {
        Self(Bounded::new(MAX_OPEN))
    }
}

impl Batches {
    pub(super) fn get_mut(&mut self, reference: &str) -> Option<&mut Batch> {
        self.0.get_mut(reference)
    }
}

impl Session {
    pub(super) fn batch(&mut self, message: &Message) {
        let reference = message.param(0);
        if let Some(opened) = reference.strip_prefix('+') {
            let batch = Batch {
                kind: message.param(1).to_ascii_lowercase(),
                target: message.param(2).to_owned(),
                label: message.tags.get("label").map(str::to_owned),
                parent: message.tags.get("batch").map(str::to_owned),
                count: 0,
                last: None,
                equal: HashMap::new(),
            };
            self.link.batches.0.insert(opened.to_owned(), batch);
        } else if let Some(closed) = reference.strip_prefix('-')
            && let Some(batch) = self.link.batches.0.remove(closed)
        {
            if is_history(&batch.kind) {
                self.history_page(&batch);
            } else if batch.kind.ends_with("chathistory-targets") {
                self.history_targets_end();
            }
        }
    }

    /// The label that a message answers, its own or that of the batch around it.
    pub(super) fn label_of(&self, message: &Message) -> Option<String> {
        if let Some(label) = message.tags.get("label") {
            return Some(label.to_owned());
        }
        self.around(message)
            .find_map(|(_, batch)| batch.label.clone())
    }

    /// The batch of history that a message stands in.
    pub(super) fn in_history(&self, message: &Message) -> Option<String> {
        self.around(message)
            .find(|(_, batch)| is_history(&batch.kind))
            .map(|(reference, _)| reference.to_owned())
    }

    fn around<'a>(&'a self, message: &'a Message) -> impl Iterator<Item = (&'a str, &'a Batch)> {
        let open = |reference: &'a str| Some((reference, self.link.batches.0.get(reference)?));
        let first = message.tags.get("batch").and_then(open);
        std::iter::successors(first, move |(_, batch)| {
            batch.parent.as_deref().and_then(open)
        })
        .take(MAX_DEPTH)
    }
}

fn is_history(kind: &str) -> bool {
    matches!(
        kind,
        "chathistory" | "draft/chathistory" | "znc.in/playback"
    )
}
