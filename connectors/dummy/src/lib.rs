//! Sockethub's platform `dummy`: everything sent to it comes back.
//!
//! Its purpose is to try clients and the gateway without a network, and to keep them independent of any particular
//! network: its fields differ from IRC's, it compares names exactly, and it has no channels. [`Rooms`] has channels,
//! whose names have no prefix.

mod connection;

use std::sync::LazyLock;

use gateway::{ConnectionHandle, Platform};
use protocol::{Assignment, Connection, PersonId, PlatformDescriptor, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

/// Commands and outputs that may be queued between the gateway and a connection.
const CHANNEL: usize = 64;

/// Its descriptor.
static DUMMY: LazyLock<PlatformDescriptor> = LazyLock::new(|| read(include_str!("dummy.json")));
/// The descriptor of [`Rooms`].
static ROOMS: LazyLock<PlatformDescriptor> = LazyLock::new(|| read(include_str!("rooms.json")));

fn read(descriptor: &str) -> PlatformDescriptor {
    #[allow(clippy::expect_used, reason = "the constants are read by every test")]
    serde_json::from_str(descriptor).expect("the descriptor is one")
}

/// The platform.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dummy;

impl Platform for Dummy {
    fn descriptor(&self) -> PlatformDescriptor {
        DUMMY.clone()
    }

    fn types(&self) -> &'static [&'static str] {
        &[
            "send", "add", "remove", "update", "delete", "echo", "greet", "fail", "throw",
        ]
    }

    fn credentials(&self, actor: &PersonId, object: &Value) -> Result<Connection, String> {
        let mut fields = Map::new();
        match object.get("greeting") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if !text.contains(char::is_control) => {
                fields.insert("greeting".to_owned(), text.clone().into());
            }
            Some(_) => return Err("credentials: greeting must be a text on one line.".to_owned()),
        }
        match object.get("loud") {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Bool(true)) => {
                fields.insert("loud".to_owned(), true.into());
            }
            Some(_) => return Err("credentials: loud must be true or false.".to_owned()),
        }
        Ok(Connection {
            fields,
            ..connection(&DUMMY, actor)
        })
    }

    fn start(&self, assignment: Assignment, _: Vec<(String, Timestamp)>) -> ConnectionHandle {
        start(&DUMMY, assignment)
    }
}

/// A platform whose channels have names like everything else; in each, someone repeats what is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rooms;

impl Platform for Rooms {
    fn descriptor(&self) -> PlatformDescriptor {
        ROOMS.clone()
    }

    fn types(&self) -> &'static [&'static str] {
        &["send", "join", "leave", "update", "add", "remove", "delete"]
    }

    fn credentials(&self, actor: &PersonId, _: &Value) -> Result<Connection, String> {
        Ok(connection(&ROOMS, actor))
    }

    fn start(&self, assignment: Assignment, _: Vec<(String, Timestamp)>) -> ConnectionHandle {
        start(&ROOMS, assignment)
    }
}

fn connection(descriptor: &PlatformDescriptor, actor: &PersonId) -> Connection {
    Connection {
        version: 1,
        id: String::new(),
        platform: descriptor.id.clone(),
        name: descriptor.label.clone(),
        server: actor.server.clone(),
        nick: actor.nick.clone(),
        password: None,
        channels: Vec::new(),
        enabled: true,
        connector: String::new(),
        created: connector_kit::now(),
        fields: Map::new(),
    }
}

fn start(descriptor: &'static PlatformDescriptor, assignment: Assignment) -> ConnectionHandle {
    let (commands, inbox) = mpsc::channel(CHANNEL);
    let (out, outputs) = mpsc::channel(CHANNEL);
    tokio::spawn(connection::Dummy::new(descriptor, assignment, out).run(inbox));
    ConnectionHandle { commands, outputs }
}
