//! Clients (connections) and users (people or programs, each with any number of clients).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use irc_codec::{Message, Source, Tags};
use protocol::{AccountName, FoldedName, SessionRef, Timestamp};

use super::caps::Caps;
use super::playback::{Missed, Playback};
use super::{Peer, names};

/// Identifies a user; never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct UserId(pub u64);

/// What a client has sent so far for its registration.
#[derive(Debug, Default)]
pub(super) struct Registration {
    pub nick: Option<String>,
    /// User name as sent, and real name.
    pub user: Option<(String, String)>,
    pub password: Option<String>,
    /// Between the first CAP LS or REQ and CAP END.
    pub negotiating: bool,
}

/// What a client's further lines have to wait for.
#[derive(Debug, PartialEq)]
pub(super) enum Busy {
    /// AUTHENTICATE is being checked.
    Sasl { label: Option<String> },
    /// PASS is being checked; `next` has more names to try it with.
    Password { next: Vec<(String, String)> },
    /// Whether a name is a member's is being looked up.
    Names {
        label: Option<String>,
        then: NextStep,
    },
    /// Missed messages are being read from the log.
    Missed(Missed),
    /// The message of a REDACT is being read from the log.
    Redact(Redaction),
    /// CHATHISTORY is being read from the log.
    History {
        label: Option<String>,
        /// The subcommand, in upper case.
        command: String,
        /// The conversation as the client spelled it; `None` for TARGETS.
        target: Option<String>,
    },
}

/// A message that is to be deleted, while it is looked up.
#[derive(Debug, PartialEq)]
pub(super) struct Redaction {
    pub label: Option<String>,
    /// The conversation as the client spelled it, and its key in the history.
    pub target: String,
    pub key: String,
    /// The message.
    pub about: i64,
    pub reason: String,
}

/// What is done once it is known whether a name is a member's.
#[derive(Debug, PartialEq)]
pub(super) enum NextStep {
    /// The client takes it as its nickname.
    Nick(String),
    /// AMODE gives it a role.
    Roles(Box<Message>),
    /// A message is sent to it.
    Message(Box<Message>),
}

/// A user's modes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct UserModes {
    pub bot: bool,
    pub invisible: bool,
    pub operator: bool,
    pub wallops: bool,
}

/// A message of several lines that a client has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub reference: String,
    pub target: String,
    pub tags: Tags,
    pub label: Option<String>,
    pub text: String,
    pub lines: usize,
    /// Bytes so far as the capability counts them.
    pub bytes: usize,
    /// Something was wrong and has been said; the rest is ignored.
    pub refused: bool,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    pub peer: Peer,
    pub caps: Caps,
    /// Sent `CAP LS 302`.
    pub cap_302: bool,
    /// Present until it is registered.
    pub registration: Option<Box<Registration>>,
    pub account: Option<AccountName>,
    /// The password or grant it signed in with.
    pub session: Option<SessionRef>,
    /// When its password was submitted for checking.
    pub checked: Timestamp,
    /// Whether its account may end other users' connections.
    pub administrator: bool,
    /// Present once it is registered.
    pub user: Option<UserId>,
    /// The session's away message.
    pub away: Option<Arc<str>>,
    pub busy: Option<Busy>,
    /// Its exchange of AUTHENTICATE.
    pub sasl: irc_codec::sasl::Exchange,
    /// Failed attempts to sign in on this connection.
    pub failures: u32,
    /// When it connected, in ticks.
    pub since: u64,
    /// How many lines it sent.
    pub lines: u64,
    /// When it last sent a line, in ticks.
    pub last_activity: u64,
    /// It was sent a PING and has sent nothing since.
    pub pinged: bool,
    /// Its entry in the list of deadlines.
    pub deadline: u64,
    /// Nicknames it monitors, as it spelled them.
    pub monitor: BTreeMap<FoldedName, String>,
    /// The keys of METADATA that it has subscribed to.
    pub subscriptions: BTreeSet<String>,
    /// The message of several lines that it is sending.
    pub begun: Option<Box<Begun>>,
    /// The name that was looked up last.
    pub looked_up: Option<FoldedName>,
    /// Its name for itself within the account: `account@client`.
    pub device: Option<String>,
    /// What it has been sent, if it does not request history itself.
    pub playback: Option<Box<Playback>>,
}

/// A person or a program, with one nickname and any number of sessions.
#[derive(Debug)]
pub(super) struct User {
    pub nick: String,
    pub name: String,
    pub host: String,
    pub real: String,
    pub account: Option<AccountName>,
    pub sessions: Vec<super::ClientId>,
    pub channels: BTreeSet<FoldedName>,
    /// Channels the user was invited to; at most [`MAX_INVITES`].
    pub invites: BTreeSet<FoldedName>,
    pub away: Option<Arc<str>>,
    pub modes: UserModes,
    pub since: Timestamp,
    /// Time of the last message sent.
    pub active: Timestamp,
    /// Grows whenever what masks are compared with changes: nickname, account, host.
    pub names: u64,
    /// When the changes of the nickname will be paid for, in ticks; see [`super::nick`].
    pub paid_at: u64,
}

/// Pending invitations per user.
pub(super) const MAX_INVITES: usize = 50;

impl User {
    pub(super) fn source(&self) -> Source {
        Source {
            nick: self.nick.clone(),
            user: Some(self.name.clone()),
            host: Some(self.host.clone()),
        }
    }

    /// The account, or `~nick`: the user's identity in a conversation.
    pub(super) fn identity(&self) -> String {
        match &self.account {
            Some(account) => account.to_string(),
            None => format!("~{}", names::fold(&self.nick)),
        }
    }

    pub(super) fn account_or_star(&self) -> &str {
        self.account.as_ref().map_or("*", AccountName::as_str)
    }
}

/// Counters for one address.
#[derive(Debug, Default)]
pub(super) struct Address {
    pub clients: usize,
    pub failures: u32,
    /// When failures are forgotten, in ticks.
    pub forget_failures_at: u64,
}
