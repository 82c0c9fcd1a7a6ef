//! Stored data: messages, changes of channels and accounts, and the snapshot of both.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{AccountName, TASK_TAG, Timestamp};
use serde::{Deserialize, Serialize};

use crate::change::ChannelChange;

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

/// A topic, who set it, and when.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Topic {
    /// The text, never empty.
    pub text: String,
    /// Nickname or server.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// An entry of a channel's list: a mask of users.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ban {
    /// `nick!user@host` with wildcards, or `$a:account`.
    pub mask: String,
    /// Nickname of the user who set it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The part of a channel that outlives its members and the server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChannelRecord {
    /// As its founder spelled it.
    pub name: String,
    /// The folded name under which its messages are in the log, if it has been renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<String>,
    /// When it was created; older messages under that name belong to another channel.
    pub created: Timestamp,
    /// The topic.
    #[serde(default)]
    pub topic: Option<Topic>,
    /// Invite only (+i).
    #[serde(default)]
    pub invite_only: bool,
    /// Only operators and voiced users may speak (+m).
    #[serde(default)]
    pub moderated: bool,
    /// Only members may speak (+n).
    #[serde(default)]
    pub members_only: bool,
    /// Hidden from non-members (+s).
    #[serde(default)]
    pub secret: bool,
    /// Only operators may set the topic (+t).
    #[serde(default)]
    pub topic_locked: bool,
    /// Who joins sees only what is said from then on (+J).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_join: bool,
    /// Since when accounts are in [`ChannelRecord::members`], as ids; for those who joined before this was noted,
    /// there is no entry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub joined: BTreeMap<AccountName, i64>,
    /// Password (+k).
    #[serde(default)]
    pub key: Option<String>,
    /// Maximum number of members (+l).
    #[serde(default)]
    pub limit: Option<u32>,
    /// Bans (+b).
    #[serde(default)]
    pub bans: Vec<Ban>,
    /// Who may in spite of a ban or quiet (+e).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Ban>,
    /// Who needs no invitation (+I).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invite_exceptions: Vec<Ban>,
    /// Quiets (+q): who must not speak.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiets: Vec<Ban>,
    /// The account that founded it, or to which it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub founder: Option<AccountName>,
    /// Accounts that are operators whenever they are present (+o).
    #[serde(default)]
    pub operators: BTreeSet<AccountName>,
    /// Accounts that have a voice whenever they are present (+v).
    #[serde(default)]
    pub voices: BTreeSet<AccountName>,
    /// Accounts that joined and did not leave: they can rejoin without an invitation or key, regardless of the limit.
    #[serde(default)]
    pub members: BTreeSet<AccountName>,
    /// Remains without members and operators: set for configured channels.
    #[serde(default)]
    pub permanent: bool,
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
