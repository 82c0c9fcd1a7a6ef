//! Clients that do not read what they are sent, and clients that do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::functions::{Functions, ID, assignment, ticket};
use common::network::Network;
use common::polling::{Polling, http};
use common::running::Running;
use common::websocket::WebSocket;
use serde_json::{Value, json};

/// Bytes that may be queued here for a client.
const MAX_UNREAD: usize = 512 << 10;
/// Bytes per message.
const LONG: usize = 64 << 10;
/// Messages: more than the system buffers for a connection whose other end does not read.
const MESSAGES: usize = 256;

fn connect() -> Value {
    json!({
        "type": "connect", "context": "irc",
        "actor": {"id": "alice@irc.test", "type": "person", "name": "alice"},
    })
}

async fn polls(url: &str, auth: &Value) -> Polling {
    let mut client = Polling::open(url, "", auth.clone()).await;
    let ack = client.ask("message", connect()).await.unwrap();
    assert!(ack.get("error").is_none(), "{ack}");
    client
}

async fn holds_a_websocket(url: &str, auth: &Value) -> WebSocket {
    let mut client = WebSocket::open(url, "").await;
    client.send(&format!("40{auth}")).await;
    assert!(client.find("40{").await.is_some());
    let event = json!(["message", connect()]);
    client.send(&format!("421{event}")).await;
    assert!(client.find("431").await.is_some());
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_let_go_and_who_reads_gets_everything() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &["#c"])];
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        config.limits.socket_bytes = MAX_UNREAD;
    })
    .await;
    let url = &running.url;
    let auth = json!({"ticket": ticket("alice", ID, 60_000), "mode": "full"});
    let (mut polling, mut websocket) =
        (polls(url, &auth).await, holds_a_websocket(url, &auth).await);
    let mut silent = polls(url, &auth).await;
    let _silent_websocket = holds_a_websocket(url, &auth).await;
    for number in 0..MESSAGES {
        let text = format!("{number} {}", "x".repeat(LONG));
        network.say("bob", "#c", &text);
        while polling.event("message").await.expect("it reads")["object"]["content"] != text {}
        let mark = format!("\"{number} x");
        while !websocket.packet().await.expect("it reads").contains(&mark) {}
    }
    let page = http().get(format!("{url}/metrics")).send().await.unwrap();
    let page = page.text().await.unwrap();
    let line = page
        .lines()
        .find(|line| line.starts_with("subspace_connector_sockets_too_slow_total "));
    assert_eq!(line, Some("subspace_connector_sockets_too_slow_total 2"));
    // What was in its queue is still delivered, followed by the notice that it is over.
    assert!(silent.ends().await);
    running.stop().await;
}
