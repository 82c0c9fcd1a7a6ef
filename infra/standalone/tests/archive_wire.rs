//! The cost of archives over the wire: a publisher, the functions as a separate process, and an S3 server that counts.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

mod common;
#[allow(dead_code, reason = "nothing fails on demand here")]
#[path = "../../../storage-adapter/s3/tests/server/mod.rs"]
mod s3;

use std::time::Duration;

use common::http::request;
use common::programs::{Process, programs, start};
use common::{PASSWORD, server};
use connector_kit::FunctionsClient;
use gateway::{Publisher, PublisherConfig, Spool, SpoolConfig};
use protocol::{ArchiveMessage, ArchiveTarget, Event, EventBody, MessageType, Timestamp};
use s3::{Abilities, Server as Bucket};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Messages of half a run.
const HALF: usize = 1_000;
/// The interval of messages: a hundredth of a second where people take a second, like all times here.
const EVERY: Duration = Duration::from_millis(10);
const CONFIG: PublisherConfig = PublisherConfig {
    batch_events: 500,
    batch_bytes: 1 << 20,
    interval: Duration::from_millis(5),
    age: Duration::from_secs(30),
    retry: Duration::from_millis(20),
    deferred_retry: Duration::from_millis(20),
};
const SPOOL: SpoolConfig = SpoolConfig {
    max_bytes: 64 << 20,
    segment_bytes: 1 << 20,
    deferred_bytes: 1 << 20,
};

fn event(number: usize) -> Event {
    let morning: Timestamp = "2026-01-15T10:00:00Z".parse().unwrap();
    Event {
        id: format!("event-{number}"),
        account: "alice".parse().unwrap(),
        connection: "c1".to_owned(),
        body: EventBody::Message {
            server: "irc.example".to_owned(),
            target: ArchiveTarget::Channel("#a".to_owned()),
            message: ArchiveMessage {
                id: Some(format!("m{number}")),
                timestamp: morning.plus_millis(number as i64 * 1_000).millis(),
                from: "bob".to_owned(),
                text: "hello everybody, how are you?".to_owned(),
                kind: MessageType::Text,
                ..ArchiveMessage::default()
            },
            missed: false,
            about_time: None,
        },
    }
}

/// Functions with alice, over the bucket; and what a connector needs to know about them.
fn functions(bucket: &Bucket, folder: &std::path::Path) -> (Process, String, FunctionsClient) {
    let web = server::free_address();
    let mut command = std::process::Command::new(programs().join("subspace-functions"));
    command
        .env("SUBSPACE_DATA", folder.join("data"))
        .env("SUBSPACE_LISTEN", &web)
        .env("SUBSPACE_MASTER_KEY", "07".repeat(32))
        .env("SUBSPACE_SETUP_TOKEN", "the-set-up-token")
        .env("SUBSPACE_STORE", "s3")
        .env("SUBSPACE_S3_BUCKET", s3::BUCKET)
        .env("SUBSPACE_S3_REGION", s3::REGION)
        .env("SUBSPACE_S3_ENDPOINT", bucket.endpoint())
        .env("SUBSPACE_S3_ACCESS_KEY_ID", s3::KEY_ID)
        .env("SUBSPACE_S3_SECRET_ACCESS_KEY", s3::SECRET);
    let process = start(command);
    let call = |path: &str, token: &str, body: &Value| -> Value {
        let head =
            format!("POST {path}\nauthorization: Bearer {token}\ncontent-type: application/json");
        let (status, answer) = request(&web, &head, &body.to_string()).unwrap();
        assert_eq!(status, 201, "{answer}");
        serde_json::from_str(&answer).unwrap()
    };
    let account = json!({"name": "alice", "password": PASSWORD, "setup": "the-set-up-token"});
    let session = call("/api/accounts", "none", &account);
    let token = session["token"].as_str().unwrap().to_owned();
    let kind = json!({"kind": "irc", "url": "http://127.0.0.1:9"});
    let made = call("/api/connectors", &token, &kind);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let key = protocol::connector_key(key).unwrap();
    let client = FunctionsClient::new(&format!("http://{web}"), id, &key).unwrap();
    (process, token, client)
}

/// PUT and GET, and the rest; bytes written.
fn spent(bucket: &Bucket) -> (u64, u64) {
    let state = bucket.state.lock().unwrap();
    (state.requests.values().sum(), state.written)
}

/// The day's document in the store: its size, and whether it contains this message.
fn documents(bucket: &Bucket) -> (u64, String) {
    let state = bucket.state.lock().unwrap();
    let days = state.objects.iter();
    let newest = days
        .filter(|(key, _)| key.contains("/chat-messages/") && key.contains("/2026/01/15@"))
        .max_by_key(|(_, stored)| stored.bytes.len());
    let bytes = newest.map(|(_, stored)| stored.bytes.clone());
    let bytes = bytes.unwrap_or_default();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (bytes.len() as u64, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_messages_cost_twice_what_a_thousand_do() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::start(Abilities {
        conditions: true,
        matches_nothing: false,
        conditions_of_parts: true,
    })
    .await;
    let (_process, _token, client) = {
        let (bucket, folder) = (&bucket, folder.path());
        tokio::task::block_in_place(|| functions(bucket, folder))
    };
    let spool = Spool::open(&folder.path().join("spool"), SPOOL, |_, _| {}).unwrap();
    let closing = watch::Sender::new(false);
    let publisher = Publisher::new(spool.clone(), client, CONFIG);
    let task = tokio::spawn(publisher.run(closing.subscribe()));
    let (requests_before, written_before) = spent(&bucket);
    let mut said = tokio::time::interval(EVERY);
    for number in 0..2 * HALF {
        said.tick().await;
        let (_, durable) = spool.append(&[event(number)]).unwrap();
        durable.await.unwrap();
        if (number + 1) % HALF == 0 {
            let (requests, written) = spent(&bucket);
            let (requests, written) = (requests - requests_before, written - written_before);
            let (size, _) = documents(&bucket);
            println!(
                "{} messages: {requests} requests, {written} bytes put, a day of {size} bytes",
                number + 1
            );
            let messages = number as u64 + 1;
            assert!(
                requests * 10 <= messages,
                "{requests} requests for {messages} messages"
            );
            // A message takes some 130 bytes of its day.
            assert!(
                written <= messages * 130 * 10,
                "{written} bytes for {messages} messages"
            );
        }
    }
    closing.send_replace(true);
    task.await.unwrap();
    let (size, text) = documents(&bucket);
    assert!(size >= 2 * HALF as u64 * 100, "{size}");
    for number in 0..2 * HALF {
        assert!(text.contains(&format!("\"m{number}\"")), "m{number}");
    }
}
