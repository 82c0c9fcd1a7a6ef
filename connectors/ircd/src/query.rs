//! What is asked of the history, and its answers.

use protocol::AccountName;

use crate::record::Stored;

/// Which messages of a conversation are requested; bounds are ids and exclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Range {
    /// The newest between the bounds.
    Newest {
        /// Older than this.
        before: i64,
        /// Newer than this.
        after: i64,
    },
    /// The oldest between the bounds.
    Oldest {
        /// Older than this.
        before: i64,
        /// Newer than this.
        after: i64,
    },
    /// Half from before this id, half from this id on, newer than `after`.
    Around {
        /// The id in the middle.
        id: i64,
        /// Newer than this.
        after: i64,
    },
}

impl Range {
    /// Leaves those of all messages, oldest first, that are requested, at most `limit`.
    pub fn pick<T>(self, messages: &mut Vec<(i64, T)>, limit: usize) {
        match self {
            Self::Newest { before, after } => {
                messages.retain(|(id, _)| *id > after && *id < before);
                messages.drain(..messages.len().saturating_sub(limit));
            }
            Self::Oldest { before, after } => {
                messages.retain(|(id, _)| *id > after && *id < before);
                messages.truncate(limit);
            }
            Self::Around { id, after } => {
                messages.retain(|(at, _)| *at > after);
                let middle = messages.partition_point(|(at, _)| *at < id);
                messages.drain(..middle.saturating_sub(limit / 2));
                messages.truncate(limit);
            }
        }
    }
}

/// A query to the history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Query {
    /// Messages of one conversation, oldest first.
    Messages {
        /// The conversation.
        target: String,
        /// The range.
        range: Range,
        /// Maximum number.
        limit: usize,
        /// Only PRIVMSG and NOTICE.
        text_only: bool,
    },
    /// Conversations with the time of their newest message, oldest first.
    Targets {
        /// Channels to consider, with the time from which each counts.
        channels: Vec<(String, i64)>,
        /// The account whose direct conversations are included.
        account: Option<AccountName>,
        /// Newest message older than this.
        before: i64,
        /// Newest message newer than this.
        after: i64,
        /// If there are too many: the newest, otherwise the oldest.
        newest: bool,
        /// Maximum number.
        limit: usize,
    },
}

/// The history's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Messages, oldest first.
    Messages(Vec<(i64, Stored)>),
    /// Conversations and the time of their newest message.
    Targets(Vec<(String, i64)>),
    /// The log could not be read.
    Failed,
}
