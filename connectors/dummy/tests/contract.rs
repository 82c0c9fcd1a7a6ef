//! The platform fulfils the gateway's contract for platforms, plus its own behaviour.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use dummy_connector::Dummy;
use gateway::{Attached, Command, Output, Platform, RequestId};
use gateway_contract::Ground;
use protocol::{Activity, Assignment, Connection, Entity, PersonId};
use serde_json::{Value, json};

struct Echo;

impl Ground for Echo {
    fn platform(&self) -> Arc<dyn Platform> {
        Arc::new(Dummy)
    }

    fn record(&self, name: &str) -> Connection {
        let (server, object) = self.credentials(name);
        let nick = name.to_owned();
        Dummy
            .credentials(&PersonId { nick, server }, &object)
            .unwrap()
    }

    fn somebody(&self) -> &str {
        "dummy"
    }

    fn credentials(&self, _: &str) -> (String, Value) {
        (
            "dummy".to_owned(),
            json!({"type": "credentials", "greeting": "Good day"}),
        )
    }
}

gateway_contract::contract!(Echo);

/// The same with channels whose names have no prefix.
mod rooms {
    use dummy_connector::Rooms;

    use super::*;

    struct InRooms;

    impl Ground for InRooms {
        fn platform(&self) -> Arc<dyn Platform> {
            Arc::new(Rooms)
        }

        fn record(&self, name: &str) -> Connection {
            let (server, object) = self.credentials(name);
            let nick = name.to_owned();
            Rooms
                .credentials(&PersonId { nick, server }, &object)
                .unwrap()
        }

        fn somebody(&self) -> &str {
            "dummy"
        }

        fn credentials(&self, _: &str) -> (String, Value) {
            ("rooms".to_owned(), json!({"type": "credentials"}))
        }
    }

    gateway_contract::contract!(InRooms);
}

/// The result of an activity: the ack, and the messages that follow.
async fn comes_of(record: Connection, kind: &str, text: &str) -> (Result<(), String>, Vec<String>) {
    let account = "alice".parse().unwrap();
    let assignment = Assignment {
        account,
        connection: record,
    };
    let mut handle = Dummy.start(assignment, Vec::new());
    let mut activity = Activity::new("dummy", kind, Entity::person("alice", "dummy"));
    activity.object = Some(protocol::ActivityObject::message(text));
    let command = Command::Perform {
        request: RequestId(1),
        socket: Attached {
            socket: 1,
            full: true,
        },
        activity: Box::new(activity),
    };
    handle.commands.send(command).await.unwrap();
    drop(handle.commands);
    let (mut ack, mut said) = (Err("the connection ended".to_owned()), Vec::new());
    while let Some(output) = handle.outputs.recv().await {
        match output {
            Output::Done { result, .. } => ack = result.map(drop),
            Output::Activity { activity, .. } if activity.kind == "send" => {
                said.push(activity.content().unwrap().to_owned());
            }
            _ => {}
        }
    }
    (ack, said)
}

#[tokio::test]
async fn it_echoes_greets_fails_and_throws() {
    let record = || Echo.record("alice");
    let mut loud = record();
    loud.set("loud", true);
    for (record, kind, text, ack, said) in [
        (record(), "echo", "hello", Ok(()), vec!["hello"]),
        (loud, "echo", "hello", Ok(()), vec!["HELLO"]),
        (record(), "greet", "Alice", Ok(()), vec!["Good day Alice"]),
        (record(), "fail", "on purpose", Err("on purpose"), vec![]),
        (record(), "throw", "", Err("the connection ended"), vec![]),
    ] {
        let came = comes_of(record, kind, text).await;
        let ack = ack.map_err(str::to_owned);
        assert_eq!(
            came,
            (ack, said.into_iter().map(str::to_owned).collect()),
            "{kind}"
        );
    }
}
