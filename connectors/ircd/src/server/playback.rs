//! What a member's client has been sent, and which missed messages it still has to be sent.

use std::collections::VecDeque;

/// Missed messages that are still to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Missed {
    /// Direct messages: the conversations have to be looked up first.
    Direct,
    /// Messages of one conversation up to an id; newer ones were sent live.
    Conversation { key: String, until: i64 },
    /// The end: messages up to an id have been sent.
    End { until: i64 },
}

/// What a member's client has been sent; only for clients that do not request history themselves.
#[derive(Debug)]
pub(super) struct Playback {
    /// Its name among the member's clients.
    pub name: String,
    /// On earlier connections it was sent everything up to this message.
    pub since: i64,
    /// The same for direct messages: earlier if it is new and its member was online without it.
    pub direct_since: i64,
    /// The newest message that was sent to it.
    pub sent: i64,
    /// The newest message that has certainly arrived: the client answered a later PING.
    pub acknowledged: i64,
    /// The newest message before the PING that it has not answered yet.
    pub pinged: Option<i64>,
    /// What is still to be sent.
    pub queue: VecDeque<Missed>,
    /// How many more lines may be sent.
    pub lines: usize,
}

impl Playback {
    /// Whether its place can be stored. A new client that is gone before it was sent the direct messages is new the
    /// next time, otherwise it would then be sent what was said in channels before its time.
    pub(super) const fn has_a_place(&self, at: i64) -> bool {
        at >= self.since || at > self.direct_since
    }
}
