//! What a member's client has been shown, and what it is still to be shown.

use std::collections::VecDeque;

/// What a client is still to be shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Missed {
    /// Direct messages: first is found out with whom.
    Direct,
    /// Lines of one conversation, up to an id; what is newer was shown when it was said.
    Conversation { key: String, until: i64 },
    /// That was all; messages up to an id have been shown.
    End { until: i64 },
}

/// How far a client of a member is; only of those that do not ask for history themselves.
#[derive(Debug)]
pub(super) struct Track {
    /// Its name among the member's clients.
    pub name: String,
    /// What came up to here was shown to it the last time.
    pub since: i64,
    /// The newest message that was sent to it.
    pub shown: i64,
    /// The newest that it has certainly read: it answered a PING that came after.
    pub proved: i64,
    /// What had been sent when it was sent a PING that it has not answered.
    pub asked: Option<i64>,
    /// What it is still to be shown.
    pub queue: VecDeque<Missed>,
    /// Lines that it may still be shown.
    pub lines: usize,
}
