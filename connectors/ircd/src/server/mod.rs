//! The server as a state machine: no sockets, no clock, no randomness, no files.
//!
//! Drive it with `handle_…` and the time, then take outputs with [`Server::poll_output`] until there are none.
//! Outputs to clients are in the order in which they arose; a line that arose after an append to the log waits until
//! that append is known to be durable, so that nobody is ever shown something that a crash could undo.

mod away;
mod ban_words;
mod bounds;
mod caps;
mod channel;
mod chathistory;
mod claim;
mod client;
mod commands;
mod deliver;
mod departure;
mod direct;
mod dispatch;
mod ended;
mod event;
mod help;
mod info;
mod invite;
mod join;
mod kick;
mod kill;
mod list;
mod lookalike;
mod lookup;
mod masks;
mod messages;
mod metadata;
mod missed;
mod mode;
mod mode_list;
mod monitor;
mod multiline;
mod mute;
pub(crate) mod names;
mod namreply;
mod network_ban;
mod nick;
mod one_server;
mod oper;
mod outbox;
mod pass;
mod persist;
mod playback;
mod quit;
mod read_marker;
mod redact;
mod registration;
mod relaymsg;
mod rename;
mod replay;
mod reply;
mod roles;
mod sasl;
mod seen;
mod sign_in;
mod stats;
mod subscriptions;
mod tasks;
mod timers;
mod topic;
mod unsaved;
mod user_mode;
mod webirc;
mod welcome;
mod who;
mod whois;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use protocol::{AccountName, FoldedName, Timestamp};

use crate::config::IrcdConfig;
use crate::query::Query;
use crate::record::{Record, Seen, State};
pub use crate::secret::Secret;
use channel::Channel;
use client::{Client, User, UserId};
use deliver::Response;
pub use departure::Departure;
use outbox::Outbox;
pub(crate) use tasks::MAX_TASKS;

/// Identifies a connection; never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId(pub u64);

/// Identifies an append to the log; counted from 1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AppendId(pub u64);

/// Why an append is not durable and never will be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotStored {
    /// The disk is full.
    Full,
    /// The disk does not work.
    Failed,
}

/// The current time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// Milliseconds on a monotonic clock; for time limits.
    pub ticks: u64,
    /// Wall-clock time; for messages.
    pub wall: Timestamp,
}

/// A client's origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether it uses TLS.
    pub secure: bool,
}

/// The recipients of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Recipients {
    /// One client.
    One(ClientId),
    /// Several.
    Many(Arc<[ClientId]>),
}

impl Recipients {
    /// Returns the recipients.
    #[must_use]
    pub fn as_slice(&self) -> &[ClientId] {
        match self {
            Self::One(client) => std::slice::from_ref(client),
            Self::Many(clients) => clients,
        }
    }
}

/// An action requested by the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Write this line, which includes CR LF.
    Send {
        /// The recipients.
        to: Recipients,
        /// The line.
        line: Arc<str>,
    },
    /// Write what is queued, then close. The server no longer knows the client.
    Close {
        /// The client.
        client: ClientId,
    },
    /// Check a password, then call [`Server::handle_authenticated`].
    Authenticate {
        /// The waiting client.
        client: ClientId,
        /// The account's name as typed.
        name: String,
        /// The password.
        password: Secret,
        /// Its address; `None` if many clients share it.
        address: Option<IpAddr>,
    },
    /// Look up which of these names are accounts, then call [`Server::handle_names`].
    Names {
        /// The waiting client.
        client: ClientId,
        /// The names.
        names: Vec<AccountName>,
    },
    /// Make this durable, then call [`Server::handle_stored`]; in order.
    Append {
        /// Increasing.
        id: AppendId,
        /// The record.
        record: Record,
    },
    /// Write to the program's log what an administrator did.
    Audit {
        /// The account.
        by: String,
        /// What, as a sentence without its subject.
        what: String,
    },
    /// Run this query after all appends before it, then call [`Server::handle_history`].
    Query {
        /// The waiting client.
        client: ClientId,
        /// The query.
        query: Query,
    },
}

/// Statistics for operators.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Statistics {
    /// Connections.
    pub clients: usize,
    /// Users; each may have several connections.
    pub users: usize,
    /// Channels.
    pub channels: usize,
    /// Messages accepted since the start.
    pub messages: u64,
    /// Lines received since the start.
    pub lines: u64,
    /// Failed attempts to sign in since the start.
    pub failures: u64,
    /// Appends that failed since the start.
    pub not_stored: u64,
    /// Appends that are not durable yet.
    pub pending: usize,
}

/// The state machine.
#[derive(Debug)]
pub struct Server {
    config: IrcdConfig,
    started: Timestamp,
    now: Now,
    /// The last id assigned to a message or record.
    last_id: i64,
    /// A counter for everything that needs a number: batches, users, guests' nicknames.
    counter: u64,
    clients: HashMap<ClientId, Client>,
    users: HashMap<UserId, User>,
    /// Nickname to user.
    nicks: HashMap<FoldedName, UserId>,
    channels: BTreeMap<FoldedName, Channel>,
    accounts: BTreeSet<AccountName>,
    /// The outlines of the accounts' names.
    outlines: BTreeSet<String>,
    /// The message up to which the accounts' clients have been sent everything.
    seen: BTreeMap<AccountName, BTreeMap<String, i64>>,
    /// Up to where each account has read its conversations.
    read: BTreeMap<AccountName, BTreeMap<String, i64>>,
    /// What accounts say about themselves.
    metadata: metadata::Metadata,
    /// The first names of channels that have others now.
    renamed: HashMap<FoldedName, FoldedName>,
    /// Nickname to the clients that monitor it.
    monitored: HashMap<FoldedName, BTreeSet<ClientId>>,
    /// Users who left, newest last, for WHOWAS.
    gone: VecDeque<whois::WhowasEntry>,
    /// Clients and failed attempts to sign in by address.
    addresses: HashMap<IpAddr, client::Address>,
    deadlines: BTreeSet<(u64, ClientId)>,
    outbox: Outbox,
    /// Tasks' lines that were sent.
    tasks: tasks::Tasks,
    /// Bans from the server.
    bans: network_ban::NetworkBans,
    /// How often each command was used.
    used: BTreeMap<&'static str, u64>,
    /// Changes of channels and accounts that are not on disk.
    unsaved: unsaved::Unsaved,
    /// The labelled response to the current command, if it has a label.
    response: Option<Response>,
    /// The maximum number of concurrent users since the start.
    most_users: usize,
    statistics: Statistics,
}

impl Server {
    /// Creates a server from its configuration, its previous state, and the newest id in its log.
    #[must_use]
    pub fn new(config: IrcdConfig, state: State, last_id: i64, now: Now) -> Self {
        let mut server = Self {
            config,
            started: now.wall,
            now,
            last_id: last_id.max(state.as_of),
            counter: 0,
            clients: HashMap::new(),
            users: HashMap::new(),
            nicks: HashMap::new(),
            channels: BTreeMap::new(),
            outlines: state
                .accounts
                .iter()
                .map(|account| protocol::outline(account.as_str()))
                .collect(),
            accounts: state.accounts,
            seen: state.seen,
            read: state.read,
            metadata: state.metadata,
            renamed: HashMap::new(),
            monitored: HashMap::new(),
            gone: VecDeque::new(),
            addresses: HashMap::new(),
            deadlines: BTreeSet::new(),
            outbox: Outbox::default(),
            tasks: tasks::Tasks::default(),
            bans: network_ban::NetworkBans::new(state.bans),
            used: BTreeMap::new(),
            unsaved: unsaved::Unsaved::default(),
            response: None,
            most_users: 0,
            statistics: Statistics::default(),
        };
        // For accounts from before this was recorded, nothing counts as missed.
        for account in &server.accounts {
            if !server.seen.contains_key(account) {
                Seen::first(account, state.as_of).note(&mut server.seen);
            }
        }
        for record in state.channels {
            let channel = Channel::new(record);
            // Only people without an account were in it.
            if !channel.is_lasting() {
                continue;
            }
            let key = names::fold(&channel.record.name);
            server.channels.insert(key.clone(), channel);
            server.note_renamed(&key);
        }
        server.create_defaults();
        server
    }

    /// Returns the next action, or `None` until something else is handled.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.poll()
    }

    /// Returns the number of appends that are not known to be durable.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.outbox.pending()
    }

    /// Returns how many bytes of lines wait for appends.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.outbox.bytes()
    }

    /// Returns statistics for operators.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            clients: self.clients.len(),
            users: self.users.len(),
            channels: self.channels.len(),
            pending: self.pending(),
            ..self.statistics
        }
    }

    /// Returns the next message id, which is its time too, so that paging by time misses nothing. At more than a
    /// thousand messages per second it runs ahead of the clock for a while.
    fn next_id(&mut self) -> i64 {
        self.last_id = self.now.wall.millis().max(self.last_id.saturating_add(1));
        self.last_id
    }

    fn next_count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}

/// Formats an id as a msgid.
pub(crate) fn message_id(id: i64) -> String {
    format!("m{id:x}")
}

/// Parses a msgid's id.
pub(crate) fn parse_message_id(text: &str) -> Option<i64> {
    let hex = text.strip_prefix('m').filter(|hex| hex.len() <= 15)?;
    i64::from_str_radix(hex, 16).ok().filter(|&id| id >= 0)
}
