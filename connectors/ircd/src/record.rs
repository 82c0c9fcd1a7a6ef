//! What is kept: messages, changes of channels and accounts, and the snapshot of both.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{AccountName, TASK_TAG, Timestamp};
use serde::{Deserialize, Serialize};

/// One entry of the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// Number and time at once: milliseconds since 1970, each larger than the one before.
    pub id: i64,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// What an entry of the log says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Body {
    /// Something that CHATHISTORY answers.
    Message(Stored),
    /// A channel is from now on like this.
    Channel(ChannelRecord),
    /// A channel is no more.
    Gone {
        /// Its name.
        name: String,
    },
    /// An account was seen for the first time.
    Account {
        /// Its name.
        account: AccountName,
    },
    /// A client of a member was shown what was said up to a time.
    Seen(Seen),
}

/// Up to where a client of a member was shown what was said.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Seen {
    /// Whose client.
    pub account: AccountName,
    /// Its name among the account's clients.
    pub client: String,
    /// The id up to which.
    pub at: i64,
}

/// The longest value of [`TASK_TAG`], in bytes.
const MAX_TASK: usize = 100;

/// Returns the key under which a task's line is remembered.
pub(crate) fn task_key(account: &AccountName, task: &str) -> Option<String> {
    ((1..=MAX_TASK).contains(&task.len())).then(|| format!("{account} {task}"))
}

/// A message as it was relayed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stored {
    /// The conversation: a folded channel name, or two identities, see [`conversation`].
    pub target: String,
    /// `nick!user@host`.
    pub source: String,
    /// Account of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// PRIVMSG, NOTICE, TAGMSG or TOPIC.
    pub command: String,
    /// The first parameter, as people spell it.
    pub to: String,
    /// The text; TAGMSG has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Client-only tags, as on the wire.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// Nickname of who relayed it, if the source is a name made up for it (RELAYMSG).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed_by: Option<String>,
}

impl Stored {
    /// Returns the key under which a task's line is remembered, if it is one: the account and the task.
    #[must_use]
    pub fn task(&self) -> Option<String> {
        let account = self.account.as_ref()?;
        let tags = irc_codec::Tags::parse(&self.tags);
        task_key(account, tags.get(TASK_TAG)?)
    }

    /// Returns whether clients without draft/event-playback are sent it too.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.command.as_str(), "PRIVMSG" | "NOTICE")
    }
}

/// Returns the key of a conversation between two identities: an account's name, or `~nick` of a
/// guest, in alphabetical order. Channels begin with `#`, so the keys never meet.
#[must_use]
pub fn conversation(one: &str, other: &str) -> String {
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    format!("{first} {second}")
}

/// Returns the other side of a conversation in which `identity` takes part.
#[must_use]
pub fn other_side<'a>(target: &'a str, identity: &str) -> Option<&'a str> {
    let (first, second) = target.split_once(' ')?;
    if first == identity {
        Some(second)
    } else if second == identity {
        Some(first)
    } else {
        None
    }
}

/// A topic, who set it and when.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Topic {
    /// The text, never empty.
    pub text: String,
    /// Nickname or server.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Somebody who may not join or speak.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ban {
    /// `nick!user@host` with wildcards.
    pub mask: String,
    /// Nickname of who set it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What of a channel outlives its members and the server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChannelRecord {
    /// As its founder spelled it.
    pub name: String,
    /// Since when it is there; older messages of that name belong to another channel.
    pub created: Timestamp,
    /// The topic.
    #[serde(default)]
    pub topic: Option<Topic>,
    /// Invite only (+i).
    #[serde(default)]
    pub invite_only: bool,
    /// Only operators and voiced users speak (+m).
    #[serde(default)]
    pub moderated: bool,
    /// Only members speak (+n).
    #[serde(default)]
    pub members_only: bool,
    /// Hidden from those outside (+s).
    #[serde(default)]
    pub secret: bool,
    /// Only operators set the topic (+t).
    #[serde(default)]
    pub topic_locked: bool,
    /// Password (+k).
    #[serde(default)]
    pub key: Option<String>,
    /// Most members (+l).
    #[serde(default)]
    pub limit: Option<u32>,
    /// Bans (+b).
    #[serde(default)]
    pub bans: Vec<Ban>,
    /// Accounts that are operators whenever they are here (+o).
    #[serde(default)]
    pub operators: BTreeSet<AccountName>,
    /// Accounts that have a voice whenever they are here (+v).
    #[serde(default)]
    pub voices: BTreeSet<AccountName>,
    /// Accounts that joined and did not leave: they come back without invitation, key or limit.
    #[serde(default)]
    pub members: BTreeSet<AccountName>,
    /// Stays without members and operators: set for channels of the configuration.
    #[serde(default)]
    pub permanent: bool,
}

/// All that a server knows beside messages.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct State {
    /// The form of this document, [`State::VERSION`].
    pub version: u32,
    /// The id of the last record that is contained.
    pub as_of: i64,
    /// Accounts that ever signed in; their names belong to them.
    pub accounts: BTreeSet<AccountName>,
    /// The channels.
    pub channels: Vec<ChannelRecord>,
    /// Up to where the clients of each account were shown what was said, by their names.
    #[serde(default)]
    pub seen: BTreeMap<AccountName, BTreeMap<String, i64>>,
}

impl State {
    /// The form that this program reads and writes.
    pub const VERSION: u32 = 1;

    /// Applies a record that is newer.
    pub fn apply(&mut self, record: &Record) {
        if record.id <= self.as_of {
            return;
        }
        let same = crate::server::names::same;
        match &record.body {
            Body::Message(_) => {}
            Body::Channel(new) => {
                match self.channels.iter_mut().find(|c| same(&c.name, &new.name)) {
                    Some(old) => *old = new.clone(),
                    None => self.channels.push(new.clone()),
                }
            }
            Body::Gone { name } => self.channels.retain(|c| !same(&c.name, name)),
            Body::Account { account } => {
                self.accounts.insert(account.clone());
                Seen::first(account, record.id).note(&mut self.seen);
            }
            Body::Seen(seen) => {
                seen.note(&mut self.seen);
            }
        }
        self.as_of = record.id;
    }
}

/// Which messages of one conversation are asked for; bounds are ids and exclusive.
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
    /// Half from before this id, half from it on, newer than `after`.
    Around {
        /// The middle.
        id: i64,
        /// Newer than this.
        after: i64,
    },
}

/// What a client asks of the history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Query {
    /// Messages of one conversation, the oldest first.
    Messages {
        /// The conversation.
        target: String,
        /// Which.
        range: Range,
        /// How many at most.
        limit: usize,
        /// Only PRIVMSG and NOTICE.
        text_only: bool,
    },
    /// Conversations with the time of their newest message, the oldest first.
    Targets {
        /// Channels to look at, with the time from which on each counts.
        channels: Vec<(String, i64)>,
        /// The account whose direct conversations count.
        account: Option<AccountName>,
        /// Newest message older than this.
        before: i64,
        /// Newest message newer than this.
        after: i64,
        /// If there are too many, the newest, else the oldest.
        newest: bool,
        /// How many at most.
        limit: usize,
    },
}

/// What the history answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Messages, the oldest first.
    Messages(Vec<(i64, Stored)>),
    /// Conversations and the time of their newest message.
    Targets(Vec<(String, i64)>),
    /// The log could not be read.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_has_one_key() {
        assert_eq!(conversation("bob", "alice"), "alice bob");
        assert_eq!(conversation("alice", "~zed"), "alice ~zed");
        assert_eq!(other_side("alice bob", "bob"), Some("alice"));
        assert_eq!(other_side("alice bob", "eve"), None);
        assert_eq!(other_side("#general", "eve"), None);
    }
}
