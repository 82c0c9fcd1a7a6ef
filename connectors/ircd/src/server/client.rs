//! Clients (connections) and users (who they speak for).

use std::collections::BTreeSet;
use std::sync::Arc;

use irc_codec::{Message, Source};
use protocol::{AccountName, FoldedName, SessionRef, Timestamp};

use super::caps::Caps;
use super::track::{Missed, Track};
use super::{Peer, names};

/// Names one user for ever.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct UserId(pub u64);

/// What a client said before it was registered.
#[derive(Debug, Default)]
pub(super) struct Registration {
    pub nick: Option<String>,
    /// User name as sent, and real name.
    pub user: Option<(String, String)>,
    pub password: Option<String>,
    /// Between the first CAP LS or REQ and CAP END.
    pub negotiating: bool,
}

/// Why a client's further lines have to wait.
#[derive(Debug, PartialEq)]
pub(super) enum Busy {
    /// AUTHENTICATE is being checked.
    Sasl { label: Option<String> },
    /// PASS is being checked; more names to try it with.
    Password { next: Vec<(String, String)> },
    /// It is being found out whether a name is a member's.
    Names { label: Option<String>, then: Then },
    /// What it missed is being read.
    Missed(Missed),
    /// The history is being read.
    History {
        label: Option<String>,
        /// The conversation as the client spelled it; none for TARGETS.
        target: Option<String>,
    },
}

/// What is done once it is known whether a name is a member's.
#[derive(Debug, PartialEq)]
pub(super) enum Then {
    /// The client is given it as nickname.
    Nick(String),
    /// It is written to.
    Message(Box<Message>),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    pub peer: Peer,
    pub caps: Caps,
    /// Sent `CAP LS 302`.
    pub cap_302: bool,
    /// Until it is registered.
    pub registration: Option<Box<Registration>>,
    pub account: Option<AccountName>,
    /// What it was let in by.
    pub session: Option<SessionRef>,
    /// When its password was sent to be checked.
    pub checked: Timestamp,
    /// That account may end the connections of others.
    pub administrator: bool,
    /// Once it is registered.
    pub user: Option<UserId>,
    /// This session is away.
    pub away: Option<Arc<str>>,
    pub busy: Option<Busy>,
    /// AUTHENTICATE PLAIN was begun, with what came so far.
    pub sasl: Option<String>,
    /// Wrong passwords on this connection.
    pub failures: u32,
    /// When it was heard last, in ticks.
    pub heard: u64,
    /// It was sent a PING and has not been heard since.
    pub pinged: bool,
    /// Its entry among the deadlines.
    pub deadline: u64,
    pub monitor: BTreeSet<FoldedName>,
    /// The name of which it was last found out whether it is a member's.
    pub asked: Option<FoldedName>,
    /// What it calls itself among its account's clients: `account@client`.
    pub device: Option<String>,
    /// How far it is, if it does not ask for history itself.
    pub track: Option<Box<Track>>,
}

/// A person, or a program, with one nickname and any number of sessions.
#[derive(Debug)]
pub(super) struct User {
    pub nick: String,
    pub name: String,
    pub host: String,
    pub real: String,
    pub account: Option<AccountName>,
    pub sessions: Vec<super::ClientId>,
    pub channels: BTreeSet<FoldedName>,
    /// Channels it was invited to; at most [`MAX_INVITES`].
    pub invites: BTreeSet<FoldedName>,
    pub away: Option<Arc<str>>,
    pub invisible: bool,
    pub since: Timestamp,
    /// When it said something last.
    pub active: Timestamp,
}

/// Invitations one user can have waiting.
pub(super) const MAX_INVITES: usize = 50;

impl User {
    pub(super) fn source(&self) -> Source {
        Source {
            nick: self.nick.clone(),
            user: Some(self.name.clone()),
            host: Some(self.host.clone()),
        }
    }

    /// The account, or `~nick`: who this is in a conversation.
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

/// What is counted for one address.
#[derive(Debug, Default)]
pub(super) struct Address {
    pub clients: usize,
    pub failures: u32,
    /// When failures are forgotten, in ticks.
    pub forgiven: u64,
}
