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

/// An earlier run ended before the functions knew that this account had left `#c`.
async fn left_before(dir: &std::path::Path, account: &str) {
    let config = SpoolConfig {
        max_bytes: 1 << 20,
        segment_bytes: 4 << 10,
        deferred_bytes: 1 << 16,
    };
    let spool = Spool::open(dir, config, |_, _| {}).unwrap();
    let left = Event {
        id: "left".to_owned(),
        account: account.parse().unwrap(),
        connection: format!("{account}1"),
        body: EventBody::Left {
            channel: "#c".to_owned(),
        },
    };
    let (_, durable) = spool.append(&[left]).unwrap();
    durable.await.unwrap();
    spool.close();
    drop(spool);
}

/// A channel was left, and the process killed before the functions knew: a client that then connects does not receive
/// the earlier record, in which the channel is still joined.
#[tokio::test(flavor = "multi_thread")]
async fn who_connects_after_a_restart_waits_for_what_was_recorded() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    left_before(dir.path(), "alice").await;
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
        .position(|path| path.starts_with("/connector/assignments?account=alice"));
    assert!(stored < fetched, "{asked:?}");
    running.stop().await;
}

/// Only an account whose own connections changed waits for what an earlier run left, however much that is and
/// whether or not the functions take it.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_run_left_keeps_nobody_else_offline() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    let config = SpoolConfig {
        max_bytes: 1 << 20,
        segment_bytes: 4 << 10,
        deferred_bytes: 1 << 16,
    };
    let spool = Spool::open(dir.path(), config, |_, _| {}).unwrap();
    let event = |id: &str, account: &str, body| Event {
        id: id.to_owned(),
        account: account.parse().unwrap(),
        connection: format!("{account}1"),
        body,
    };
    let said = EventBody::Message {
        server: "irc.test".to_owned(),
        target: protocol::ArchiveTarget::Channel("#c".to_owned()),
        message: protocol::ArchiveMessage::default(),
        missed: false,
        about_time: None,
    };
    let left = EventBody::Left {
        channel: "#c".to_owned(),
    };
    let events = [event("said", "alice", said), event("left", "bob", left)];
    let (_, durable) = spool.append(&events).unwrap();
    durable.await.unwrap();
    spool.close();
    drop(spool);
    {
        let mut state = functions.state.lock().unwrap();
        let names = ["alice", "bob", "carol"];
        state.assignments = names.map(|name| assignment(name, name, &["#c"])).to_vec();
        state.mute = true;
    }
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        config.limits.retry = Duration::from_millis(5);
    })
    .await;
    let started = |name: &str| {
        let line = format!("start {name} ");
        network.log().iter().any(|logged| logged.starts_with(&line))
    };
    until("the others start", || started("alice") && started("carol")).await;
    let lists = || {
        let asked = functions.state.lock().unwrap().asked.clone();
        let lists = asked
            .iter()
            .filter(|path| *path == "/connector/assignments");
        lists.count()
    };
    let before = lists();
    until("everything is fetched again", || lists() >= before + 3).await;
    assert!(!started("bob") && functions.stored().is_empty());
    functions.state.lock().unwrap().mute = false;
    until("it starts too", || started("bob")).await;
    assert!(functions.stored().iter().any(|event| event.id == "left"));
    running.stop().await;
}

/// Functions that never take the changes keep no account offline for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_waits_only_so_long_for_its_own_changes() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    left_before(dir.path(), "bob").await;
    {
        let mut state = functions.state.lock().unwrap();
        state.assignments = vec![assignment("bob", "bob", &["#c"])];
        state.mute = true;
    }
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        config.limits.settling = Duration::from_millis(300);
    })
    .await;
    until("it starts", || {
        let log = network.log();
        log.iter().any(|line| line.starts_with("start bob "))
    })
    .await;
    assert!(functions.stored().is_empty());
    running.stop().await;
}
