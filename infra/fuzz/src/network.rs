//! A connection to a network: whatever a server sends, the session goes on, and its own lines are well-formed.
//!
//! The first byte of the input chooses how the connection is configured. A line that begins with `>` lets time pass, `!` ends the connection to the
//! server, `{` is a request of a client; everything else is sent by the server.

use std::time::Duration;

use gateway::{Attached, Command, RequestId};
use irc_connector::Settings;
use irc_connector::session::{Action, Clock, Session};
use protocol::{Activity, Assignment, Timestamp};
use serde_json::json;

use crate::script;

const START: i64 = 1_800_000_000_000;
/// Actions that one line may cause.
const MOST_ACTIONS: usize = 500;

pub(crate) fn run(input: &[u8]) {
    let (&first, rest) = input.split_first().unwrap_or((&0, &[]));
    let Some(mut network) = Network::new(first) else {
        return;
    };
    network.connect();
    for line in script::lines(rest) {
        match line.first() {
            Some(b'>') => network.pass(line.len()),
            Some(b'!') => network.lose(),
            Some(b'{') => network.perform(line),
            Some(_) => network.server(line),
            None => {}
        }
        assert!(!network.ended, "it ends by itself: {line:?}");
    }
    network.pass(600);
}

struct Network {
    session: Session,
    elapsed: Duration,
    connected: bool,
    ended: bool,
    requests: u64,
}

impl Network {
    fn new(choice: u8) -> Option<Self> {
        let connection = json!({
            "version": 1, "id": "c1", "platform": "irc", "name": "Test", "server": "irc.test", "nick": "alice",
            "host": "irc.test", "port": 6697, "secure": choice & 1 == 0, "sasl": choice & 2 == 0,
            "channels": [{"name": "#t"}], "enabled": true, "connector": "irc",
            "created": "2026-01-15T10:00:00.000Z",
        });
        let mut assignment = Assignment {
            account: "alice".parse().ok()?,
            connection: serde_json::from_value(connection).ok()?,
        };
        if choice & 4 == 0 {
            assignment.connection.password = Some("sesame".to_owned());
        }
        let clock = at(Duration::ZERO);
        let session = Session::new(assignment, Vec::new(), Settings::default(), 42, clock);
        Some(Self {
            session,
            elapsed: Duration::ZERO,
            connected: false,
            ended: false,
            requests: 0,
        })
    }

    fn connect(&mut self) {
        self.session
            .handle_command(Command::Audience { sockets: 1 }, at(self.elapsed));
        self.session.handle_timeout(at(self.elapsed));
        self.drain();
    }

    fn server(&mut self, line: &[u8]) {
        if self.connected {
            self.session.handle_line(line, at(self.elapsed));
            self.drain();
        }
    }

    fn lose(&mut self) {
        if std::mem::take(&mut self.connected) {
            self.session
                .handle_lost("the connection was lost", at(self.elapsed));
            self.drain();
        }
    }

    fn perform(&mut self, line: &[u8]) {
        let Ok(activity) = serde_json::from_slice::<Activity>(line) else {
            return;
        };
        if activity.actor.is_none() || activity.target.is_none() {
            return;
        }
        self.requests += 1;
        let command = Command::Perform {
            request: RequestId(self.requests),
            socket: Attached {
                socket: 7,
                full: true,
            },
            activity: Box::new(activity),
        };
        self.session.handle_command(command, at(self.elapsed));
        self.drain();
    }

    /// Lets seconds pass, and wakes the session whenever it asks.
    fn pass(&mut self, seconds: usize) {
        let seconds = u64::try_from(seconds.min(900)).unwrap_or_default();
        let end = self.elapsed + Duration::from_secs(seconds);
        let mut woken = 0;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.elapsed = self.elapsed.max(due);
            self.session.handle_timeout(at(self.elapsed));
            self.drain();
            woken += 1;
            assert!(woken < 20_000, "it asks to be woken again and again");
        }
        self.elapsed = end;
    }

    fn drain(&mut self) {
        let mut actions = 0;
        while let Some(action) = self.session.poll_action() {
            actions += 1;
            assert!(actions < MOST_ACTIONS, "{actions} actions of one line");
            match action {
                Action::Send(line) => script::check_sent(&line),
                Action::Connect { .. } => {
                    self.connected = true;
                    self.session.handle_connected(at(self.elapsed));
                }
                Action::Derive(derivation) => {
                    let keys = derivation.run();
                    self.session
                        .handle_derived(derivation, keys, at(self.elapsed));
                }
                Action::Disconnect => self.connected = false,
                Action::Emit(_) | Action::Remember { .. } => {}
                Action::Ended => self.ended = true,
            }
        }
    }
}

fn at(elapsed: Duration) -> Clock {
    let millis = i64::try_from(elapsed.as_millis()).unwrap_or_default();
    Clock {
        elapsed,
        wall: Timestamp::from_millis(START).plus_millis(millis),
    }
}
