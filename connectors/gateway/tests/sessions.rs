//! The end of a session ends its sockets; a change to a connection is known before anyone uses it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::functions::{Functions, ID, assignment, call_ticket, ticket, ticket_of};
use common::network::Network;
use common::polling::{Polling, wake};
use common::running::Running;
use common::until;
use serde_json::{Value, json};

/// The text for someone whose session has ended, and …
const OVER: &str = "the session has ended; sign in again";
/// … for someone whose session cannot be confirmed.
const UNCONFIRMED: &str = "can't check whether you're still signed in; try again in a moment";

/// A gateway that learns nothing by itself during a test, only from what `change` reports.
async fn world(
    change: impl FnOnce(&mut gateway::Limits),
) -> (Functions, Arc<Network>, Running, tempfile::TempDir) {
    let (functions, dir, network) = (
        Functions::start().await,
        tempfile::tempdir().unwrap(),
        Network::new(),
    );
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &[])];
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        config.limits.refresh = Duration::from_secs(3600);
        config.limits.sessions = Duration::from_secs(3600);
        change(&mut config.limits);
    })
    .await;
    until("the connection starts", || {
        network.log().contains(&"start alice 0".to_owned())
    })
    .await;
    (functions, network, running, dir)
}

fn connect(nick: &str) -> Value {
    json!({
        "type": "connect", "context": "irc",
        "actor": {"id": format!("{nick}@irc.test"), "type": "person", "name": nick}
    })
}

fn say(text: &str) -> Value {
    json!({
        "type": "send", "context": "irc",
        "actor": {"id": "alice@irc.test", "type": "person", "name": "alice"},
        "target": {"id": "bob@irc.test", "type": "person", "name": "bob"},
        "object": {"type": "message", "content": text}
    })
}

async fn open(url: &str, grant: &str) -> Polling {
    let ticket = ticket_of("alice", grant, ID, 60_000);
    let mut socket = Polling::open(url, "", json!({"ticket": ticket, "mode": "full"})).await;
    let ack = socket.ask("message", connect("alice")).await.unwrap();
    assert_eq!(ack["error"], Value::Null, "{ack}");
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_session_ends_its_sockets_and_tickets() {
    let (functions, network, running, _dir) = world(|_| {}).await;
    let url = &running.url;
    let (mut one, mut two) = (open(url, "g1").await, open(url, "g1").await);
    let mut other = open(url, "g2").await;
    functions.state.lock().unwrap().ended = vec!["g1".to_owned()];
    assert_eq!(wake(url, "?account=alice").await, 204);
    for ended in [&mut one, &mut two] {
        let error = ended.event("error").await.expect("it is told why");
        assert_eq!(error["summary"], OVER);
        assert!(ended.ends().await);
        // What it sends now is not delivered.
        ended.emit("message", say("too late")).await;
    }
    network.say("bob", "alice", "a secret");
    let got = other.event("message").await.unwrap();
    let secret = |value: &Value| value["object"]["content"] == "a secret";
    let mut got = got;
    while !secret(&got) {
        got = other.event("message").await.unwrap();
    }
    assert!(one.packet().await.is_none() && two.packet().await.is_none());
    let ack = other.ask("message", say("still here")).await.unwrap();
    assert_eq!(ack["error"], Value::Null, "{ack}");
    // Its ticket is worthless, even when the functions cannot be reached.
    for mute in [false, true] {
        functions.state.lock().unwrap().sessions_mute = mute;
        assert_eq!(refused(url, "g1").await, OVER);
    }
    running.stop().await;
}

/// Connects with a ticket; returns why it is refused.
async fn refused(url: &str, grant: &str) -> String {
    let ticket = ticket_of("alice", grant, ID, 60_000);
    let mut socket = Polling::open(url, "", json!({"ticket": ticket})).await;
    let error = socket.event("error").await.expect("it is told why");
    assert!(socket.ends().await);
    error["summary"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_alone_lets_nobody_in() {
    let (functions, _network, running, _dir) = world(|_| {}).await;
    let url = &running.url;
    let mut here = open(url, "g1").await;
    functions.state.lock().unwrap().sessions_mute = true;
    // They have never confirmed this session: it may have ended before its ticket is shown.
    assert_eq!(refused(url, "g2").await, UNCONFIRMED);
    // They confirmed this one a moment ago: its sockets stay, and may reconnect.
    let ack = here.ask("message", say("still here")).await.unwrap();
    assert_eq!(ack["error"], Value::Null, "{ack}");
    drop(open(url, "g1").await);
    functions.state.lock().unwrap().sessions_mute = false;
    drop(open(url, "g2").await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_asked_about_may_be_an_end() {
    let (functions, _network, running, _dir) = world(|_| {}).await;
    let url = &running.url;
    let mut here = open(url, "g1").await;
    functions.state.lock().unwrap().sessions_mute = true;
    assert_eq!(wake(url, "?account=alice").await, 502);
    let error = here.event("error").await.expect("it is told why");
    assert_eq!(error["summary"], UNCONFIRMED);
    assert!(here.ends().await);
    assert_eq!(refused(url, "g1").await, UNCONFIRMED);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_confirms_any_more_is_closed() {
    let (functions, _network, running, _dir) = world(|limits| {
        limits.sessions = Duration::from_millis(20);
        limits.believed = Duration::from_millis(50);
    })
    .await;
    let url = &running.url;
    let mut here = open(url, "g1").await;
    functions.state.lock().unwrap().sessions_mute = true;
    let error = here.event("error").await.expect("it is told why");
    assert_eq!(error["summary"], UNCONFIRMED);
    assert!(here.ends().await);
    functions.state.lock().unwrap().sessions_mute = false;
    drop(open(url, "g1").await);
    running.stop().await;
}

/// A call of guests alone, who have no sessions.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_confirms_any_more_is_closed() {
    let (functions, _network, running, _dir) = world(|limits| {
        limits.sessions = Duration::from_millis(20);
        limits.believed = Duration::from_millis(50);
    })
    .await;
    let auth = json!({"ticket": call_ticket("c", 1)});
    let mut guest = Polling::open(&running.url, "/calls,", auth).await;
    assert!(guest.event("welcome").await.is_some());
    functions.state.lock().unwrap().sessions_mute = true;
    let refused = guest.event("refused").await.expect("it is said why");
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.starts_with("can't check whether this call"),
        "{error}"
    );
    assert!(guest.ends().await);
    running.stop().await;
}

/// As long as the functions say that nothing has ended, whatever they confirmed stays confirmed.
#[tokio::test(flavor = "multi_thread")]
async fn that_nothing_has_ended_confirms_what_is_open() {
    const BELIEVED: Duration = Duration::from_secs(4);
    let (functions, _network, running, _dir) = world(|limits| {
        limits.sessions = Duration::from_millis(50);
        limits.believed = BELIEVED;
    })
    .await;
    let mut here = open(&running.url, "g1").await;
    let confirmed = std::time::Instant::now();
    until("it was confirmed long ago", || {
        confirmed.elapsed() > BELIEVED
    })
    .await;
    functions.state.lock().unwrap().sessions_mute = true;
    // But they have said since that nothing has ended.
    let ack = here.ask("message", say("still here")).await.unwrap();
    assert_eq!(ack["error"], Value::Null, "{ack}");
    drop(open(&running.url, "g1").await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_knock_that_is_not_heard_is_made_up_for() {
    let (functions, _network, running, _dir) =
        world(|limits| limits.sessions = Duration::from_millis(20)).await;
    let mut socket = open(&running.url, "g1").await;
    {
        let mut state = functions.state.lock().unwrap();
        state.ended = vec!["g1".to_owned()];
        state.version = "2".to_owned();
    }
    assert!(socket.event("error").await.is_some());
    assert!(socket.ends().await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_connection_is_known_when_the_functions_are_answered() {
    let (functions, network, running, _dir) = world(|_| {}).await;
    let url = &running.url;
    // alice is removed, and beth created in her place.
    let mut new = assignment("alice", "beth", &[]);
    new.connection.id = "alice2".to_owned();
    functions.state.lock().unwrap().assignments = vec![new];
    assert_eq!(wake(url, "?account=alice").await, 204);
    let auth = json!({"ticket": ticket("alice", ID, 60_000), "mode": "full"});
    let mut socket = Polling::open(url, "", auth).await;
    let ack = socket.ask("message", connect("beth")).await.unwrap();
    assert_eq!(ack["error"], Value::Null, "{ack}");
    let state = |nick: &'static str| {
        move |value: &Value| {
            value["object"]["type"] == "connection" && value["object"]["nick"] == nick
        }
    };
    let mut got = socket.event("message").await.unwrap();
    while got["object"]["type"] != "connection" {
        got = socket.event("message").await.unwrap();
    }
    assert!(state("beth")(&got), "{got}");
    until("alice has left", || {
        let quit = "quit alice: the connection was removed".to_owned();
        network.log().contains(&quit)
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_comes_late_undoes_nothing() {
    let (functions, network, running, _dir) =
        world(|limits| limits.refresh = Duration::from_millis(20)).await;
    let hold = Arc::new(tokio::sync::Notify::new());
    functions.state.lock().unwrap().hold = Some(Arc::clone(&hold));
    until("a list is on its way", || {
        functions.state.lock().unwrap().holding == 1
    })
    .await;
    functions.state.lock().unwrap().assignments.clear();
    assert_eq!(wake(&running.url, "?account=alice").await, 204);
    until("alice has left", || {
        let quit = "quit alice: the connection was removed".to_owned();
        network.log().contains(&quit)
    })
    .await;
    // Two more lists, the first of which arrives late.
    let next = Arc::new(tokio::sync::Notify::new());
    functions.state.lock().unwrap().hold = Some(Arc::clone(&next));
    hold.notify_one();
    until("the late list is taken", || {
        functions.state.lock().unwrap().holding == 2
    })
    .await;
    next.notify_one();
    let starts = network.log();
    let starts = starts.iter().filter(|line| line.starts_with("start alice"));
    assert_eq!(starts.count(), 1);
    running.stop().await;
}
