//! A session with a scripted server and a simulated clock.

#![allow(unreachable_pub, reason = "shared by the stories")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::time::Duration;

use gateway::{Attached, Audience, Command, Output, RequestId, TaskOutcome};
use irc_connector::Settings;
use irc_connector::session::{Action, Clock, Session};
use protocol::{Activity, Assignment, Connection, EventBody, Timestamp};
use serde_json::{Value, json};

pub const START: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z
pub const SOCKET: Attached = Attached {
    socket: 7,
    full: true,
};

pub fn assignment() -> Assignment {
    Assignment {
        account: "alice".parse().unwrap(),
        connection: Connection {
            version: 1,
            id: "c1".to_owned(),
            platform: "irc".to_owned(),
            name: "Test".to_owned(),
            server: "irc.test".to_owned(),
            nick: "alice".to_owned(),
            fields: serde_json::Map::from_iter([
                ("host".to_owned(), json!("irc.test")),
                ("port".to_owned(), json!(6697)),
                ("secure".to_owned(), json!(true)),
                ("sasl".to_owned(), json!(false)),
            ]),
            password: None,
            channels: vec![],
            enabled: true,
            connector: "irc".to_owned(),
            created: Timestamp::from_millis(START),
        },
    }
}

/// An activity, its audience, and its records.
pub type Told<'a> = (&'a Activity, Audience, &'a [(String, EventBody)]);

pub struct Story {
    pub session: Session,
    pub elapsed: Duration,
    pub sent: Vec<String>,
    pub outputs: Vec<Output>,
    pub actions: Vec<String>,
    /// How often keys were computed.
    pub derived: u32,
    requests: u64,
}

impl Story {
    pub fn new(assignment: Assignment) -> Self {
        Self::with(assignment, vec![], Settings::default())
    }

    pub fn with(
        assignment: Assignment,
        last_seen: Vec<(String, Timestamp)>,
        settings: Settings,
    ) -> Self {
        let clock = Clock {
            elapsed: Duration::ZERO,
            wall: Timestamp::from_millis(START),
        };
        Self {
            session: Session::new(assignment, last_seen, settings, 42, clock),
            elapsed: Duration::ZERO,
            sent: vec![],
            outputs: vec![],
            actions: vec![],
            derived: 0,
            requests: 0,
        }
    }

    /// Connected, with these capabilities, welcomed with these ISUPPORT tokens, and one socket.
    pub fn online(assignment: Assignment, caps: &str, isupport: &str) -> Self {
        let mut story = Self::new(assignment);
        story.go_online(caps, isupport);
        story
    }

    pub fn go_online(&mut self, caps: &str, isupport: &str) {
        self.command(Command::Audience { sockets: 1 });
        self.connect();
        self.server(&format!(":irc.test CAP * LS :{caps}"));
        for line in self.sent.clone() {
            if let Some(list) = line.strip_prefix("CAP REQ ") {
                let list = list.trim_start_matches(':');
                self.server(&format!(":irc.test CAP * ACK :{list}"));
            }
        }
        if self.sent.last().is_some_and(|l| l == "AUTHENTICATE PLAIN") {
            self.server("AUTHENTICATE +");
            self.server(":irc.test 903 alice :ok");
        }
        self.welcome("alice", isupport);
        self.sent.clear();
        self.outputs.clear();
    }

    pub fn welcome(&mut self, nick: &str, isupport: &str) {
        self.server(&format!(":irc.test 001 {nick} :Welcome"));
        self.server(&format!(":irc.test 005 {nick} {isupport} :are supported"));
        self.server(&format!(":irc.test 422 {nick} :No MOTD"));
    }

    pub fn connect(&mut self) {
        self.timeout();
        assert!(
            self.actions
                .last()
                .is_some_and(|a| a.starts_with("connect")),
            "{:?}",
            self.actions
        );
        self.connected();
    }

    /// The connection that the session has asked for is made.
    pub fn connected(&mut self) {
        let now = self.now();
        self.session.handle_connected(now);
        self.drain();
    }

    pub fn now(&self) -> Clock {
        Clock {
            elapsed: self.elapsed,
            wall: Timestamp::from_millis(START).plus_millis(self.elapsed.as_millis() as i64),
        }
    }

    pub fn drain(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Send(line) => self.sent.push(line),
                Action::Emit(output) => self.outputs.push(output),
                Action::Connect {
                    host,
                    port,
                    secure,
                    certificate,
                    identified,
                    ..
                } => {
                    let accepted = certificate.map_or("", |_| " accepted");
                    let identified = if identified { " identified" } else { "" };
                    let connect = format!("connect {host} {port} {secure}{accepted}{identified}");
                    self.actions.push(connect);
                }
                Action::Derive(derivation) => {
                    let keys = derivation.run();
                    let now = self.now();
                    self.derived += 1;
                    self.session.handle_derived(derivation, keys, now);
                }
                Action::Remember { host, policy } => {
                    let holds = policy.holds.as_secs();
                    let remember = format!("remember {host} {} {holds}", policy.port);
                    self.actions.push(remember);
                }
                Action::Disconnect => self.actions.push("disconnect".to_owned()),
                Action::Ended => self.actions.push("ended".to_owned()),
            }
        }
    }

    pub fn server(&mut self, line: &str) {
        let now = self.now();
        self.session.handle_line(line.as_bytes(), now);
        self.drain();
    }

    pub fn command(&mut self, command: Command) {
        let now = self.now();
        self.session.handle_command(command, now);
        self.drain();
    }

    pub fn lost(&mut self, reason: &str) {
        let now = self.now();
        self.session.handle_lost(reason, now);
        self.drain();
    }

    pub fn timeout(&mut self) {
        let now = self.now();
        self.session.handle_timeout(now);
        self.drain();
    }

    /// Advances the time, waking the session whenever it asks.
    pub fn pass(&mut self, time: Duration) {
        let end = self.elapsed + time;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.elapsed = self.elapsed.max(due);
            self.timeout();
        }
        self.elapsed = end;
    }

    /// Advances the time by minutes, with a server that responds.
    pub fn pass_alive(&mut self, minutes: u32) {
        for _ in 0..minutes {
            self.pass(Duration::from_secs(60));
            self.server(":irc.test PONG irc.test :x");
        }
    }

    pub fn perform(&mut self, value: Value) -> RequestId {
        self.perform_from(SOCKET, value)
    }

    pub fn perform_from(&mut self, socket: Attached, value: Value) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        let mut value = value;
        value["actor"] = json!({"id": "alice@irc.test", "type": "person"});
        let activity: Box<Activity> = serde_json::from_value(value).unwrap();
        self.command(Command::Perform {
            request,
            socket,
            activity,
        });
        request
    }

    pub fn say(&mut self, target: &str, text: &str) -> RequestId {
        self.perform(json!({
            "type": "send",
            "target": {"id": format!("{target}@irc.test")},
            "object": {"type": "message", "content": text},
        }))
    }

    /// Sends a message like a Sockethub client, which knows texts only.
    pub fn say_plain(&mut self, target: &str, text: &str) -> RequestId {
        let plain = Attached {
            socket: 8,
            full: false,
        };
        let object = json!({"type": "message", "content": text});
        let target = json!({"id": format!("{target}@irc.test")});
        self.perform_from(
            plain,
            json!({"type": "send", "target": target, "object": object}),
        )
    }

    pub fn join(&mut self, channel: &str, members: &str) {
        let me = "alice!al@host.test";
        self.server(&format!(":{me} JOIN {channel}"));
        self.server(&format!(":irc.test 353 alice = {channel} :{members}"));
        self.server(&format!(":irc.test 366 alice {channel} :End"));
        self.sent.clear();
        self.outputs.clear();
    }

    /// Outcomes of tasks, by request number.
    pub fn said(&self) -> Vec<(u64, TaskOutcome)> {
        let said = |output: &Output| match output {
            Output::Said { request, said } => Some((request.0, said.clone())),
            _ => None,
        };
        self.outputs.iter().filter_map(said).collect()
    }

    /// The answer to a request, if it has arrived.
    pub fn answer(&self, request: RequestId) -> Option<Result<&Activity, &str>> {
        self.outputs.iter().find_map(|output| match output {
            Output::Done { request: r, result } if *r == request => {
                Some(result.as_ref().map(|a| &**a).map_err(String::as_str))
            }
            _ => None,
        })
    }

    pub fn error(&self, request: RequestId) -> &str {
        self.answer(request).unwrap().unwrap_err()
    }

    pub fn activities(&self) -> Vec<Told<'_>> {
        self.outputs
            .iter()
            .filter_map(|output| match output {
                Output::Activity {
                    activity,
                    audience,
                    records,
                    ..
                } => Some((&**activity, *audience, records.as_slice())),
                Output::Done { .. } | Output::Said { .. } => None,
            })
            .collect()
    }

    pub fn only(&self) -> Told<'_> {
        let all = self.activities();
        assert_eq!(all.len(), 1, "{all:#?}");
        all[0]
    }

    /// The connection's latest state: status and sentence.
    pub fn state(&self) -> (String, String) {
        self.activities()
            .into_iter()
            .rev()
            .find(|(activity, ..)| activity.object_type() == Some("connection"))
            .map(|(activity, ..)| {
                let object = activity.object.as_ref().unwrap().to_value();
                let text = |key: &str| object[key].as_str().unwrap().to_owned();
                (text("status"), text("content"))
            })
            .unwrap()
    }

    pub fn texts(&self) -> Vec<String> {
        self.activities()
            .into_iter()
            .filter(|(activity, ..)| activity.kind == "send")
            .map(|(activity, ..)| activity.content().unwrap().to_owned())
            .collect()
    }
}
