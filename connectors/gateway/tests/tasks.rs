//! Tasks that crash whatever tries them stop only themselves; and archives that are published because someone reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::functions::{Functions, ID, assignment, ticket};
use common::network::Network;
use common::polling::Polling;
use common::running::Running;
use common::until;
use serde_json::{Value, json};

fn task(id: &str, text: &str) -> Value {
    json!({
        "id": id, "task": "say", "account": "alice", "connection": "alice1", "target": "#c", "from": "hook",
        "lines": [text]
    })
}

/// Lets a gateway work through tasks until none is left; returns those that were done, and those refused with their
/// reasons.
async fn work_off(tasks: Vec<Value>) -> (Vec<String>, Vec<(String, String)>) {
    let (functions, dir, network) = (
        Functions::start().await,
        tempfile::tempdir().unwrap(),
        Network::new(),
    );
    {
        let mut state = functions.state.lock().unwrap();
        state.assignments = vec![assignment("alice", "alice", &["#c"])];
        state.outbox = tasks;
    }
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        config.limits.outbox = Duration::from_millis(20);
        config.limits.task_silence = Duration::from_millis(200);
    })
    .await;
    until("no task is left that can be understood", || {
        let state = functions.state.lock().unwrap();
        state.outbox.iter().all(|task| task["task"] != "say")
    })
    .await;
    running.stop().await;
    let state = functions.state.lock().unwrap();
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for receipt in &state.receipts {
        done.extend(receipt.done.iter().cloned());
        let reasons = receipt.refused.iter();
        refused.extend(reasons.map(|refused| (refused.id.clone(), refused.reason.clone())));
    }
    done.sort();
    (done, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_ends_its_connection_is_refused_after_some_tries() {
    let tasks = [("1", "one"), ("2", "poison"), ("3", "three"), ("4", "four")];
    let (done, refused) = work_off(tasks.map(|(id, text)| task(id, text)).into()).await;
    assert_eq!(done, ["1", "3", "4"]);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].0, "2");
    assert!(
        refused[0].1.contains("stopped on each of 5 attempts"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_which_nothing_is_heard_is_refused_after_some_tries() {
    let tasks = [("1", "one"), ("2", "mute"), ("3", "three")];
    let (done, refused) = work_off(tasks.map(|(id, text)| task(id, text)).into()).await;
    assert_eq!(done, ["1", "3"]);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].0, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_understood_waits_alone() {
    let odd = json!({"id": "2", "task": "sing", "song": 7});
    let (done, refused) = work_off(vec![odd, Value::Null, task("3", "three")]).await;
    assert_eq!(done, ["3"]);
    assert!(refused.is_empty(), "{refused:?}");
}

/// Someone reads an archive, and the functions cannot reach the gateway to say so.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_reads_is_published_though_nobody_could_tell() {
    let (functions, dir, network) = (
        Functions::start().await,
        tempfile::tempdir().unwrap(),
        Network::new(),
    );
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &["#c"])];
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        // Nothing is published by itself during this test.
        config.limits.publish_interval = Duration::from_secs(3600);
        config.limits.publish_age = Duration::from_secs(3600);
        config.limits.outbox = Duration::from_millis(20);
    })
    .await;
    until("the connection starts", || {
        network.log().contains(&"start alice 0".to_owned())
    })
    .await;
    let auth = json!({"ticket": ticket("alice", ID, 60_000), "mode": "full"});
    let mut socket = Polling::open(&running.url, "", auth).await;
    let connect = json!({
        "type": "connect", "context": "irc",
        "actor": {"id": "alice@irc.test", "type": "person", "name": "alice"},
    });
    socket.ask("message", connect).await.unwrap();
    let messages = || {
        let stored = functions.stored();
        let is_message =
            |event: &protocol::Event| matches!(event.body, protocol::EventBody::Message { .. });
        stored.into_iter().filter(is_message).count()
    };
    // The second time it has the same id.
    for (count, text) in ["one", "two"].into_iter().enumerate() {
        network.say("bob", "#c", text);
        // What is shown is in the spool.
        while socket.event("message").await.unwrap()["object"]["content"] != text {}
        assert_eq!(messages(), count);
        let task =
            json!({"id": "019bc2e3a000-publish-alice", "task": "publish", "account": "alice"});
        functions.state.lock().unwrap().outbox = vec![task];
        until("it is published", || messages() == count + 1).await;
        until("the task has gone", || {
            functions.state.lock().unwrap().outbox.is_empty()
        })
        .await;
    }
    running.stop().await;
}
