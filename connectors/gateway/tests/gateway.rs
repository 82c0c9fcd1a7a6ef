//! The gateway between a small chat network and real clients in Node.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use common::functions::{Functions, assignment};
use common::network::Network;
use common::running::{Running, node};
use common::until;

/// A gateway with two accounts.
struct World {
    functions: Functions,
    network: Arc<Network>,
    running: Running,
    _dir: tempfile::TempDir,
}

async fn world() -> World {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    functions.state.lock().unwrap().assignments = vec![
        assignment("alice", "alice", &[]),
        assignment("bob", "bob", &[]),
    ];
    let network = Network::new();
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    World {
        functions,
        network,
        running,
        _dir: dir,
    }
}

async fn script(name: &str) -> World {
    let world = world().await;
    node(name, &world.running.url, serde_json::Value::Null).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_dialect() {
    let world = script("current.mjs").await;
    let published = |text: &str| {
        world.functions.stored().iter().any(|event| {
            matches!(&event.body, protocol::EventBody::Message { message, .. } if message.text == text)
        })
    };
    until("everything is published", || {
        ["hello", "psst", "New"].into_iter().all(published)
    })
    .await;
    world.running.stop().await;
    assert!(
        world
            .network
            .log()
            .contains(&"quit alice: the server is shutting down".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mode_full() {
    let world = script("full.mjs").await;
    // With the last socket gone, the connection is told that there is no audience.
    until("away", || {
        let log = world.network.log();
        let away = |nick: &str| {
            let audience = format!("audience {nick} ");
            let last = log.iter().rfind(|line| line.starts_with(&audience));
            last.is_some_and(|line| line.ends_with(" 0"))
        };
        away("alice") && away("bob")
    })
    .await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_dialect() {
    script("old.mjs").await.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_without_a_ticket() {
    script("refused.mjs").await.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input() {
    script("bad.mjs").await.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_client_is_heard() {
    script("quick.mjs").await.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_counted() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    let network = Network::new();
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        config.limits.sockets_per_account = 2;
        config.limits.sockets_per_ip = 4;
    })
    .await;
    node("limits.mjs", &running.url, serde_json::Value::Null).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signalling_of_calls() {
    let world = world().await;
    let calls: Vec<String> = (0..7)
        .map(|n| common::functions::call_ticket("c1", n))
        .collect();
    let more = serde_json::json!({"calls": calls});
    node("calls.mjs", &world.running.url, more).await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_read_by_the_name_of_this_machine() {
    let world = world().await;
    let url = format!("{}/metrics", world.running.url);
    let get = |host: Option<&'static str>| {
        let request = common::polling::http().get(&url);
        let request = match host {
            Some(host) => request.header("host", host),
            None => request,
        };
        async move { request.send().await.unwrap() }
    };
    let own = get(None).await;
    assert_eq!(own.status().as_u16(), 200);
    assert_eq!(
        own.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(get(Some("localhost:6700")).await.status().as_u16(), 200);
    // Someone else's page, whose host name leads a browser here.
    let rebound = get(Some("rebound.example.org")).await;
    assert_eq!(rebound.status().as_u16(), 403);
    assert!(rebound.text().await.unwrap().contains("localhost"));
    world.running.stop().await;
}
