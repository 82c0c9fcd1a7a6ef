//! The platform `dummy` of Sockethub: everything that is said to it comes back.
//!
//! It is there to try clients and the gateway without a network, and to keep them from knowing one network only: it has
//! other fields than IRC, compares names exactly, and has no channels.

mod connection;

use std::sync::LazyLock;

use gateway::{ConnectionHandle, Platform};
use protocol::{Assignment, Connection, PersonId, PlatformDescriptor, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

/// Commands and outputs that may wait between the gateway and a connection.
const CHANNEL: usize = 64;

/// Its description of itself.
pub(crate) static DESCRIPTOR: LazyLock<PlatformDescriptor> = LazyLock::new(|| {
    #[allow(clippy::expect_used, reason = "the constant is read by every test")]
    serde_json::from_str(include_str!("dummy.json")).expect("the descriptor is one")
});

/// The platform.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dummy;

impl Platform for Dummy {
    fn descriptor(&self) -> PlatformDescriptor {
        DESCRIPTOR.clone()
    }

    fn types(&self) -> &'static [&'static str] {
        &["send", "echo", "greet", "fail", "throw"]
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
            version: 1,
            id: String::new(),
            platform: DESCRIPTOR.id.clone(),
            name: DESCRIPTOR.label.clone(),
            server: actor.server.clone(),
            nick: actor.nick.clone(),
            password: None,
            channels: Vec::new(),
            enabled: true,
            connector: String::new(),
            created: connector_kit::now(),
            fields,
        })
    }

    fn start(&self, assignment: Assignment, _: Vec<(String, Timestamp)>) -> ConnectionHandle {
        let (commands, inbox) = mpsc::channel(CHANNEL);
        let (out, outputs) = mpsc::channel(CHANNEL);
        tokio::spawn(connection::Dummy::new(assignment, out).run(inbox));
        ConnectionHandle { commands, outputs }
    }
}
