//! A channel as it is kept: topic, modes, lists, roles.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};

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
