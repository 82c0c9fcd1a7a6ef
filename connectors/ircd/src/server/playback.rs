//! What a member's client has been sent, and what of what it missed is still to be sent.

use std::collections::VecDeque;

/// Something that a client missed and is still to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Missed {
    /// Direct messages: the conversations have to be looked up first.
    Direct,
    /// Messages of one conversation up to an id; newer ones were sent as they came.
    Conversation { key: String, until: i64 },
    /// The end: messages up to an id have been sent.
    End { until: i64 },
}

/// What a client of a member has been sent; only for clients that do not ask for history themselves.
#[derive(Debug)]
pub(super) struct Playback {
    /// Its name among the member's clients.
    pub name: String,
    /// It was sent everything up to this message on its connections before.
    pub since: i64,
    /// The newest message that was sent to it.
    pub sent: i64,
    /// The newest message that has certainly arrived: it answered a PING that was sent later.
    pub acknowledged: i64,
    /// The newest message before the PING that it has not answered yet.
    pub pinged: Option<i64>,
    /// What is still to be sent.
    pub queue: VecDeque<Missed>,
    /// How many lines may still be sent.
    pub lines: usize,
}
