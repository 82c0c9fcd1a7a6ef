//! What was acknowledged before the process ended counts afterwards, however soon a client connects.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::functions::{Failure, Functions, ID, assignment, ticket};
use common::network::Network;
use common::polling::Polling;
use common::running::Running;
use common::until;
use gateway::{Spool, SpoolConfig};
use protocol::{Event, EventBody};
use serde_json::{Value, json};

/// A channel was left, and the process killed before the functions knew: a client that then connects does not receive
/// the earlier record, in which the channel is still joined.
#[tokio::test(flavor = "multi_thread")]
async fn who_connects_after_a_restart_waits_for_what_was_recorded() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    let config = SpoolConfig {
        max_bytes: 1 << 20,
        segment_bytes: 4 << 10,
        deferred_bytes: 1 << 16,
    };
    let spool = Spool::open(dir.path(), config, |_, _| {}).unwrap();
    let left = Event {
        id: "left".to_owned(),
        account: "alice".parse().unwrap(),
        connection: "alice1".to_owned(),
        body: EventBody::Left {
            channel: "#c".to_owned(),
        },
    };
    let (_, durable) = spool.append(&[left]).unwrap();
    durable.await.unwrap();
    spool.close();
    drop(spool);
    {
        let mut state = functions.state.lock().unwrap();
        state.assignments = vec![assignment("alice", "alice", &["#c"])];
        state.failures = std::iter::repeat_n(Failure::Status(503), 10_000).collect();
    }
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        config.limits.retry = Duration::from_millis(5);
    })
    .await;
    let auth = json!({"ticket": ticket("alice", ID, 60_000)});
    let mut socket = Polling::open(&running.url, "", auth).await;
    let connect = json!({
        "type": "connect", "context": "irc",
        "actor": {"id": "alice@irc.test", "type": "person", "name": "alice"},
    });
    let connected = async { socket.ask("message", connect).await.unwrap() };
    let published = async {
        let asked = || functions.state.lock().unwrap().requests;
        let before = asked();
        until("it was tried again and again", || asked() >= before + 5).await;
        functions.state.lock().unwrap().failures.clear();
    };
    let (connected, ()) = tokio::join!(connected, published);
    assert_eq!(connected["error"], Value::Null, "{connected}");
    let asked = functions.state.lock().unwrap().asked.clone();
    let stored = asked.iter().rposition(|path| path == "/connector/events");
    let fetched = asked
        .iter()
        .position(|path| path.starts_with("/connector/assignments"));
    assert!(stored < fetched, "{asked:?}");
    running.stop().await;
}
