//! An always-on connection as a state machine without I/O.
//!
//! Its inputs are commands of the gateway, lines of the server, the state of the socket, and time; its outputs are
//! actions. The contract: call one `handle_…`, then take actions with [`Session::poll_action`] until there are none,
//! then wait for the next event, at most until [`Session::poll_timeout`]. Time and randomness are passed in, so that
//! tests control them.

mod account;
mod activities;
mod attach;
mod away;
mod batches;
mod capabilities;
mod channels;
mod charset;
mod client_tags;
mod connection;
mod ctcp;
mod dispatch;
mod history;
mod ids;
mod masking;
#[cfg(test)]
mod masking_growth;
mod masking_work;
mod members;
mod messages;
mod modes;
mod names;
mod netsplits;
mod new_account;
mod nick;
mod numerics;
mod on_connect;
mod outbox;
mod people;
mod perform;
mod queries;
mod registration;
mod relations;
mod renames;
mod requests;
mod sasl;
mod secrets;
mod sending;
mod sent;
mod sts;
mod tasks;
mod turned_away;
mod typed;
mod typing;
mod wanted;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use gateway::{Command, Output};
use irc_codec::{Isupport, Message};
use protocol::{Assignment, Bounded, FoldedMap, FoldedName, Folding, Timestamp};

use crate::dialects::Dialect;
use crate::record::Record as _;
use crate::{Derivation, Family, Fingerprint, Keys, Settings};
use attach::Attachments;
use away::Away;
use batches::Batches;
use channels::Channel;
use connection::Phase;
use dispatch::readable;
use history::History;
use ids::{Random, SeenIds};
use new_account::NewAccount;
use numerics::ErrorReply;
use outbox::Outbox;
use requests::Pending;
use secrets::Secrets;
use sent::Sending;
pub use sts::Policy;
use tasks::TaskState;
use typing::Typing;
use wanted::Wanted;

/// Monotonic time and wall-clock time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Clock {
    /// Time since a fixed moment; never decreases.
    pub elapsed: Duration,
    /// The date and time of day.
    pub wall: Timestamp,
}

/// Actions for the host of a session.
#[derive(Debug)]
pub enum Action {
    /// Connect to a server; respond with [`Session::handle_connected`] or [`Session::handle_lost`].
    Connect {
        /// The host name or address.
        host: String,
        /// The port.
        port: u16,
        /// With TLS.
        secure: bool,
        /// The certificate that is accepted besides those that are valid.
        certificate: Option<Fingerprint>,
        /// Whether to present the connection's own certificate.
        identified: bool,
        /// Which of the host's addresses to use.
        family: Family,
        /// The proxy that the account wants, as it was typed.
        proxy: Option<String>,
    },
    /// Compute the keys of a password, which takes up to a second, and answer with [`Session::handle_derived`].
    Derive(Derivation),
    /// Send a line; CR LF is to be added.
    Send(String),
    /// Remember what the server said of TLS, for all connections to the host; no time removes it.
    Remember {
        /// The host that was dialled.
        host: String,
        /// What it said.
        policy: Policy,
    },
    /// Close the connection; [`Session::handle_lost`] must not be called for it.
    Disconnect,
    /// Pass this to the gateway.
    Emit(Output),
    /// The session has ended.
    Ended,
}

/// What is known of the server, forgotten with each connection.
#[derive(Debug, Default)]
struct Link {
    nick: String,
    /// Whether it is with TLS.
    secure: bool,
    /// What the server calls itself.
    server_name: Option<String>,
    /// The account we are signed in to, as reported by the services; empty if they did not say which.
    account: Option<String>,
    /// Whether channels are on hold because the server admitted us without the sign-in that the account requires.
    held: bool,
    /// Why we were admitted without it, if the sign-in was refused.
    refusal: Option<String>,
    /// When to check whether the server offers it now.
    check_sign_in_at: Option<Duration>,
    user: Option<String>,
    host: Option<String>,
    welcomed: bool,
    capabilities: capabilities::Capabilities,
    sasl: sasl::Sasl,
    sign_in: sasl::SignIn,
    isupport: Isupport,
    case: Folding,
    /// How often the server has changed its case mapping.
    refolded: u32,
    channels: FoldedMap<Channel>,
    people: members::People,
    /// Who is away, with their away message.
    away: FoldedMap<String>,
    batches: Batches,
    motd: String,
    heard: Duration,
    pinged: Option<Duration>,
    nick_tries: u32,
    regain: nick::Regain,
    /// The text of ERROR, the server's reason for closing.
    closing_reason: Option<String>,
    /// The server's last message before the welcome: some give their reason for closing there.
    last_words: Option<String>,
    online_since: Duration,
    ctcp_replies: VecDeque<Duration>,
    /// Channels to which nothing can be relayed under another name.
    unrelayed: FoldedMap<()>,
    /// When it was last told that a line was too long.
    told_too_long: Option<Duration>,
    netsplits: netsplits::Netsplits,
    /// Whether the server said over TLS how long it is to be used.
    policy_said: bool,
    /// Commands on connect that may be echoed.
    command_echoes: Vec<on_connect::Echo>,
}

/// Actions that an idle session keeps room for: the burst of a welcome needs a hundred times as much, once.
const ROOM_FOR_ACTIONS: usize = 8;

/// A session; see the module documentation.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    assignment: Assignment,
    now: Clock,
    random: Random,
    counter: u64,
    phase: Phase,
    status: String,
    failures: u32,
    refusals: u32,
    link: Link,
    wanted: Vec<Wanted>,
    requests: VecDeque<Pending>,
    sends: VecDeque<Sending>,
    tasks: VecDeque<TaskState>,
    attachments: Attachments,
    away: Away,
    history: History,
    seen: SeenIds,
    /// The last number given to identical messages without ids, by the prefix of their ids.
    repeats: Bounded<String, usize>,
    /// How many reactions to a message were taken.
    reactions: Bounded<String, usize>,
    typing: Typing,
    secrets: Secrets,
    /// The keys that were computed last: a server asks for the same ones each time.
    keys: Option<(Derivation, Keys)>,
    new_account: Option<NewAccount>,
    sts: Option<sts::Sts>,
    /// The certificate for which there is no connection.
    refused_certificate: Option<Fingerprint>,
    /// How the services of the network speak, once they have.
    services_dialect: Option<Dialect>,
    outbox: Outbox,
    actions: VecDeque<Action>,
    /// Names already reported as impossible to join, so that each is reported once per connection.
    reported: BTreeSet<(ErrorReply, FoldedName)>,
}

impl Session {
    /// Creates a session that wants to connect immediately. `seed` is random: ids and delays are derived from it.
    #[must_use]
    pub fn new(
        assignment: Assignment,
        last_seen: Vec<(String, Timestamp)>,
        settings: Settings,
        seed: u64,
        now: Clock,
    ) -> Self {
        let wanted = assignment
            .connection
            .channels
            .iter()
            .map(|text| Wanted::parse(text))
            .collect();
        Self {
            outbox: Outbox::new(settings.burst, settings.interval, settings.queue),
            phase: Phase::Offline { retry: now.elapsed },
            status: "Not connected yet.".to_owned(),
            random: Random::new(seed),
            history: History::new(last_seen),
            settings,
            assignment,
            now,
            counter: 0,
            failures: 0,
            refusals: 0,
            link: Link::default(),
            wanted,
            requests: VecDeque::new(),
            sends: VecDeque::new(),
            tasks: VecDeque::new(),
            attachments: Attachments::default(),
            away: Away::default(),
            seen: SeenIds::default(),
            repeats: Bounded::new(ids::MAX_EQUAL),
            reactions: Bounded::new(relations::MAX_REACTED),
            typing: Typing::default(),
            secrets: Secrets::default(),
            keys: None,
            new_account: None,
            sts: None,
            refused_certificate: None,
            services_dialect: None,
            actions: VecDeque::new(),
            reported: BTreeSet::new(),
        }
    }

    /// Handles a command of the gateway.
    pub fn handle_command(&mut self, command: Command, now: Clock) {
        self.now = now;
        match command {
            Command::Attach { request, socket } => self.attach(request, socket),
            Command::Audience { sockets } => self.audience_changed(sockets),
            Command::Perform {
                request,
                socket,
                activity,
            } => self.perform(request, socket, *activity),
            Command::Say { request, saying } => self.say_task(request, *saying),
            Command::Reassign(assignment) => self.reassign(*assignment),
            Command::Stop { reason } => self.stop(&reason),
        }
        self.flush();
    }

    /// Handles a line from the server, without its line ending.
    pub fn handle_line(&mut self, line: &[u8], now: Clock) {
        self.now = now;
        self.link.heard = now.elapsed;
        self.link.pinged = None;
        // Invalid lines are ignored: a server's mistake must not end the connection.
        let line = readable(line);
        let message = match self.decoded(&line) {
            Some(text) => Message::parse(&text),
            None => Message::parse_bytes(&line),
        };
        if let Ok(message) = message {
            self.dispatch(&message);
        }
        self.flush();
    }

    /// The server sent a line that is longer than `limit` bytes without its tags, or than its tags may be; it was dropped.
    pub fn handle_too_long(&mut self, limit: usize, now: Clock) {
        self.now = now;
        self.link.heard = now.elapsed;
        self.link.pinged = None;
        self.too_long(limit);
        self.flush();
    }

    /// The connection will be made in about that time: other accounts are connecting to the same host.
    pub fn handle_queued(&mut self, wait: Duration) {
        self.queued(wait);
    }

    /// The host that is connected to.
    #[must_use]
    pub fn host(&self) -> &str {
        self.assignment.connection.host()
    }

    /// What is remembered of the host, before an attempt to connect.
    pub fn handle_policy(&mut self, policy: Policy, now: Clock) {
        self.now = now;
        self.know_policy(policy);
    }

    /// The connection was established.
    pub fn handle_connected(&mut self, now: Clock) {
        self.now = now;
        self.connected();
        self.flush();
    }

    /// Keys were computed, [`Action::Derive`].
    pub fn handle_derived(&mut self, derivation: Derivation, keys: Keys, now: Clock) {
        self.now = now;
        self.derived(derivation, keys);
        self.flush();
    }

    /// The connection is not made because of that certificate of the server; `reason` is a sentence for people.
    pub fn handle_certificate(&mut self, seen: Fingerprint, reason: &str, now: Clock) {
        self.refused_certificate = Some(seen);
        self.handle_lost(reason, now);
    }

    /// The connection could not be made or was lost; `reason` is a sentence for people.
    pub fn handle_lost(&mut self, reason: &str, now: Clock) {
        self.now = now;
        self.lost(reason);
        self.flush();
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Clock) {
        self.now = now;
        self.connection_timeout();
        self.requests_timeout();
        self.history_timeout();
        self.sends_timeout();
        self.away_timeout();
        self.regain_timeout();
        self.sign_in_timeout();
        self.sign_in_answer_timeout();
        self.tasks_timeout();
        self.account_timeout();
        self.netsplits_timeout();
        self.flush();
    }

    /// Returns when [`Session::handle_timeout`] is due, as [`Clock::elapsed`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        [
            self.connection_due(),
            self.requests.iter().map(|pending| pending.deadline).min(),
            self.history_due(),
            self.sends_due(),
            self.away_due(),
            self.regain_due(),
            self.sign_in_due(),
            self.sign_in_answer_due(),
            self.tasks_due(),
            self.account_due(),
            self.netsplits_due(),
            self.is_connected().then(|| self.outbox.due()).flatten(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Returns the next action.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if action.is_none() && self.actions.capacity() > ROOM_FOR_ACTIONS {
            self.actions = VecDeque::new();
        }
        action
    }

    /// Maximum length of a line that the server may send, without tags, in bytes.
    #[must_use]
    pub fn line_length(&self) -> usize {
        self.link.isupport.line_length()
    }

    fn emit(&mut self, output: Output) {
        self.actions.push_back(Action::Emit(output));
    }

    /// Sends immediately, before anything that is queued.
    fn send_now(&mut self, message: &Message) {
        self.actions.push_back(Action::Send(message.to_string()));
    }

    /// Queues a line behind those that users want.
    fn send_later(&mut self, message: &Message) {
        self.outbox.push_background(message.to_string());
    }

    /// Moves lines from the outbox to the wire as fast as the rate limit allows.
    fn flush(&mut self) {
        if !self.is_connected() {
            return;
        }
        self.tasks_progress();
        while let Some(entry) = self.outbox.pop(self.now.elapsed) {
            self.actions.push_back(Action::Send(entry.line));
            if let Some(id) = entry.sending {
                self.written(id);
            }
        }
    }

    fn server(&self) -> &str {
        &self.assignment.connection.server
    }

    fn fold(&self, name: &str) -> FoldedName {
        self.link.case.name(name)
    }

    fn same(&self, a: &str, b: &str) -> bool {
        self.link.case.same(a, b)
    }

    fn is_me(&self, nick: &str) -> bool {
        self.same(nick, &self.link.nick)
    }

    fn can(&self, capability: &str) -> bool {
        self.link.capabilities.enabled(capability)
    }
}
