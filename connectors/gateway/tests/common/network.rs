//! A chat network within this process: rooms, direct messages, topics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use gateway::{Audience, Command, ConnectionHandle, Output, Platform, TaskOutcome};
use protocol::{
    Activity, ArchiveMessage, ArchiveTarget, Assignment, Entity, EventBody, MessageType, PersonId,
    Timestamp,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub const SERVER: &str = "irc.test";

/// Messages between members of the network.
#[derive(Clone, Debug)]
struct Line {
    kind: &'static str,
    from: String,
    target: String,
    text: String,
    time: i64,
    id: u64,
}

#[derive(Default)]
pub struct World {
    rooms: BTreeMap<String, BTreeSet<String>>,
    topics: BTreeMap<String, String>,
    members: BTreeMap<String, mpsc::UnboundedSender<Line>>,
    /// Observed events: `quit alice: reason`, `audience alice 1`, `reassign alice …`, `start alice …`.
    pub log: Vec<String>,
    /// The CASEMAPPING that connections report for their network.
    pub casemapping: Option<&'static str>,
}

#[derive(Clone, Default)]
pub struct Network {
    pub world: Arc<Mutex<World>>,
    counter: Arc<AtomicU64>,
}

impl Network {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn log(&self) -> Vec<String> {
        self.world.lock().unwrap().log.clone()
    }

    pub fn note(&self, text: String) {
        self.world.lock().unwrap().log.push(text);
    }

    /// Sends a message as someone who is not one of our accounts.
    pub fn say(&self, from: &str, target: &str, text: &str) {
        self.line("message", from, target, text);
    }

    pub fn notice(&self, from: &str, target: &str, text: &str) {
        self.line("notice", from, target, text);
    }

    pub fn join(&self, nick: &str, channel: &str) {
        let mut world = self.world.lock().unwrap();
        world
            .rooms
            .entry(channel.to_owned())
            .or_default()
            .insert(nick.to_owned());
        drop(world);
        self.line("join", nick, channel, "");
    }

    pub fn quit(&self, nick: &str, reason: &str) {
        let rooms: Vec<String> = {
            let mut world = self.world.lock().unwrap();
            world.members.remove(nick);
            let rooms = world.rooms.iter_mut();
            rooms
                .filter_map(|(room, members)| members.remove(nick).then(|| room.clone()))
                .collect()
        };
        let (id, time) = (self.next(), now());
        for room in rooms {
            self.send("quit", nick, &room, reason, id, time);
        }
    }

    fn next(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::SeqCst)
    }

    fn line(&self, kind: &'static str, from: &str, target: &str, text: &str) -> Line {
        self.send(kind, from, target, text, self.next(), now())
    }

    fn send(
        &self,
        kind: &'static str,
        from: &str,
        target: &str,
        text: &str,
        id: u64,
        time: i64,
    ) -> Line {
        let line = Line {
            kind,
            from: from.to_owned(),
            target: target.to_owned(),
            text: text.to_owned(),
            time,
            id,
        };
        let world = self.world.lock().unwrap();
        let in_room = world.rooms.get(target);
        for (nick, member) in &world.members {
            if nick != from && (nick == target || in_room.is_some_and(|room| room.contains(nick))) {
                let _ = member.send(line.clone());
            }
        }
        line
    }
}

fn now() -> i64 {
    std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_millis() as i64
}

impl Platform for Network {
    fn descriptor(&self) -> protocol::PlatformDescriptor {
        protocol::PlatformDescriptor::default_platform()
    }

    fn types(&self) -> &'static [&'static str] {
        &[
            "connect",
            "update",
            "join",
            "leave",
            "send",
            "query",
            "disconnect",
        ]
    }

    fn credentials(
        &self,
        actor: &PersonId,
        object: &Value,
    ) -> Result<protocol::Connection, String> {
        let server = object
            .get("server")
            .and_then(Value::as_str)
            .ok_or("credentials need a server")?;
        let mut connection = super::functions::assignment("x", &actor.nick, &[]).connection;
        server.clone_into(&mut connection.server);
        connection.id = String::new();
        connection.password = object
            .get("password")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok(connection)
    }

    fn start(
        &self,
        assignment: Assignment,
        last_seen: Vec<(String, Timestamp)>,
    ) -> ConnectionHandle {
        let (commands, inbox) = mpsc::channel(64);
        let (out, outputs) = mpsc::channel(64);
        let nick = assignment.connection.nick.clone();
        self.note(format!("start {nick} {}", last_seen.len()));
        let (member, lines) = mpsc::unbounded_channel();
        {
            let mut world = self.world.lock().unwrap();
            world.members.insert(nick.clone(), member);
            for channel in &assignment.connection.channels {
                world
                    .rooms
                    .entry(channel.clone())
                    .or_default()
                    .insert(nick.clone());
            }
        }
        let member = Member {
            network: self.clone(),
            account: assignment.account.to_string(),
            channels: assignment.connection.channels,
            nick,
            out,
        };
        tokio::spawn(member.run(inbox, lines));
        ConnectionHandle { commands, outputs }
    }
}

struct Member {
    network: Network,
    account: String,
    nick: String,
    channels: Vec<String>,
    out: mpsc::Sender<Output>,
}

impl Member {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut lines: mpsc::UnboundedReceiver<Line>,
    ) {
        for channel in self.channels.clone() {
            self.activity(self.attendance(&channel), Audience::All, Vec::new())
                .await;
        }
        self.activity(self.state("online"), Audience::Full, Vec::new())
            .await;
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => if self.command(command).await { return },
                    None => return,
                },
                Some(line) = lines.recv() => self.line(&line).await,
            }
        }
    }

    async fn activity(
        &self,
        activity: Activity,
        audience: Audience,
        records: Vec<(String, EventBody)>,
    ) {
        let activity = Box::new(activity);
        let _ = self
            .out
            .send(Output::Activity {
                activity,
                audience,
                records,
                seen: gateway::Seen::ALL,
            })
            .await;
    }

    /// Handles a command; returns true at the end.
    async fn command(&mut self, command: Command) -> bool {
        match command {
            Command::Audience { sockets } => self
                .network
                .note(format!("audience {} {sockets}", self.nick)),
            Command::Reassign(assignment) => {
                self.network.note(format!(
                    "reassign {} {}",
                    self.nick,
                    assignment.connection.channels.join(",")
                ));
            }
            Command::Stop { reason } => {
                self.network.quit(&self.nick, &reason);
                self.network.note(format!("quit {}: {reason}", self.nick));
                return true;
            }
            Command::Attach { request, socket } => {
                let only = Audience::Only(socket.socket);
                self.activity(self.state("online"), only, Vec::new()).await;
                if socket.full {
                    for channel in self.channels.clone() {
                        self.activity(self.about("join", &self.nick, &channel), only, Vec::new())
                            .await;
                        self.activity(self.attendance(&channel), only, Vec::new())
                            .await;
                    }
                }
                let done = Activity::new("irc", "connect", Entity::person(&self.nick, SERVER));
                let _ = self
                    .out
                    .send(Output::Done {
                        request,
                        result: Ok(Box::new(done)),
                    })
                    .await;
            }
            Command::Say { request, saying } => {
                for (part, text) in saying.say.lines.iter().enumerate() {
                    match text.as_str() {
                        // The connection ends at it, or never reports an outcome.
                        "poison" => return true,
                        "mute" => return false,
                        _ => {}
                    }
                    self.network
                        .note(format!("task {} {part} {text}", saying.id));
                    self.network.say(&saying.say.from, &saying.say.target, text);
                    let said = TaskOutcome::Part(part);
                    let _ = self.out.send(Output::Said { request, said }).await;
                }
                let said = TaskOutcome::Done;
                let _ = self.out.send(Output::Said { request, said }).await;
            }
            Command::Perform {
                request,
                socket,
                activity,
            } => {
                match activity.content() {
                    Some("crash") => return true,
                    Some("quit") => self.network.quit(&self.nick, "gone fishing"),
                    _ => {}
                }
                let result = self.perform(socket.socket, *activity).await.map(Box::new);
                let _ = self.out.send(Output::Done { request, result }).await;
            }
        }
        false
    }

    async fn perform(&mut self, socket: u64, mut activity: Activity) -> Result<Activity, String> {
        let target = activity
            .target
            .clone()
            .and_then(|target| target.name)
            .unwrap_or_default();
        match activity.kind.as_str() {
            "send" => {
                let text = activity.content().unwrap_or_default().to_owned();
                let kind = if text.starts_with("notice") {
                    "notice"
                } else {
                    "message"
                };
                let line = self.network.line(kind, &self.nick, &target, &text);
                activity.id = Some(format!("m{}", line.id));
                activity.published = Some(Timestamp::from_millis(line.time).to_string());
                activity.actor = Some(Entity::person(&self.nick, SERVER));
                let records = self.record(&line, MessageType::Text);
                self.activity(activity.clone(), Audience::Except(socket), records)
                    .await;
            }
            "join" if target == "#secret" => return Err("no such channel #secret".to_owned()),
            "join" => {
                let new = !self.channels.contains(&target);
                if new {
                    self.channels.push(target.clone());
                    self.network.join(&self.nick, &target);
                    // With its key, as a platform reports it.
                    let key = if target == "#keyed" { " s3cret" } else { "" };
                    let joined = EventBody::Joined {
                        channel: format!("{target}{key}"),
                    };
                    let id = format!("e{}", self.network.next());
                    let (shown, mut records) = self.passage("join", MessageType::Join, &target);
                    records.push((id, joined));
                    self.activity(shown, Audience::All, records).await;
                    self.activity(self.attendance(&target), Audience::All, Vec::new())
                        .await;
                }
            }
            "leave" => {
                self.channels.retain(|channel| *channel != target);
                let left = EventBody::Left {
                    channel: target.clone(),
                };
                let id = format!("e{}", self.network.next());
                let (shown, mut records) = self.passage("leave", MessageType::Leave, &target);
                records.push((id, left));
                self.activity(shown, Audience::Except(socket), records)
                    .await;
            }
            "query" => return Ok(self.attendance(&target)),
            "update" => {
                let topic = activity.content().unwrap_or_default().to_owned();
                self.network
                    .world
                    .lock()
                    .unwrap()
                    .topics
                    .insert(target.clone(), topic.clone());
                let line = self.network.line("topic", &self.nick, &target, &topic);
                let records = self.record(&line, MessageType::Topic);
                self.activity(activity.clone(), Audience::Except(socket), records)
                    .await;
            }
            _ => {}
        }
        Ok(activity)
    }

    async fn line(&self, line: &Line) {
        let is_room = line.target.starts_with('#');
        let mut activity = self.about(line.kind, &line.from, &line.target);
        activity.published = Some(Timestamp::from_millis(line.time).to_string());
        activity.id = Some(format!("m{}", line.id));
        let mut records = Vec::new();
        match line.kind {
            "join" => {}
            "quit" => {
                activity.kind = "leave".to_owned();
                activity.object =
                    Some(json!({"type": "message", "content": line.text, "quit": true}).into());
                records = self.record(line, MessageType::Leave);
            }
            "topic" => {
                activity.kind = "update".to_owned();
                activity.object =
                    Some(json!({"type": "topic", "content": line.text, "topic": line.text}).into());
                records = self.record(line, MessageType::Topic);
            }
            kind => {
                activity.kind = "send".to_owned();
                if !is_room {
                    activity.target = Some(Entity::person(&line.target, SERVER));
                }
                activity.object = Some(json!({"type": kind, "content": line.text}).into());
                records = self.record(line, MessageType::Text);
            }
        }
        self.activity(activity, Audience::All, records).await;
    }

    fn record(&self, line: &Line, kind: MessageType) -> Vec<(String, EventBody)> {
        let target = if line.target.starts_with('#') {
            ArchiveTarget::Channel(line.target.clone())
        } else if line.from == self.nick {
            ArchiveTarget::User(line.target.clone())
        } else {
            ArchiveTarget::User(line.from.clone())
        };
        let message = ArchiveMessage {
            id: Some(format!("m{}", line.id)),
            timestamp: line.time,
            from: line.from.clone(),
            text: line.text.clone(),
            kind,
            ..ArchiveMessage::default()
        };
        let body = EventBody::Message {
            server: SERVER.to_owned(),
            target,
            message,
            missed: false,
            about_time: None,
        };
        vec![(format!("{}-{}", self.account, line.id), body)]
    }

    /// Our own join or leave, with its entry in the archive.
    fn passage(
        &self,
        kind: &'static str,
        entry: MessageType,
        channel: &str,
    ) -> (Activity, Vec<(String, EventBody)>) {
        let (id, time) = (self.network.next(), now());
        let line = Line {
            kind,
            from: self.nick.clone(),
            target: channel.to_owned(),
            text: String::new(),
            time,
            id,
        };
        let mut shown = self.about(kind, &self.nick, channel);
        shown.published = Some(Timestamp::from_millis(time).to_string());
        shown.id = Some(format!("m{id}"));
        (shown, self.record(&line, entry))
    }

    fn about(&self, kind: &str, who: &str, channel: &str) -> Activity {
        let mut activity = Activity::new("irc", kind, Entity::person(who, SERVER));
        activity.target = Some(Entity::room(channel, SERVER));
        activity
    }

    fn attendance(&self, channel: &str) -> Activity {
        let world = self.network.world.lock().unwrap();
        let members: Vec<&String> = world.rooms.get(channel).into_iter().flatten().collect();
        let mut activity = Activity::new("irc", "query", Entity::room(channel, SERVER));
        activity.target = Some(Entity::person(&self.nick, SERVER));
        activity.object = Some(json!({"type": "attendance", "members": members}).into());
        activity
    }

    fn state(&self, status: &str) -> Activity {
        let mut activity = Activity::new("irc", "update", Entity::service(SERVER));
        activity.target = Some(Entity::person(&self.nick, SERVER));
        let casemapping = self.network.world.lock().unwrap().casemapping;
        activity.object = Some(
            json!({
                "type": "connection", "status": status, "content": "online", "nick": self.nick,
                "casemapping": casemapping,
            })
            .into(),
        );
        activity
    }
}
