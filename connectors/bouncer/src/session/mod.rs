//! One IRC client's session as a state machine: lines and news in, lines and orders out, no I/O and no clock.
//!
//! Whoever runs it carries out each [`Output`] in order, and returns what an order asks for as the next [`Input`].

mod activities;
mod bouncer;
mod caps;
mod commands;
mod history;
mod labels;
mod login;
mod messages;
mod network;
mod queries;
mod range;
mod registration;
mod relations;
mod reply;
mod requests;
#[cfg(test)]
mod tests;
mod welcome;

use std::collections::HashMap;
use std::time::Duration;

use gateway::{NetworkState, News};
use irc_codec::{Message, ParseError, numeric};
use protocol::{AccountName, Activity, PersonId, Timestamp};
use serde_json::Value;

pub(crate) use self::bouncer::PLATFORM;
use self::caps::Caps;
use self::labels::Labels;
pub use self::login::Login;
use self::network::Network;
use self::registration::Registration;
use self::requests::Asked;

/// How long a room's members may take to follow its list before the list is shown.
const NAMES_WAIT: Duration = Duration::from_millis(250);

/// The time, as the session is told it.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The time of day.
    pub wall: Timestamp,
    /// The time since some fixed point.
    pub elapsed: Duration,
}

/// Why a sign-in was refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refused {
    /// The name or the password is wrong.
    Wrong,
    /// The account is disabled.
    Disabled,
    /// Too many wrong passwords; seconds to wait.
    Wait(u64),
    /// It could not be checked; one sentence.
    Unavailable(String),
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input {
    /// A line without CR LF.
    Line(Vec<u8>),
    /// A line that was too long, and dropped.
    TooLong,
    /// The outcome of [`Output::SignIn`]: who it is, and the networks.
    SignedIn(Result<(Login, AccountName, Vec<NetworkState>), Refused>),
    /// The outcome of [`Output::Attach`].
    Attached(Result<NetworkState, String>),
    /// The account's networks now.
    Networks(Vec<NetworkState>),
    /// From the gateway.
    News(News),
    /// The outcome of [`Output::Recall`].
    Recalled(u64, Vec<Activity>),
    /// The outcome of [`Output::Create`].
    Created(Result<NetworkState, String>),
    /// Time has passed; see [`Session::deadline`].
    Time,
}

/// What a session wants done.
#[derive(Debug)]
pub enum Output {
    /// Send a line, without CR LF.
    Line(String),
    /// Check these names and passwords, one after the other until one is right.
    SignIn(Vec<(Login, String)>),
    /// Attach to a connection. With `replay`, replay what was published since the device's last session.
    Attach {
        /// The connection's id.
        connection: String,
        /// The device's name; the empty one is a device, too.
        device: String,
        /// Whether missed messages are wanted.
        replay: bool,
        /// The request's number.
        request: u64,
    },
    /// Send a request to the connection.
    Perform(u64, Box<Activity>),
    /// Fetch the recent messages of a conversation, or of all.
    Recall(u64, Option<String>),
    /// Create a connection of the account.
    Create {
        /// Nickname and server.
        actor: PersonId,
        /// The object of `credentials`.
        credentials: Value,
    },
    /// Everything before was the last.
    Close,
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    /// The bouncer's name.
    name: String,
    /// Distinguishes this session's messages from those of others.
    tag: String,
    now: Now,
    out: Vec<Output>,
    closed: bool,
    caps: Caps,
    /// State until the welcome; `None` afterwards.
    registration: Option<Registration>,
    account: Option<AccountName>,
    login: Login,
    /// The client's nickname as it knows it.
    nick: String,
    networks: Vec<NetworkState>,
    network: Option<Network>,
    asked: HashMap<u64, Asked>,
    labels: Labels,
    next: u64,
    names_due: Option<Duration>,
    /// The latest time of a shown message.
    shown: Option<Timestamp>,
}

impl Session {
    /// Creates a session. `tag` is unique among those of the process: a few letters or digits.
    #[must_use]
    pub fn new(name: &str, tag: &str, now: Now) -> Self {
        Self {
            name: name.to_owned(),
            tag: tag.to_owned(),
            now,
            out: Vec::new(),
            closed: false,
            caps: Caps::default(),
            registration: Some(Registration::default()),
            account: None,
            login: Login::default(),
            nick: String::new(),
            networks: Vec::new(),
            network: None,
            asked: HashMap::new(),
            labels: Labels::default(),
            next: 1,
            names_due: None,
            shown: None,
        }
    }

    /// Handles an input, and returns what is to be done.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Output> {
        self.now = now;
        if !self.closed {
            self.take(input);
        }
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Time`] is due, if it is.
    #[must_use]
    pub const fn deadline(&self) -> Option<Duration> {
        self.names_due
    }

    /// Whether the client has been welcomed.
    #[must_use]
    pub const fn is_registered(&self) -> bool {
        self.registration.is_none()
    }

    /// Whether the client wants to be told about all networks of its account.
    #[must_use]
    pub fn watches_networks(&self) -> bool {
        self.is_registered() && self.caps.has("soju.im/bouncer-networks-notify")
    }

    /// The network and the device that the client uses, and the time of the latest message it was shown.
    #[must_use]
    pub fn place(&self) -> Option<(&str, &str, Option<Timestamp>)> {
        let network = self.network.as_ref()?;
        let device = self.login.device.as_deref().unwrap_or_default();
        Some((&network.id, device, self.shown))
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::TooLong => {
                self.reply(numeric::ERR_INPUTTOOLONG, ["Input line was too long"]);
            }
            Input::Line(line) => self.line(&line),
            Input::SignedIn(outcome) => self.signed_in(outcome),
            Input::Attached(outcome) => self.attached(outcome),
            Input::Networks(networks) => self.networks_now(networks),
            Input::News(News::Ended(why)) => self.close(&why),
            Input::News(News::Activity { activity, missed }) => {
                self.flush_names(Some(&activity));
                self.activity(&activity, missed);
            }
            Input::News(News::Answer { request, activity }) => {
                self.flush_names(Some(&activity));
                self.labeled_answer(request, |session| session.answered(request, &activity));
            }
            Input::Recalled(request, messages) => {
                self.labeled_answer(request, |session| session.recalled(request, messages));
            }
            Input::Created(outcome) => self.labeled_creation(|session| session.created(outcome)),
            Input::Time => {
                if self.names_due.is_some_and(|due| due <= self.now.elapsed) {
                    self.flush_names(None);
                }
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let Ok(text) = std::str::from_utf8(line) else {
            return self.fail("*", "INVALID_UTF8", &[], "This server takes UTF-8 only");
        };
        match Message::parse(text) {
            Ok(message) => self.labeled(&message, |session| session.command(&message)),
            Err(ParseError::NoCommand) => {}
            Err(error) => {
                let error = error.to_string();
                self.reply(numeric::ERR_UNKNOWNCOMMAND, ["*", error.as_str()]);
            }
        }
    }

    fn command(&mut self, message: &Message) {
        match message.command.as_str() {
            "CAP" => self.cap(message),
            "PING" => {
                let name = self.name.clone();
                self.speak("PONG", [name.as_str(), message.param(0)]);
            }
            "PONG" => {}
            "QUIT" => self.close("Quit"),
            "AUTHENTICATE" => self.authenticate(message),
            "BOUNCER" => self.bouncer(message),
            _ if self.registration.is_some() => self.register(message),
            _ => self.perform(message),
        }
    }
}
