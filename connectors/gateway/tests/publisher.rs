//! The publisher against functions that fail in every way: every event arrives, in order, with the same id.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::{Duration, Instant};

use common::functions::{Failure, Functions, ID, KEY, State};
use connector_kit::FunctionsClient;
use gateway::{Publisher, PublisherConfig, Spool, SpoolConfig};
use protocol::{ArchiveMessage, ArchiveTarget, Event, EventBody, MessageType};
use tokio::sync::watch;

const SPOOL: SpoolConfig = SpoolConfig {
    max_bytes: 1 << 20,
    segment_bytes: 4 << 10,
    deferred_bytes: 1 << 16,
};
const CONFIG: PublisherConfig = PublisherConfig {
    batch_events: 7,
    batch_bytes: 2_000,
    interval: Duration::from_millis(1),
    age: Duration::from_millis(5),
    retry: Duration::from_millis(20),
    deferred_retry: Duration::from_millis(20),
};

fn event(number: usize) -> Event {
    event_of("alice", number)
}

fn event_of(account: &str, number: usize) -> Event {
    Event {
        id: format!("event-{number}"),
        account: account.parse().unwrap(),
        connection: "c1".to_owned(),
        body: EventBody::Message {
            server: "irc.test".to_owned(),
            target: ArchiveTarget::Channel("#c".to_owned()),
            message: ArchiveMessage {
                id: Some(format!("m{number}")),
                timestamp: 1_000 + number as i64,
                from: "bob".to_owned(),
                text: "x".repeat(number % 300 + 1),
                kind: MessageType::Text,
                ..ArchiveMessage::default()
            },
            missed: false,
            about_time: None,
        },
    }
}

fn client(origin: &str) -> FunctionsClient {
    FunctionsClient::new(origin, ID, KEY).unwrap()
}

/// Publishes until everything has arrived; returns the spool and what stops the publisher.
fn publish(spool: &Spool, origin: &str) -> (watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let closing = watch::Sender::new(false);
    let publisher = Publisher::new(spool.clone(), client(origin), CONFIG);
    let task = tokio::spawn(publisher.run(closing.subscribe()));
    (closing, task)
}

fn numbers(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id.clone()).collect()
}

#[tokio::test]
async fn every_event_arrives_in_order_whatever_fails() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    functions.state.lock().unwrap().failures = [
        Failure::Status(500),
        Failure::Cut,
        Failure::Lost,
        Failure::Later,
        Failure::Status(503),
        Failure::Lost,
        Failure::Status(401),
        Failure::Garbage,
        Failure::Status(413),
        Failure::Cut,
        Failure::Lost,
    ]
    .into();
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let (closing, task) = publish(&spool, &functions.origin);
    let events: Vec<Event> = (0..100).map(event).collect();
    for chunk in events.chunks(9) {
        let (_, durable) = spool.append(chunk).unwrap();
        durable.await.unwrap();
    }
    common::until("all published", || spool.cursor() == 100).await;
    assert_eq!(functions.stored(), events);
    {
        let state = functions.state.lock().unwrap();
        assert!(state.failures.is_empty(), "every failure happened");
        let sent: usize = state.batches.iter().map(Vec::len).sum();
        assert!(sent > events.len(), "lost answers make repeats");
        assert!(
            state
                .batches
                .iter()
                .all(|batch| batch.len() <= CONFIG.batch_events)
        );
    }
    closing.send_replace(true);
    task.await.unwrap();
}

#[tokio::test]
async fn a_restart_publishes_the_rest_with_the_same_ids() {
    let dir = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..50).map(event).collect();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let (_closing, task) = publish(&spool, &format!("http://{address}"));
    let (_, durable) = spool.append(&events).unwrap();
    durable.await.unwrap();
    task.abort();
    let _ = task.await;
    spool.close();
    drop(spool);
    let functions = Functions::start().await;
    functions.state.lock().unwrap().failures = [Failure::Lost].into();
    let mut found = Vec::new();
    let spool = Spool::open(dir.path(), SPOOL, |_, event| found.push(event)).unwrap();
    assert_eq!(found, events);
    let (closing, task) = publish(&spool, &functions.origin);
    common::until("all published", || spool.cursor() == 50).await;
    assert_eq!(functions.stored(), events);
    closing.send_replace(true);
    task.await.unwrap();
    assert!(
        spool
            .last_seen(&"alice".parse().unwrap(), "c1", protocol::Folding::Ascii)
            .iter()
            .any(|(target, time)| target == "#c" && time.millis() == 1_049)
    );
}

#[tokio::test]
async fn refused_events_do_not_hold_up_the_others() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    {
        let mut state = functions.state.lock().unwrap();
        state.refuse = vec!["event-3".to_owned()];
        // Two batches with an event that can never be accepted, at the end.
        state.failures = [422, 413, 400, 413].map(Failure::Status).into();
    }
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let events: Vec<Event> = (0..8).map(event).collect();
    let (_, durable) = spool.append(&events).unwrap();
    durable.await.unwrap();
    let (closing, task) = publish(&spool, &functions.origin);
    common::until("all published", || spool.cursor() == 8).await;
    let stored = numbers(&functions.stored());
    assert!(
        stored
            .ends_with(&["event-3", "event-4", "event-5", "event-6", "event-7"].map(String::from))
    );
    for event in &events[..2] {
        assert!(!stored.contains(&event.id), "it was not taken");
        let aside = dir.path().join(format!("aside/{}.json", event.id));
        let aside: Event = serde_json::from_slice(&std::fs::read(aside).unwrap()).unwrap();
        assert_eq!(aside, *event, "nothing that was accepted is dropped");
    }
    closing.send_replace(true);
    task.await.unwrap();
}

/// Reads the events that were set aside, by their ids.
fn aside(dir: &std::path::Path) -> Vec<Event> {
    let Ok(entries) = std::fs::read_dir(dir.join("aside")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    // A file still being written has another name.
    let whole = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut events: Vec<Event> = whole
        .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        .collect();
    events.sort_by(|a, b| a.id.cmp(&b.id));
    events
}

#[tokio::test]
async fn what_is_refused_for_good_is_set_aside_but_for_what_was_of_removed_accounts() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    {
        let mut state = functions.state.lock().unwrap();
        state.refuse = ["event-0", "event-4"].map(String::from).to_vec();
        state.removed = vec!["bob".to_owned()];
        state.away = vec!["carol".to_owned()];
    }
    let whose = |n: usize| ["alice", "bob", "carol"][n % 3];
    let events: Vec<Event> = (0..9).map(|n| event_of(whose(n), n)).collect();
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let (_, durable) = spool.append(&events).unwrap();
    durable.await.unwrap();
    let (closing, task) = publish(&spool, &functions.origin);
    common::until("all published", || spool.cursor() == 9).await;
    // It exists before the spool releases the event.
    assert_eq!(aside(dir.path()), events[..1]);
    // Also for those that had to wait.
    {
        let mut state = functions.state.lock().unwrap();
        state.refuse.push("event-5".to_owned());
        state.away.clear();
    }
    common::until("another one is set aside", || aside(dir.path()).len() == 2).await;
    assert_eq!(aside(dir.path()), [events[0].clone(), events[5].clone()]);
    closing.send_replace(true);
    task.await.unwrap();
}

#[tokio::test]
async fn an_account_whose_archive_is_away_waits_alone_and_loses_nothing() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    functions.state.lock().unwrap().away = vec!["bob".to_owned()];
    let whose = |n: usize| if n.is_multiple_of(2) { "alice" } else { "bob" };
    let mut events: Vec<Event> = (0..60).map(|n| event_of(whose(n), n)).collect();
    // An event that is not a message does not wait.
    events.push(Event {
        id: "joined".to_owned(),
        account: "bob".parse().unwrap(),
        connection: "c1".to_owned(),
        body: EventBody::Joined {
            channel: "#new".to_owned(),
        },
    });
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let (_closing, task) = publish(&spool, &functions.origin);
    for chunk in events.chunks(10) {
        let (_, durable) = spool.append(chunk).unwrap();
        durable.await.unwrap();
    }
    common::until("all are published or deferred", || spool.cursor() == 61).await;
    let arrived: Vec<Event> = functions.stored();
    assert_eq!(arrived.len(), 31);
    assert!(arrived.iter().any(|event| event.id == "joined"));
    // A restart changes nothing; deferred records are visited like the rest of the spool.
    task.abort();
    let _ = task.await;
    spool.close();
    drop(spool);
    let mut found = Vec::new();
    let spool = Spool::open(dir.path(), SPOOL, |_, event| found.push(event.id)).unwrap();
    for event in events
        .iter()
        .filter(|event| event.account.as_str() == "bob")
    {
        assert!(found.contains(&event.id) || event.id == "joined");
    }
    let (closing, task) = publish(&spool, &functions.origin);
    let requests = functions.state.lock().unwrap().requests;
    common::until("it is tried again", || {
        functions.state.lock().unwrap().requests > requests
    })
    .await;
    assert_eq!(functions.stored().len(), 31);
    {
        let mut state = functions.state.lock().unwrap();
        state.away.clear();
        state.failures = [Failure::Lost, Failure::Status(500), Failure::Cut].into();
    }
    common::until("everything arrived", || functions.stored().len() == 61).await;
    let bobs: Vec<String> = numbers(&functions.stored())
        .into_iter()
        .filter(|id| {
            events
                .iter()
                .any(|e| e.id == *id && e.account.as_str() == "bob")
        })
        .filter(|id| id != "joined")
        .collect();
    let expected: Vec<String> = (0..30).map(|n| format!("event-{}", 2 * n + 1)).collect();
    assert_eq!(bobs, expected, "in order");
    common::until("nothing is deferred any more", || {
        std::fs::read_dir(dir.path().join("held"))
            .is_ok_and(|mut deferred| deferred.next().is_none())
    })
    .await;
    closing.send_replace(true);
    task.await.unwrap();
}

/// A deferred message that the functions cannot process is set aside, so that those behind it are published.
#[tokio::test]
async fn what_cannot_be_processed_after_it_waited_is_set_aside() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    functions.state.lock().unwrap().away = vec!["bob".to_owned()];
    let events: Vec<Event> = (0..9).map(|n| event_of("bob", n)).collect();
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let (_, durable) = spool.append(&events).unwrap();
    durable.await.unwrap();
    let (closing, task) = publish(&spool, &functions.origin);
    common::until("all are deferred", || spool.cursor() == 9).await;
    {
        let mut state = functions.state.lock().unwrap();
        state.unprocessable = vec!["event-4".to_owned()];
        state.away.clear();
    }
    common::until("all others are published", || functions.stored().len() == 8).await;
    assert_eq!(aside(dir.path()), [events[4].clone()]);
    let expected: Vec<String> = numbers(&[&events[..4], &events[5..]].concat());
    assert_eq!(numbers(&functions.stored()), expected, "in order");
    closing.send_replace(true);
    task.await.unwrap();
}

#[tokio::test]
async fn an_account_that_the_functions_cannot_serve_waits_alone() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    functions.state.lock().unwrap().unavailable = vec!["bob".to_owned()];
    let whose = |n: usize| ["alice", "bob", "carol"][n % 3];
    let events: Vec<Event> = (0..60).map(|n| event_of(whose(n), n)).collect();
    let of = |account: &str, events: &[Event]| -> Vec<String> {
        let of = |event: &&Event| event.account.as_str() == account;
        numbers(&events.iter().filter(of).cloned().collect::<Vec<_>>())
    };
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let (closing, task) = publish(&spool, &functions.origin);
    let (_, durable) = spool.append(&events).unwrap();
    durable.await.unwrap();
    common::until("all others are published", || spool.cursor() == 60).await;
    let stored = functions.stored();
    for (account, count) in [("alice", 20), ("bob", 0), ("carol", 20)] {
        assert_eq!(of(account, &stored).len(), count, "{account}");
    }
    assert!(!dir.path().join("aside").exists(), "it may be served again");
    functions.state.lock().unwrap().unavailable.clear();
    common::until("everything arrived", || functions.stored().len() == 60).await;
    assert_eq!(
        of("bob", &functions.stored()),
        of("bob", &events),
        "in order"
    );
    closing.send_replace(true);
    task.await.unwrap();
}

/// The accounts of the events in the next two tests.
const EVERYBODY: [&str; 3] = ["alice", "bob", "carol"];

/// Nothing is held back or set aside while nobody is served, and everything is published once everyone is.
async fn nothing_is_lost_while(break_them: fn(&mut State), mend: fn(&mut State)) {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    break_them(&mut functions.state.lock().unwrap());
    let whose = |n: usize| EVERYBODY[n % EVERYBODY.len()];
    let mut events: Vec<Event> = (0..30).map(|n| event_of(whose(n), n)).collect();
    events.insert(5, joined("carol", "joined"));
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let (closing, task) = publish(&spool, &functions.origin);
    let (_, durable) = spool.append(&events).unwrap();
    durable.await.unwrap();
    common::until("it was tried often", || {
        functions.state.lock().unwrap().requests >= 40
    })
    .await;
    assert_eq!(spool.cursor(), 0);
    assert!(!dir.path().join("aside").exists() && !dir.path().join("held").exists());
    mend(&mut functions.state.lock().unwrap());
    common::until("all published", || spool.cursor() == 31).await;
    assert_eq!(functions.stored().len(), 31);
    assert!(!dir.path().join("aside").exists());
    closing.send_replace(true);
    task.await.unwrap();
}

#[tokio::test]
async fn while_the_functions_can_serve_nobody_nothing_is_taken_apart() {
    nothing_is_lost_while(
        |state| state.unavailable = EVERYBODY.map(str::to_owned).into(),
        |state| state.unavailable.clear(),
    )
    .await;
}

fn joined(account: &str, id: &str) -> Event {
    Event {
        id: id.to_owned(),
        account: account.parse().unwrap(),
        connection: "c1".to_owned(),
        body: EventBody::Joined {
            channel: format!("#{id}"),
        },
    }
}

#[tokio::test]
async fn an_event_on_which_the_functions_never_answer_is_set_aside_and_no_other() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    let poison = ["event-7", "bad"].map(String::from);
    functions.state.lock().unwrap().silent = poison.to_vec();
    let whose = |n: usize| ["alice", "bob", "carol"][n % 3];
    let mut events: Vec<Event> = (0..60).map(|n| event_of(whose(n), n)).collect();
    events.insert(10, joined("carol", "bad"));
    events.insert(20, joined("carol", "after"));
    events.insert(30, joined("alice", "other"));
    let spool = Spool::open(dir.path(), SPOOL, |_, _| {}).unwrap();
    let (closing, task) = publish(&spool, &functions.origin);
    let (_, durable) = spool.append(&events).unwrap();
    durable.await.unwrap();
    // Messages continue and show that the functions respond; no faster than they are published anywhere.
    let mut said = events.len();
    let mut pause = Instant::now();
    let last = common::until("all others are published", || {
        let stored = functions.stored().len();
        if spool.cursor() == said as u64 && stored + poison.len() == said {
            return true;
        }
        let behind = spool.end() == said as u64 && spool.cursor() < spool.end();
        if behind && pause.elapsed() >= Duration::from_millis(200) {
            spool.append(&[event_of("alice", 100 + said)]).unwrap();
            said += 1;
            pause = Instant::now();
        }
        false
    });
    last.await;
    for id in &poison {
        assert!(!numbers(&functions.stored()).contains(id));
        let aside = dir.path().join(format!("aside/{id}.json"));
        let aside: Event = serde_json::from_slice(&std::fs::read(aside).unwrap()).unwrap();
        assert!(events.contains(&aside), "whole");
    }
    let aside = std::fs::read_dir(dir.path().join("aside")).unwrap();
    assert_eq!(aside.count(), poison.len());
    for account in ["alice", "bob", "carol"] {
        let of = |events: &[Event]| -> Vec<String> {
            let of = |event: &&Event| {
                event.account.as_str() == account && matches!(event.body, EventBody::Message { .. })
            };
            numbers(&events.iter().filter(of).cloned().collect::<Vec<_>>())
        };
        let mut expected = of(&events);
        expected.retain(|id| !poison.contains(id));
        let stored = of(&functions.stored());
        assert!(stored.starts_with(&expected), "{account}: {stored:?}");
    }
    closing.send_replace(true);
    task.await.unwrap();
}

#[tokio::test]
async fn while_the_functions_answer_nobody_nothing_is_set_aside() {
    nothing_is_lost_while(|state| state.mute = true, |state| state.mute = false).await;
}

/// More of one account than fits into memory, none of which the functions take: the others' messages and changes, which
/// were recorded after it, are published all the same.
#[tokio::test]
async fn nobody_waits_for_an_account_with_more_than_its_share() {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    functions.state.lock().unwrap().unavailable = vec!["alice".to_owned()];
    let config = SpoolConfig {
        max_bytes: 64 << 20,
        segment_bytes: 8 << 20,
        deferred_bytes: 32 << 20,
    };
    let spool = Spool::open(dir.path(), config, |_, _| {}).unwrap();
    let mut flood: Vec<Event> = (0..40).map(event).collect();
    for event in &mut flood {
        if let EventBody::Message { message, .. } = &mut event.body {
            message.text = "x".repeat(500 << 10);
        }
    }
    for event in &flood {
        spool.append(std::slice::from_ref(event)).unwrap();
    }
    let (_, durable) = spool
        .append(&[event_of("bob", 100), joined("carol", "new")])
        .unwrap();
    durable.await.unwrap();
    let (closing, task) = publish(&spool, &functions.origin);
    common::until("the others' are published", || {
        functions.stored().len() == 2
    })
    .await;
    functions.state.lock().unwrap().unavailable.clear();
    common::until("everything arrived", || functions.stored().len() == 42).await;
    let stored = functions.stored();
    let of_alice = |event: &&Event| event.account.as_str() == "alice";
    let alices: Vec<Event> = stored.iter().filter(of_alice).cloned().collect();
    assert_eq!(numbers(&alices), numbers(&flood), "in order");
    closing.send_replace(true);
    task.await.unwrap();
}
