//! A connection of the platform, and its outputs so far.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::time::Duration;

use gateway::{Attached, Command, ConnectionHandle, Output, Platform, RequestId};
use irc_connector::{Irc, IrcConfig, Settings};
use protocol::{Activity, Assignment, Connection, EventBody, Timestamp};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::servers::PATIENCE;

pub(crate) const SERVER: &str = "irc.example.test";

pub(crate) fn assignment(nick: &str, port: u16) -> Assignment {
    Assignment {
        account: nick.parse().unwrap(),
        connection: Connection {
            version: 1,
            id: "c1".to_owned(),
            platform: "irc".to_owned(),
            name: "Test".to_owned(),
            server: SERVER.to_owned(),
            nick: nick.to_owned(),
            fields: serde_json::Map::from_iter([
                ("host".to_owned(), json!("127.0.0.1")),
                ("port".to_owned(), json!(port)),
                ("secure".to_owned(), json!(false)),
                ("realname".to_owned(), json!("A Person")),
                ("sasl".to_owned(), json!(false)),
            ]),
            password: None,
            channels: vec![],
            enabled: true,
            connector: "irc".to_owned(),
            created: Timestamp::from_millis(0),
        },
    }
}

/// Short delays, so that a restarted server is found again soon.
pub(crate) fn irc() -> Irc {
    Irc::new(IrcConfig {
        settings: Settings {
            reconnect_min: Duration::from_millis(200),
            reconnect_max: Duration::from_secs(1),
            reconnect_jitter: Duration::from_millis(50),
            regain_min: Duration::from_millis(500),
            regain_jitter: Duration::from_millis(50),
            sign_in_wait: Duration::from_millis(500),
            burst: 100,
            ..Settings::default()
        },
        ..IrcConfig::default()
    })
}

pub(crate) struct Client {
    pub(crate) nick: String,
    handle: ConnectionHandle,
    requests: u64,
    seen: Vec<Output>,
    read: usize,
}

impl Client {
    pub(crate) async fn start(assignment: Assignment) -> Self {
        Self::start_with(&irc(), assignment).await
    }

    pub(crate) async fn start_with(irc: &Irc, assignment: Assignment) -> Self {
        let nick = assignment.connection.nick.clone();
        let handle = irc.start(assignment, vec![]);
        handle
            .commands
            .send(Command::Audience { sockets: 1 })
            .await
            .unwrap();
        Self {
            nick,
            handle,
            requests: 0,
            seen: vec![],
            read: 0,
        }
    }

    pub(crate) async fn online(nick: &str, port: u16) -> Self {
        let mut client = Self::start(assignment(nick, port)).await;
        client.state("online").await;
        client
    }

    /// The next output that matches; skipped outputs are not seen by later searches.
    pub(crate) async fn wait<T>(
        &mut self,
        what: &str,
        mut fits: impl FnMut(&Output) -> Option<T>,
    ) -> T {
        let search = async {
            loop {
                while self.read < self.seen.len() {
                    let output = &self.seen[self.read];
                    self.read += 1;
                    if let Some(found) = fits(output) {
                        return Some(found);
                    }
                }
                let output = self.handle.outputs.recv().await?;
                self.seen.push(output);
            }
        };
        match timeout(PATIENCE, search).await {
            Ok(Some(found)) => found,
            _ => panic!(
                "{} waited for {what} in vain; last: {:#?}",
                self.nick,
                self.seen.iter().rev().take(8).collect::<Vec<_>>()
            ),
        }
    }

    pub(crate) async fn activity(
        &mut self,
        what: &str,
        fits: impl Fn(&Activity) -> bool,
    ) -> Activity {
        self.wait(what, |output| match output {
            Output::Activity { activity, .. } if fits(activity) => Some((**activity).clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn state(&mut self, status: &str) -> String {
        let found = self
            .activity(status, |a| {
                a.object_type() == Some("connection")
                    && a.object.as_ref().unwrap().to_value()["status"] == status
            })
            .await;
        found.content().unwrap().to_owned()
    }

    pub(crate) async fn text(&mut self, text: &str) -> Activity {
        self.activity(text, |a| a.kind == "send" && a.content() == Some(text))
            .await
    }

    /// Sends a request and waits for the answer.
    pub(crate) async fn ask(&mut self, mut value: Value) -> Result<Activity, String> {
        self.requests += 1;
        let request = RequestId(self.requests);
        value["actor"] = json!({"id": format!("{}@{SERVER}", self.nick), "type": "person"});
        let command = Command::Perform {
            request,
            socket: Attached {
                socket: 1,
                full: true,
            },
            activity: serde_json::from_value(value).unwrap(),
        };
        self.handle.commands.send(command).await.unwrap();
        let before = self.read;
        let answer = self
            .wait("an answer", |output| match output {
                Output::Done { request: r, result } if *r == request => Some(match result {
                    Ok(activity) => Ok((**activity).clone()),
                    Err(sentence) => Err(sentence.clone()),
                }),
                _ => None,
            })
            .await;
        // Outputs from before the answer can still be waited for.
        self.read = before;
        answer
    }

    pub(crate) async fn join(&mut self, channel: &str) -> Result<Activity, String> {
        let room = json!({"id": format!("{channel}@{SERVER}"), "type": "room"});
        self.ask(json!({"type": "join", "target": room})).await
    }

    pub(crate) async fn say(&mut self, target: &str, text: &str) -> Result<Activity, String> {
        self.ask(json!({
            "type": "send",
            "target": {"id": format!("{target}@{SERVER}")},
            "object": {"type": "message", "content": text},
        }))
        .await
    }

    /// Announcements from the network itself so far.
    pub(crate) fn announcements(&self) -> Vec<String> {
        let said = |output: &Output| match output {
            Output::Activity { activity, .. } if activity.kind == "send" => {
                let actor = activity.actor.as_ref()?;
                let content = activity.content()?.to_owned();
                (actor.kind == "service").then_some(content)
            }
            _ => None,
        };
        self.seen.iter().filter_map(said).collect()
    }

    pub(crate) fn records(&self) -> Vec<EventBody> {
        self.seen
            .iter()
            .filter_map(|output| match output {
                Output::Activity { records, .. } => Some(records),
                Output::Done { .. } | Output::Said { .. } => None,
            })
            .flatten()
            .map(|(_, body)| body.clone())
            .collect()
    }

    /// Ends the connection and waits for it to end.
    pub(crate) async fn stop(mut self) {
        let reason = "done".to_owned();
        self.handle
            .commands
            .send(Command::Stop { reason })
            .await
            .unwrap();
        let end = async { while self.handle.outputs.recv().await.is_some() {} };
        timeout(PATIENCE, end).await.unwrap();
    }
}
