//! Stored data: messages, changes of channels and accounts, and the snapshot of both.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{AccountName, TASK_TAG, Timestamp};
use serde::{Deserialize, Serialize};

use crate::change::ChannelChange;
pub use crate::channel_record::{Ban, ChannelRecord, Topic};

/// One entry of the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// Both a number and a time: milliseconds since 1970, strictly increasing.
    pub id: i64,
    /// The event.
    #[serde(flatten)]
    pub body: Body,
}

/// The content of a log entry.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Body {
    /// A message that CHATHISTORY can return.
    Message(Stored),
    /// The new state of a channel.
    Channel(Box<ChannelRecord>),
    /// What changed in a channel that is in an earlier record or the snapshot, perhaps its name.
    Changed(Box<ChannelChange>),
    /// A channel no longer exists.
    Gone {
        /// Its name.
        name: String,
    },
    /// An account was seen for the first time.
    Account {
        /// Its name.
        account: AccountName,
    },
    /// A member's client has been shown everything up to a time.
    Seen(Seen),
    /// Somebody is banned from the server.
    Ban(NetworkBan),
    /// A channel got another name.
    Renamed {
        /// The old one.
        from: String,
        /// Its new state.
        channel: Box<ChannelRecord>,
    },
    /// A member has read a conversation up to a time.
    Read(Read),
    /// An account said something about itself.
    Metadata {
        /// The account.
        account: AccountName,
        /// What it is about.
        key: String,
        /// The new value; `None` if it was removed.
        value: Option<String>,
    },
    /// A ban from the server was removed.
    Unban {
        /// Its mask.
        mask: String,
    },
}

/// A ban from the server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NetworkBan {
    /// `$a:account`, `nick!user@host` with wildcards, an address or a range.
    pub mask: String,
    /// Nickname of the administrator who set it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// When it ends; `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, as those are told whom it concerns.
    pub reason: String,
}

/// Up to where a member has read a conversation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Read {
    /// The member.
    pub account: AccountName,
    /// A channel's history, or the other participant.
    pub target: String,
    /// The time of the last message read.
    pub at: i64,
}

/// How far a member's client has been shown messages.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Seen {
    /// The client's account.
    pub account: AccountName,
    /// The client's name within the account.
    pub client: String,
    /// The id of the last message shown.
    pub at: i64,
}

/// Maximum length of a value of [`TASK_TAG`], in bytes.
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
    /// PRIVMSG, NOTICE, TAGMSG, TOPIC or REDACT.
    pub command: String,
    /// The first parameter, as the sender spelled it.
    pub to: String,
    /// The text; TAGMSG has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Client-only tags, as on the wire.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// Nickname of the relaying user, if the source is a relayed name (RELAYMSG).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed_by: Option<String>,
    /// Whether a program said it (IRCv3 bot-mode).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bot: bool,
    /// The id of the message that was deleted; its text is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<i64>,
}

impl Stored {
    /// Returns the key under which a task's line is remembered, if it is one: the account and the task.
    #[must_use]
    pub fn task(&self) -> Option<String> {
        let account = self.account.as_ref()?;
        let tags = irc_codec::Tags::parse(&self.tags);
        task_key(account, tags.get(TASK_TAG)?)
    }

    /// Returns whether it is also sent to clients without draft/event-playback.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.command.as_str(), "PRIVMSG" | "NOTICE")
    }
}

/// Returns the key of a conversation between two identities, in alphabetical order: an account's name, or `~nick` for
/// a guest. Channels begin with `#`, so the keys cannot collide.
#[must_use]
pub fn conversation(one: &str, other: &str) -> String {
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    format!("{first} {second}")
}

/// Returns the other participant of a conversation with `identity`.
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

/// Everything a server knows besides messages.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct State {
    /// The format version of this document, [`State::VERSION`].
    pub version: u32,
    /// The id of the last record included.
    pub as_of: i64,
    /// Accounts that have ever signed in; their names belong to them.
    pub accounts: BTreeSet<AccountName>,
    /// The channels.
    pub channels: Vec<ChannelRecord>,
    /// How far the clients of each account have been shown messages, by client name.
    #[serde(default)]
    pub seen: BTreeMap<AccountName, BTreeMap<String, i64>>,
    /// Up to where each account has read its conversations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub read: BTreeMap<AccountName, BTreeMap<String, i64>>,
    /// What each account says about itself, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<AccountName, BTreeMap<String, String>>,
    /// Bans from the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bans: Vec<NetworkBan>,
}

impl State {
    /// The format version that this program reads and writes.
    pub const VERSION: u32 = 1;

    /// Applies a newer record.
    pub fn apply(&mut self, record: &Record) {
        if record.id <= self.as_of {
            return;
        }
        let same = crate::server::names::same;
        match &record.body {
            Body::Message(_) => {}
            Body::Channel(new) => {
                match self.channels.iter_mut().find(|c| same(&c.name, &new.name)) {
                    Some(old) => old.clone_from(new),
                    None => self.channels.push((**new).clone()),
                }
            }
            Body::Changed(change) => {
                let (old, new) = (&change.name, change.new_name());
                if !same(old, new) && self.channels.iter().any(|c| same(&c.name, old)) {
                    self.channels.retain(|c| !same(&c.name, new));
                }
                if let Some(channel) = self.channels.iter_mut().find(|c| same(&c.name, old)) {
                    change.apply(channel);
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
            Body::Renamed { from, channel } => {
                self.channels
                    .retain(|c| !same(&c.name, from) && !same(&c.name, &channel.name));
                self.channels.push((**channel).clone());
            }
            Body::Read(read) => {
                read.note(&mut self.read);
            }
            Body::Metadata {
                account,
                key,
                value: Some(value),
            } => {
                let set = self.metadata.entry(account.clone()).or_default();
                set.insert(key.clone(), value.clone());
            }
            Body::Metadata { account, key, .. } => {
                if let Some(set) = self.metadata.get_mut(account) {
                    set.remove(key);
                }
            }
            Body::Ban(ban) => {
                self.bans.retain(|other| other.mask != ban.mask);
                self.bans.push(ban.clone());
            }
            Body::Unban { mask } => self.bans.retain(|ban| ban.mask != *mask),
        }
        self.as_of = record.id;
    }
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
