//! A gateway with one platform, and sockets of one account.

use std::sync::Arc;
use std::time::Duration;

use gateway::{Gateway, GatewayConfig};
use protocol::{Assignment, Connection, Event, EventBody, context};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::functions::{Functions, ID, KEY, ticket};
use crate::polling::Polling;
use crate::{Ground, TIME_LIMIT};

/// The connection's account.
pub(crate) const ACCOUNT: &str = "alice";

/// A running gateway.
pub(crate) struct Served {
    url: String,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

/// Functions with the record of one connection, and a folder for the spool.
pub(crate) struct World {
    pub(crate) functions: Functions,
    pub(crate) record: Connection,
    platform: Arc<dyn gateway::Platform>,
    dir: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(ground: &dyn Ground) -> Self {
        let mut record = ground.record(ACCOUNT);
        "c1".clone_into(&mut record.id);
        ID.clone_into(&mut record.connector);
        Self {
            functions: Functions::start().await,
            record,
            platform: ground.platform(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Makes the connection known to the functions.
    pub(crate) fn assign(&self) {
        self.functions.state.lock().unwrap().assignments = vec![Assignment {
            account: ACCOUNT.parse().unwrap(),
            connection: self.record.clone(),
        }];
    }

    pub(crate) async fn serve(&self) -> Served {
        let mut config = GatewayConfig::new(ID, KEY, &self.functions.origin, self.dir.path());
        config.limits.refresh = Duration::from_millis(100);
        config.limits.publish_interval = Duration::from_millis(5);
        config.limits.publish_age = Duration::from_millis(10);
        config.limits.retry = Duration::from_millis(50);
        config.limits.outbox = Duration::from_millis(20);
        config.limits.flush = Duration::from_millis(500);
        let gateway = Gateway::start(config, vec![Arc::clone(&self.platform)]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async {
            let stopped = async { drop(stopped.await) };
            gateway::serve(listener, gateway, stopped).await.unwrap();
        });
        Served { url, stop, task }
    }

    /// An activity of the account.
    pub(crate) fn act(&self, kind: &str, more: Value) -> Value {
        act(
            &self.platform.descriptor().id,
            kind,
            &self.record.server,
            more,
        )
    }

    /// A message to a target, `{"id": …, "type": …}`.
    pub(crate) fn say(&self, target: Value, text: &str) -> Value {
        let object = json!({"type": "message", "content": text});
        self.act("send", json!({"target": target, "object": object}))
    }

    pub(crate) fn person(&self, name: &str) -> Value {
        json!({"id": format!("{name}@{}", self.record.server), "type": "person", "name": name})
    }

    pub(crate) fn room(&self, name: &str) -> Value {
        json!({"id": format!("{name}@{}", self.record.server), "type": "room", "name": name})
    }

    /// The archived messages with this text.
    pub(crate) fn archived(&self, text: &str) -> Vec<Event> {
        let said = |event: &Event| matches!(&event.body, EventBody::Message { message, .. } if message.text == text);
        self.functions.stored().into_iter().filter(said).collect()
    }
}

/// An activity of someone called [`ACCOUNT`] on a server.
pub(crate) fn act(platform: &str, kind: &str, server: &str, more: Value) -> Value {
    let contexts = json!([
        context::ACTIVITYSTREAMS,
        context::SOCKETHUB,
        context::platform(platform)
    ]);
    let id = format!("{ACCOUNT}@{server}");
    let mut activity = json!({
        "@context": contexts, "type": kind, "actor": {"id": id, "type": "person", "name": ACCOUNT},
    });
    if let (Some(activity), Value::Object(more)) = (activity.as_object_mut(), more) {
        activity.extend(more);
    }
    activity
}

impl Served {
    /// Opens a socket; `more` is added to `auth`.
    pub(crate) async fn socket(&self, more: Value) -> Polling {
        let mut auth = json!({"ticket": ticket(ACCOUNT, ID, 60_000)});
        if let (Some(auth), Value::Object(more)) = (auth.as_object_mut(), more) {
            auth.extend(more);
        }
        Polling::open(&self.url, "", auth).await
    }

    /// Opens a full-mode socket attached to the connection, and waits until that is online.
    pub(crate) async fn attached(&self, world: &World, more: Value) -> Polling {
        let mut more = more;
        more["mode"] = "full".into();
        let mut socket = self.socket(more).await;
        let ack = ask(&mut socket, world.act("connect", json!({}))).await;
        assert_eq!(ack["error"], Value::Null, "{ack}");
        if ack["object"]["status"] != "online" {
            online(&mut socket).await;
        }
        socket
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        let ended = tokio::time::timeout(TIME_LIMIT, self.task).await;
        ended.expect("the gateway ends in time").unwrap();
    }
}

/// Sends a request; returns the ack.
pub(crate) async fn ask(socket: &mut Polling, activity: Value) -> Value {
    socket.ask("message", activity).await.expect("an ack")
}

/// Waits for a message that matches.
pub(crate) async fn message(socket: &mut Polling, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let activity = socket.event("message").await.expect("the socket stays");
        if fits(&activity) {
            return activity;
        }
    }
}

/// Waits until the connection reports that it is online.
pub(crate) async fn online(socket: &mut Polling) -> Value {
    let is_online = |activity: &Value| {
        activity["object"]["type"] == "connection" && activity["object"]["status"] == "online"
    };
    message(socket, is_online).await
}
