//! Channel keys: the functions receive them, and no file contains them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::path::Path;

use common::functions::{Functions, assignment};
use common::network::Network;
use common::running::{Running, probe};
use common::until;
use gateway::{Spool, SpoolConfig};
use protocol::{Event, EventBody};
use serde_json::json;

fn files(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.extend(std::fs::read(&path).unwrap());
        }
    }
    all
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reaches_the_functions_and_is_in_no_file() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &[])];
    // Written in plain text, as by earlier versions.
    let config = SpoolConfig {
        max_bytes: 1 << 20,
        segment_bytes: 1 << 16,
        deferred_bytes: 1 << 16,
    };
    let spool = Spool::open(dir.path(), config, |_, _| {}).unwrap();
    let assigned = assignment("alice", "alice", &[]);
    let old = Event {
        id: "old".to_owned(),
        account: assigned.account,
        connection: assigned.connection.id,
        body: EventBody::Joined {
            channel: "#old hunter-2".to_owned(),
        },
    };
    let (_, durable) = spool.append(&[old]).unwrap();
    durable.await.unwrap();
    tokio::task::spawn_blocking(move || spool.close())
        .await
        .unwrap();
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    let joins = json!({"account": "alice", "messages": [["#keyed", null]]});
    probe(&running.url, joins).await;
    let got = |channel: &str| {
        functions.stored().iter().any(|event| {
            matches!(&event.body, EventBody::Joined { channel: joined } if joined == channel)
        })
    };
    until("both are published with their keys", || {
        got("#old hunter-2") && got("#keyed s3cret")
    })
    .await;
    let files = files(dir.path());
    assert!(has(&files, "#keyed sealed:v1."), "it is in the spool");
    assert!(!has(&files, "s3cret"));
    running.stop().await;
}
