//! Batches, <https://ircv3.net/specs/extensions/batch>: messages that belong together.

use std::collections::HashMap;

use irc_codec::Message;
use protocol::{Bounded, Timestamp};

use super::Session;

/// Batches that may be open concurrently.
const MAX_OPEN: usize = 64;

/// Maximum nesting of batches.
const MAX_DEPTH: usize = 8;

/// An open batch. Its messages are handled as they arrive; only their shared state is kept.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) kind: String,
    pub(super) target: String,
    /// The second parameter: in a netsplit, the other server.
    pub(super) second: String,
    /// Whether the server said that nothing comes after this page of history.
    pub(super) ended: bool,
    pub(super) label: Option<String>,
    pub(super) parent: Option<String>,
    /// Number of history messages so far, and the time of the newest.
    pub(super) count: usize,
    pub(super) last: Option<Timestamp>,
    /// Number of otherwise identical messages without an id, by the prefix of their ids.
    pub(super) equal: HashMap<String, usize>,
}

/// The open batches by reference. If there are too many, the oldest is dropped: a server that never closes one must
/// not make us miss later ones.
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
                second: message.param(3).to_owned(),
                ended: message.tags.get("draft/chathistory-end").is_some(),
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

    /// The label a message responds to, its own or that of the enclosing batch.
    pub(super) fn label_of(&self, message: &Message) -> Option<String> {
        if let Some(label) = message.tags.get("label") {
            return Some(label.to_owned());
        }
        self.around(message)
            .find_map(|(_, batch)| batch.label.clone())
    }

    /// The history batch a message belongs to.
    pub(super) fn in_history(&self, message: &Message) -> Option<String> {
        self.around(message)
            .find(|(_, batch)| is_history(&batch.kind))
            .map(|(reference, _)| reference.to_owned())
    }

    /// The batches around a message, from the inside.
    pub(super) fn around<'a>(
        &'a self,
        message: &'a Message,
    ) -> impl Iterator<Item = (&'a str, &'a Batch)> {
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
