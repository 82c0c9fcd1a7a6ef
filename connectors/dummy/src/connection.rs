//! One connection: online from the start, with one person at the other end.

use gateway::{Attached, Audience, Command, Output, RequestId, SayTask, Seen, TaskOutcome};
use protocol::{
    Activity, ActivityObject, ArchiveMessage, ArchiveTarget, Assignment, Connection,
    ConnectionObject, ConnectionStatus, Entity, EventBody, MessageType, TextObject, Timestamp,
};
use tokio::sync::mpsc;

use crate::DESCRIPTOR;

/// Who is there.
pub(crate) const SOMEBODY: &str = "dummy";

/// The gateway is gone: nobody is told anything any more.
struct Gone;

pub(crate) struct Dummy {
    account: String,
    connection: Connection,
    out: mpsc::Sender<Output>,
}

/// Something that was said.
struct Line {
    id: String,
    time: Timestamp,
    from: String,
    to: String,
    text: String,
}

impl Dummy {
    pub(crate) fn new(assignment: Assignment, out: mpsc::Sender<Output>) -> Self {
        Self {
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

    /// Does what is asked; false at the end.
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
                    // As Sockethub's does: whoever looks after it finds it gone.
                    return Ok(false);
                }
                self.perform(request, socket, activity).await?;
            }
        }
        Ok(true)
    }

    async fn perform(
        &self,
        request: RequestId,
        socket: Attached,
        mut activity: Activity,
    ) -> Result<(), Gone> {
        let text = activity.content().unwrap_or_default().to_owned();
        match activity.kind.as_str() {
            "send" => {
                let target = activity.target.as_ref();
                let to = target.and_then(|target| target.name.clone());
                let to = to.unwrap_or_default();
                if to != SOMEBODY {
                    let error = format!("there is nobody here but {SOMEBODY}.");
                    return self.done(request, Err(error)).await;
                }
                let line = self.line(&self.connection.nick, &to, &text);
                let mut said = self.said(&line);
                said.object = Some(ActivityObject::Message(TextObject {
                    client_id: activity.client_id(),
                    ..TextObject::new(&line.text)
                }));
                activity.id.clone_from(&said.id);
                activity.published.clone_from(&said.published);
                let others = Audience::Except(socket.socket);
                self.record(said, others, &line).await?;
                self.done(request, Ok(activity)).await?;
                self.answer(&text).await
            }
            "echo" | "greet" => {
                self.done(request, Ok(activity.clone())).await?;
                match activity.kind.as_str() {
                    "greet" => {
                        let greeting = self.connection.text("greeting").unwrap_or("Hello");
                        self.answer(format!("{greeting} {text}").trim_end()).await
                    }
                    _ => self.answer(&text).await,
                }
            }
            "fail" => {
                let error = if text.is_empty() { "it failed" } else { &text };
                self.done(request, Err(error.to_owned())).await
            }
            kind => {
                let error = format!("platform {} cannot do {kind}.", DESCRIPTOR.id);
                self.done(request, Err(error)).await
            }
        }
    }

    /// Says the lines of a task. Nothing of it is lost between here and the spool, so that what was begun before needs
    /// to be said only as far as it is not known to be.
    async fn say(&self, request: RequestId, saying: &SayTask) -> Result<(), Gone> {
        if saying.say.target != SOMEBODY {
            let refused = TaskOutcome::Refused(format!("there is nobody here but {SOMEBODY}"));
            return self.become_of(request, refused).await;
        }
        for (part, text) in saying.say.lines.iter().enumerate() {
            if saying.said.contains(&part) {
                continue;
            }
            let mut line = self.line(&self.connection.nick, SOMEBODY, text);
            // The same if it is said again after a crash.
            line.id = format!("{}-{part}", saying.id);
            self.record(self.said(&line), Audience::All, &line).await?;
            self.become_of(request, TaskOutcome::Part(part)).await?;
        }
        self.become_of(request, TaskOutcome::Done).await
    }

    /// Whoever is there says something to the account.
    async fn answer(&self, text: &str) -> Result<(), Gone> {
        let text = match self.connection.flag("loud") {
            true => text.to_uppercase(),
            false => text.to_owned(),
        };
        let line = self.line(SOMEBODY, &self.connection.nick, &text);
        self.record(self.said(&line), Audience::All, &line).await
    }

    fn line(&self, from: &str, to: &str, text: &str) -> Line {
        let time = connector_kit::now();
        // On a system without randomness ids differ by their time.
        let random = getrandom::u64().unwrap_or_default();
        Line {
            id: format!("{}-{random:016x}", time.millis()),
            time,
            from: from.to_owned(),
            to: to.to_owned(),
            text: text.to_owned(),
        }
    }

    fn said(&self, line: &Line) -> Activity {
        let server = &self.connection.server;
        let mut activity = self.activity("send");
        activity.actor = Some(Entity::person(&line.from, server));
        activity.target = Some(Entity::person(&line.to, server));
        activity.object = Some(ActivityObject::message(&line.text));
        activity.id = Some(line.id.clone());
        activity.published = Some(line.time.to_string());
        activity
    }

    fn activity(&self, kind: &str) -> Activity {
        let me = Entity::person(&self.connection.nick, &self.connection.server);
        Activity::new(&DESCRIPTOR.id, kind, me)
    }

    fn state(&self) -> Activity {
        let (server, nick) = (&self.connection.server, &self.connection.nick);
        let mut activity = Activity::new(&DESCRIPTOR.id, "update", Entity::service(server));
        activity.target = Some(Entity::person(nick, server));
        activity.object = Some(ActivityObject::Connection(ConnectionObject {
            status: ConnectionStatus::Online,
            content: Some("Everything comes back.".to_owned()),
            nick: Some(nick.clone()),
            casemapping: Some(DESCRIPTOR.names.compare),
            rest: serde_json::Map::new(),
        }));
        activity
    }

    async fn record(&self, said: Activity, to: Audience, line: &Line) -> Result<(), Gone> {
        let body = EventBody::Message {
            server: self.connection.server.clone(),
            target: ArchiveTarget::User(SOMEBODY.to_owned()),
            message: ArchiveMessage {
                id: Some(line.id.clone()),
                timestamp: line.time.millis(),
                from: line.from.clone(),
                text: line.text.clone(),
                kind: MessageType::Text,
                client_id: said.client_id(),
            },
            missed: false,
        };
        let event = format!("{}-{}-{}", self.account, self.connection.id, line.id);
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
