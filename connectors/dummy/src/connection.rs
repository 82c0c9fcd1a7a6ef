//! A connection: online from the start, with one person at the other end and in each room.

mod relations;

use gateway::{Attached, Audience, Command, Output, RequestId, SayTask, Seen, TaskOutcome};
use protocol::{
    Activity, ActivityObject, ArchiveMessage, ArchiveTarget, Assignment, Connection,
    ConnectionObject, ConnectionStatus, Entity, EventBody, PlatformDescriptor, TextObject,
    Timestamp,
};
use tokio::sync::mpsc;

/// The person at the other end.
pub(crate) const SOMEBODY: &str = "dummy";

/// The gateway is gone: there is nobody to report to.
struct Gone;

pub(crate) struct Dummy {
    descriptor: &'static PlatformDescriptor,
    account: String,
    connection: Connection,
    out: mpsc::Sender<Output>,
}

/// A line that was sent.
struct Line {
    id: String,
    time: Timestamp,
    from: String,
    to: To,
    text: String,
}

/// The recipient of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
enum To {
    Person(String),
    Room(String),
}

impl To {
    fn of(target: Option<&Entity>) -> Self {
        let name = target.and_then(|target| target.name.clone());
        let name = name.unwrap_or_default();
        match target.is_some_and(|target| target.kind == "room") {
            true => Self::Room(name),
            false => Self::Person(name),
        }
    }

    fn entity(&self, server: &str) -> Entity {
        match self {
            Self::Person(name) => Entity::person(name, server),
            Self::Room(name) => Entity::room(name, server),
        }
    }
}

impl Dummy {
    pub(crate) fn new(
        descriptor: &'static PlatformDescriptor,
        assignment: Assignment,
        out: mpsc::Sender<Output>,
    ) -> Self {
        Self {
            descriptor,
            account: assignment.account.to_string(),
            connection: assignment.connection,
            out,
        }
    }

    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        if self.tell(self.state(), Audience::Full).await.is_err() {
            return;
        }
        while let Some(command) = commands.recv().await {
            match self.command(command).await {
                Ok(true) => {}
                Ok(false) | Err(Gone) => return,
            }
        }
    }

    /// Handles a command; returns false at the end.
    async fn command(&mut self, command: Command) -> Result<bool, Gone> {
        match command {
            Command::Audience { .. } => {}
            Command::Stop { .. } => return Ok(false),
            Command::Reassign(assignment) => {
                self.connection = assignment.connection;
                self.tell(self.state(), Audience::Full).await?;
            }
            Command::Attach { request, socket } => {
                let only = Audience::Only(socket.socket);
                self.tell(self.state(), only).await?;
                for room in &self.connection.channels {
                    self.tell(self.members(room), only).await?;
                }
                let done = self.activity("connect");
                self.done(request, Ok(done)).await?;
            }
            Command::Say { request, saying } => self.say(request, &saying).await?,
            Command::Perform {
                request,
                socket,
                activity,
            } => {
                if activity.kind == "throw" {
                    // Like Sockethub's: its supervisor finds it gone.
                    return Ok(false);
                }
                self.perform(request, socket, *activity).await?;
            }
        }
        Ok(true)
    }

    async fn perform(
        &mut self,
        request: RequestId,
        socket: Attached,
        mut activity: Activity,
    ) -> Result<(), Gone> {
        let text = activity.content().unwrap_or_default().to_owned();
        match activity.kind.as_str() {
            "send" => {
                let to = To::of(activity.target.as_ref());
                if let Err(error) = self.reaches(&to) {
                    return self.done(request, Err(format!("{error}."))).await;
                }
                let line = self.line(&self.connection.nick, &to, &text);
                let mut said = self.said(&line);
                let answered = activity
                    .object
                    .as_ref()
                    .and_then(ActivityObject::in_reply_to);
                said.object = Some(ActivityObject::Message(TextObject {
                    client_id: activity.client_id(),
                    in_reply_to: answered.map(str::to_owned),
                    ..TextObject::new(&line.text)
                }));
                activity.id.clone_from(&said.id);
                activity.published.clone_from(&said.published);
                let others = Audience::Except(socket.socket);
                self.record(said, others, &line).await?;
                self.done(request, Ok(activity)).await?;
                self.answer(&to, &text).await
            }
            "join" | "leave" => self.move_between_rooms(request, socket, activity).await,
            "update" if activity.object_type() == Some("topic") => {
                self.set_topic(request, socket, activity).await
            }
            "update" if activity.object_type() == Some("chat-state") => {
                self.tell(activity.clone(), Audience::Except(socket.socket))
                    .await?;
                self.done(request, Ok(activity)).await
            }
            "add" | "remove" | "update" | "delete" => self.relate(request, socket, activity).await,
            "echo" | "greet" => {
                let to = To::Person(SOMEBODY.to_owned());
                self.done(request, Ok(activity.clone())).await?;
                match activity.kind.as_str() {
                    "greet" => {
                        let greeting = self.connection.text("greeting").unwrap_or("Hello");
                        let text = format!("{greeting} {text}");
                        self.answer(&to, text.trim_end()).await
                    }
                    _ => self.answer(&to, &text).await,
                }
            }
            "fail" => {
                let error = if text.is_empty() { "it failed" } else { &text };
                self.done(request, Err(error.to_owned())).await
            }
            kind => {
                let error = format!("platform {} does not support {kind}.", self.descriptor.id);
                self.done(request, Err(error)).await
            }
        }
    }

    /// Returns whether anyone receives what is sent there.
    fn reaches(&self, to: &To) -> Result<(), String> {
        match to {
            To::Person(name) if name == SOMEBODY => Ok(()),
            To::Room(name) if self.connection.channels.contains(name) => Ok(()),
            To::Person(_) => Err(format!("there is nobody here but {SOMEBODY}")),
            To::Room(name) => Err(format!("you are not in {name}")),
        }
    }

    async fn move_between_rooms(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) -> Result<(), Gone> {
        let To::Room(room) = To::of(activity.target.as_ref()) else {
            return self
                .done(request, Err("that is not a room.".to_owned()))
                .await;
        };
        let joins = activity.kind == "join";
        let was_in = self.connection.channels.contains(&room);
        let channel = room.clone();
        let body = match joins {
            true => EventBody::Joined { channel },
            false => EventBody::Left { channel },
        };
        self.connection.channels.retain(|other| *other != room);
        if joins {
            self.connection.channels.push(room.clone());
        }
        let line = self.line(&self.connection.nick, &To::Room(room.clone()), "");
        let records = match joins == was_in {
            true => Vec::new(),
            false => vec![(self.event(&line), body)],
        };
        let activity = Activity {
            id: Some(line.id.clone()),
            published: Some(line.time.to_string()),
            ..activity
        };
        self.put(Output::Activity {
            activity: Box::new(activity.clone()),
            audience: Audience::Except(socket.socket),
            records,
            seen: Seen::ALL,
        })
        .await?;
        self.done(request, Ok(activity)).await?;
        match joins {
            true => self.tell(self.members(&room), Audience::All).await,
            false => Ok(()),
        }
    }

    /// Gives an activity without a text its id and time; an error if nobody would receive it.
    fn place(&self, activity: &mut Activity) -> Result<Line, String> {
        let to = To::of(activity.target.as_ref());
        self.reaches(&to).map_err(|error| format!("{error}."))?;
        let line = self.line(&self.connection.nick, &to, "");
        activity.id = Some(line.id.clone());
        activity.published = Some(line.time.to_string());
        Ok(line)
    }

    async fn set_topic(
        &self,
        request: RequestId,
        socket: Attached,
        mut activity: Activity,
    ) -> Result<(), Gone> {
        if let Err(error) = self.place(&mut activity) {
            return self.done(request, Err(error)).await;
        }
        let others = Audience::Except(socket.socket);
        self.tell(activity.clone(), others).await?;
        self.done(request, Ok(activity)).await
    }

    /// The members of a room.
    fn members(&self, room: &str) -> Activity {
        let server = &self.connection.server;
        let mut activity = self.activity("query");
        activity.target = activity.actor.replace(Entity::room(room, server));
        let members = [self.connection.nick.as_str(), SOMEBODY];
        let object = serde_json::json!({"type": "attendance", "members": members});
        activity.object = Some(object.into());
        activity
    }

    /// Sends the lines of a task. Nothing is lost between here and the spool, so a task that was started before only
    /// needs the parts sent that are not known to have been sent.
    async fn say(&self, request: RequestId, saying: &SayTask) -> Result<(), Gone> {
        let target = saying.say.target.clone();
        let to = match self.connection.channels.contains(&target) {
            true => To::Room(target),
            false => To::Person(target),
        };
        if let Err(error) = self.reaches(&to) {
            return self.become_of(request, TaskOutcome::Refused(error)).await;
        }
        for (part, text) in saying.say.lines.iter().enumerate() {
            if saying.said.contains(&part) {
                continue;
            }
            let mut line = self.line(&self.connection.nick, &to, text);
            // The same if it is sent again after a crash.
            line.id = format!("{}-{part}", saying.id);
            self.record(self.said(&line), Audience::All, &line).await?;
            self.become_of(request, TaskOutcome::Part(part)).await?;
        }
        self.become_of(request, TaskOutcome::Done).await
    }

    /// The person present replies where they were addressed.
    async fn answer(&self, to: &To, text: &str) -> Result<(), Gone> {
        let text = match self.connection.flag("loud") {
            true => text.to_uppercase(),
            false => text.to_owned(),
        };
        let to = match to {
            To::Person(_) => To::Person(self.connection.nick.clone()),
            To::Room(_) => to.clone(),
        };
        let line = self.line(SOMEBODY, &to, &text);
        self.record(self.said(&line), Audience::All, &line).await
    }

    fn line(&self, from: &str, to: &To, text: &str) -> Line {
        let time = connector_kit::now();
        // On a system without randomness, ids differ by their time.
        let random = getrandom::u64().unwrap_or_default();
        Line {
            id: format!("{}-{random:016x}", time.millis()),
            time,
            from: from.to_owned(),
            to: to.clone(),
            text: text.to_owned(),
        }
    }

    fn said(&self, line: &Line) -> Activity {
        let server = &self.connection.server;
        let mut activity = self.activity("send");
        activity.actor = Some(Entity::person(&line.from, server));
        activity.target = Some(line.to.entity(server));
        activity.object = Some(ActivityObject::message(&line.text));
        activity.id = Some(line.id.clone());
        activity.published = Some(line.time.to_string());
        activity
    }

    fn activity(&self, kind: &str) -> Activity {
        let me = Entity::person(&self.connection.nick, &self.connection.server);
        Activity::new(&self.descriptor.id, kind, me)
    }

    fn state(&self) -> Activity {
        let (server, nick) = (&self.connection.server, &self.connection.nick);
        let mut activity = Activity::new(&self.descriptor.id, "update", Entity::service(server));
        activity.target = Some(Entity::person(nick, server));
        activity.object = Some(ActivityObject::Connection(ConnectionObject {
            status: ConnectionStatus::Online,
            content: Some("Everything comes back.".to_owned()),
            nick: Some(nick.clone()),
            casemapping: Some(self.descriptor.names.compare),
            supports: None,
            certificate: None,
            rest: serde_json::Map::new(),
        }));
        activity
    }

    /// The id of a recorded event.
    fn event(&self, line: &Line) -> String {
        format!("{}-{}-{}", self.account, self.connection.id, line.id)
    }

    async fn record(&self, said: Activity, to: Audience, line: &Line) -> Result<(), Gone> {
        let answered = said.object.as_ref().and_then(ActivityObject::in_reply_to);
        let entry = ArchiveMessage {
            client_id: said.client_id(),
            reply_to: answered.map(str::to_owned),
            ..self.entry(line)
        };
        self.put_record(said, to, line, entry).await
    }

    fn entry(&self, line: &Line) -> ArchiveMessage {
        ArchiveMessage {
            id: Some(line.id.clone()),
            timestamp: line.time.millis(),
            from: line.from.clone(),
            text: line.text.clone(),
            ..ArchiveMessage::default()
        }
    }

    async fn put_record(
        &self,
        said: Activity,
        to: Audience,
        line: &Line,
        message: ArchiveMessage,
    ) -> Result<(), Gone> {
        let body = EventBody::Message {
            server: self.connection.server.clone(),
            target: match &line.to {
                To::Person(_) => ArchiveTarget::User(SOMEBODY.to_owned()),
                To::Room(name) => ArchiveTarget::Channel(name.clone()),
            },
            message,
            missed: false,
            about_time: None,
        };
        let event = self.event(line);
        self.put(Output::Activity {
            activity: Box::new(said),
            audience: to,
            records: vec![(event, body)],
            seen: Seen::ALL,
        })
        .await
    }

    async fn tell(&self, activity: Activity, audience: Audience) -> Result<(), Gone> {
        self.put(Output::Activity {
            activity: Box::new(activity),
            audience,
            records: Vec::new(),
            seen: Seen::ALL,
        })
        .await
    }

    async fn done(&self, request: RequestId, result: Result<Activity, String>) -> Result<(), Gone> {
        let result = result.map(Box::new);
        self.put(Output::Done { request, result }).await
    }

    async fn become_of(&self, request: RequestId, said: TaskOutcome) -> Result<(), Gone> {
        self.put(Output::Said { request, said }).await
    }

    async fn put(&self, output: Output) -> Result<(), Gone> {
        self.out.send(output).await.map_err(|_| Gone)
    }
}
