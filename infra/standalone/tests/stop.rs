//! SIGTERM: the functions stop last, so no message waits for the next start.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

mod common;

use std::path::Path;
use std::time::Instant;

use common::irc::Plain;
use common::socket::is;
use common::{Space, archives};
use gateway::{Spool, SpoolConfig};
use serde_json::Value;

/// Accounts, each with its own connection.
const MEMBERS: usize = 10;
/// Plain clients that send.
const GUESTS: usize = 50;
/// Messages of each.
const LINES: usize = 6;

/// How often the archives in the store were written so far: each commit of a module counts in its head.
fn commits(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let counts = entries.map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return commits(&path);
        }
        // A file being written may disappear again.
        let head = std::fs::read(&path).unwrap_or_default();
        let head: Value = serde_json::from_slice(&head).unwrap_or_default();
        head["serial"].as_u64().unwrap_or_default()
    });
    counts.sum()
}

#[test]
fn what_was_said_is_published_before_the_end() {
    let space = Space::new(&[]);
    let server = space.start();
    let names: Vec<String> = (0..MEMBERS).map(|n| format!("member{n}")).collect();
    let sockets: Vec<_> = names
        .iter()
        .map(|name| {
            space.add(name);
            let socket = space.attach(name, &space.sign_in(name), None).unwrap();
            socket.wait("the channel", is("join", name, "#general"));
            socket
        })
        .collect();
    let guests: Vec<Plain> = (0..GUESTS)
        .map(|n| Plain::register(&space.irc, &format!("guest{n}"), None, "").unwrap())
        .collect();
    for guest in &guests {
        guest.join("#general").unwrap();
    }
    for line in 0..LINES {
        for (number, guest) in guests.iter().enumerate() {
            guest.say(&format!("PRIVMSG #general :line {line} of {number}"));
        }
    }
    // Everyone has been shown everything.
    for socket in &sockets {
        let mut next = 0;
        for _ in 0..GUESTS * LINES {
            let said = |value: &Value| value["type"] == "send";
            next = socket.wait_from(next, "all that is said", said).0 + 1;
        }
    }
    let (_, metrics) = server.request("GET /metrics", "");
    let waiting = metrics
        .lines()
        .find(|line| line.starts_with("subspace_connector_spool_records "));
    println!("before the end: {waiting:?}");
    let store = space.data().join("store");
    let before = commits(&store);
    let begun = Instant::now();
    assert!(server.stop());
    let commits = commits(&store) - before;
    println!("it took {:?}, for {commits} commits", begun.elapsed());
    // That is what stopping waits for: everything left of an account goes in one commit, and a batch may have been
    // under way.
    let most = 2 * MEMBERS;
    assert!(
        commits <= most as u64,
        "{commits} commits, expected at most {most}"
    );

    let config = SpoolConfig {
        max_bytes: 1 << 30,
        segment_bytes: 8 << 20,
        deferred_bytes: 64 << 20,
    };
    let spool = Spool::open(&space.data().join("spool"), config, |_, _| {}).unwrap();
    assert_eq!(spool.usage().0, 0, "records that wait for the next start");
    spool.close();
    drop(spool);
    // And it is where it belongs.
    let _server = space.start();
    for name in &names {
        let read = archives::read(&space, name, &space.storage_token(name));
        let said = read["channels/general"].iter();
        let said = said.filter(|m| m["text"].as_str().is_some_and(|t| t.starts_with("line ")));
        assert_eq!(said.count(), GUESTS * LINES, "{name}");
    }
}
