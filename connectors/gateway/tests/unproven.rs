//! What a client may cost before it has shown a ticket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::functions::{Functions, ID, ticket};
use common::network::Network;
use common::polling::{Polling, http};
use common::running::Running;
use common::websocket::WebSocket;
use gateway::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn world(most: usize) -> (Functions, Running, tempfile::TempDir) {
    world_with(|limits| limits.unproven_per_ip = most).await
}

async fn world_with(change: impl FnOnce(&mut Limits)) -> (Functions, Running, tempfile::TempDir) {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    let network = Network::new();
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        change(&mut config.limits);
    })
    .await;
    (functions, running, dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_without_a_ticket_are_counted_by_address() {
    let (_functions, running, _dir) = world(3).await;
    let url = &running.url;
    let auth = json!({"ticket": ticket("alice", ID, 60_000)});
    // Sessions with a ticket do not count.
    let mut open = Vec::new();
    for _ in 0..5 {
        let mut socket = Polling::open(url, "", auth.clone()).await;
        assert!(socket.ask("schemas", json!(null)).await.is_some());
        open.push(socket);
    }
    let mut begun = Vec::new();
    for _ in 0..3 {
        begun.push(Polling::begin(url).await.expect("there is room"));
    }
    assert_eq!(Polling::begin(url).await.err(), Some(429));
    // A client that shows one with the first request is not locked out.
    let handshake = async |ticket: &str| {
        let url = format!("{url}/sockethub/?EIO=4&transport=polling&ticket={ticket}");
        http().get(url).send().await.unwrap().status().as_u16()
    };
    let bob = ticket("bob", ID, 60_000);
    for _ in 0..3 {
        assert_eq!(handshake(&bob).await, 200);
    }
    assert_eq!(handshake(&bob).await, 429, "an account has as many");
    assert_eq!(handshake(&ticket("carol", ID, 60_000)).await, 200);
    for invalid in [
        ticket("bob", ID, -1),
        ticket("bob", "other", 60_000),
        "x".to_owned(),
    ] {
        assert_eq!(handshake(&invalid).await, 429);
    }
    begun[0].break_off().await;
    let mut again = None;
    let begins = async {
        while again.is_none() {
            again = Polling::begin(url).await.ok();
        }
    };
    tokio::time::timeout(common::TIME_LIMIT, begins)
        .await
        .expect("there is room again");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_and_large_bodies_end_the_session() {
    let (_functions, running, _dir) = world(64).await;
    let url = &running.url;
    let mut client = Polling::begin(url).await.unwrap();
    let placeholder = r#"451-["message",{"_placeholder":true,"num":0}]"#;
    client.post(placeholder.to_owned()).await;
    assert!(client.packet().await.is_none(), "the session has ended");

    let large = |n: usize| format!("42{}", json!(["whatever", "x".repeat(n)]));
    let mut client = Polling::begin(url).await.unwrap();
    client.post(large(17 << 10)).await;
    assert!(client.packet().await.is_none(), "the session has ended");

    let auth = json!({"ticket": ticket("alice", ID, 60_000)});
    let mut client = Polling::open(url, "", auth).await;
    assert_eq!(client.post(large(200 << 10)).await, 200);
    assert!(client.ask("schemas", json!(null)).await.is_some());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_messages_on_a_websocket_end_it_until_a_ticket_was_shown() {
    let (_functions, running, _dir) = world(64).await;
    let url = &running.url;
    let long = |n: usize| format!("421{}", json!(["schemas", "x".repeat(n)]));

    let mut client = WebSocket::open(url, "").await;
    assert!(client.find("0{").await.is_some());
    let padded = json!({"padding": "x".repeat(17 << 10)});
    client.send(&format!("40{padded}")).await;
    assert_eq!(client.find("4").await, None, "it has ended, unanswered");

    let mut client = WebSocket::open(url, "").await;
    let auth = json!({"ticket": ticket("alice", ID, 60_000)});
    client.send(&format!("40{auth}")).await;
    assert!(client.find("40{").await.is_some());
    client.send(&long(200 << 10)).await;
    assert!(client.find("431").await.is_some());

    // The same with one that polled first.
    for auth in [json!({}), auth] {
        let known = auth.get("ticket").is_some();
        let polling = if known {
            Polling::open(url, "", auth).await
        } else {
            Polling::begin(url).await.unwrap()
        };
        let mut client = WebSocket::open(url, polling.sid()).await;
        client.send("2probe").await;
        assert!(client.find("3probe").await.is_some());
        client.send("5").await;
        client.send(&long(200 << 10)).await;
        assert_eq!(client.find("431").await.is_some(), known);
    }
    running.stop().await;
}

/// How long a connection may last once its last socket is gone.
const SOON: Duration = Duration::from_secs(10);
/// A timeout that a test waits for. Whatever ends within [`SOON`] has not waited for another.
const SHORT: Duration = Duration::from_millis(200);
/// A timeout that no test waits for.
const NEVER: Duration = Duration::from_secs(3_600);

/// Limits of which only the one under test is short.
fn only(change: impl FnOnce(&mut Limits)) -> impl FnOnce(&mut Limits) {
    |limits| {
        limits.connecting = NEVER;
        limits.body = NEVER;
        limits.stranger = NEVER;
        change(limits);
    }
}

async fn ends(client: &mut WebSocket) {
    let over = async { while client.packet().await.is_some() {} };
    tokio::time::timeout(SOON, over).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_connects_to_nothing_is_not_waited_for() {
    let (_functions, running, _dir) = world_with(only(|limits| limits.connecting = SHORT)).await;
    let mut polling = Polling::begin(&running.url).await.unwrap();
    let over = async { while polling.packet().await.is_some() {} };
    tokio::time::timeout(SOON, over).await.expect("it ends");
    ends(&mut WebSocket::open(&running.url, "").await).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_without_a_ticket_ends() {
    // Long enough for a client that has one.
    let limit = Duration::from_secs(2);
    let (_functions, running, _dir) = world_with(only(|limits| limits.stranger = limit)).await;
    let auth = json!({"ticket": ticket("alice", ID, 60_000)});
    let mut known = WebSocket::open(&running.url, "").await;
    known.send(&format!("40{auth}")).await;
    assert!(known.find("40{").await.is_some());
    ends(&mut WebSocket::open(&running.url, "").await).await;
    // One that never does what it was opened for.
    let polling = Polling::begin(&running.url).await.unwrap();
    ends(&mut WebSocket::open(&running.url, polling.sid()).await).await;
    // A client that has shown one stays.
    known.send(r#"421["schemas",null]"#).await;
    assert!(known.find("431").await.is_some());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_body_is_not_waited_for() {
    let (_functions, running, _dir) = world_with(only(|limits| limits.body = SHORT)).await;
    let polling = Polling::begin(&running.url).await.unwrap();
    let address = running.url.strip_prefix("http://").unwrap();
    let sid = polling.sid();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /sockethub/?EIO=4&transport=polling{sid} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\n\r\n42[\"half"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let answered = tokio::time::timeout(SOON, stream.read_buf(&mut answer));
    // An answer, or the end.
    if answered.await.expect("it is not waited for").is_ok() {
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    running.stop().await;
}

#[test]
fn how_long_they_are_waited_for() {
    let Limits {
        connecting,
        body,
        stranger,
        ..
    } = Limits::default();
    let seconds = [connecting, body, stranger].map(|limit| limit.as_secs());
    assert_eq!(seconds, [10, 20, 15]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_its_last_socket() {
    let (functions, running, _dir) = world(64).await;
    let url = &running.url;
    let auth = json!({"ticket": ticket("alice", ID, 60_000)});
    let mut open = Vec::new();
    for first in ["40".to_owned(), "40/calls,".to_owned(), format!("40{auth}")] {
        let mut client = WebSocket::open(url, "").await;
        client.send(&first).await;
        assert!(client.find("40").await.is_some());
        open.push(client);
    }
    // One that was started by polling.
    let polling = Polling::open(url, "", json!({})).await;
    let mut client = WebSocket::open(url, polling.sid()).await;
    client.send("2probe").await;
    assert!(client.find("3probe").await.is_some());
    client.send("5").await;
    open.push(client);
    // Another that leaves by itself.
    let mut client = WebSocket::open(url, "").await;
    client.send(&format!("40{auth}")).await;
    assert!(client.find("40{").await.is_some());
    client.send("41").await;
    open.push(client);
    functions.state.lock().unwrap().ended = vec!["grant-alice".to_owned()];
    assert_eq!(common::polling::wake(url, "?account=alice").await, 204);
    let over = async {
        for client in &mut open {
            // The server's own close may arrive before the end.
            while client.packet().await.is_some() {}
        }
    };
    tokio::time::timeout(SOON, over).await.expect("they end");
    let polling = [
        Polling::open(url, "", json!({})).await,
        Polling::open(url, "/calls,", json!({})).await,
    ];
    for client in polling {
        let over = async {
            while client.post("3".to_owned()).await == 200 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(SOON, over).await.expect("it ends");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_short() {
    let (_functions, running, _dir) = world(64).await;
    let url = format!("{}/sockethub/?EIO=4&transport=polling", running.url);
    let http = http();
    let status = |length: usize| {
        let request = http.get(&url).header("x-long", "x".repeat(length));
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status(7 << 10).await, 200);
    assert_eq!(status(8 << 10).await, 431);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_them() {
    let (_functions, running, _dir) = world(64).await;
    let begun = Polling::begin(&running.url).await.unwrap();
    let http = http();
    let metrics = async || {
        let metrics = http.get(format!("{}/metrics", running.url)).send().await;
        metrics.unwrap().text().await.unwrap()
    };
    let text = metrics().await;
    assert!(text.contains("sessions{ticket=\"none\"} 1\n"), "{text}");
    begun.break_off().await;
    let mut text = metrics().await;
    let gone = async {
        while !text.contains("sessions{ticket=\"none\"} 0\n") {
            text = metrics().await;
        }
    };
    tokio::time::timeout(common::TIME_LIMIT, gone)
        .await
        .unwrap();
    running.stop().await;
}
