//! SIGTERM: the functions stop last, so nothing of what was said waits for the next start.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

mod common;

use std::time::Instant;

use common::irc::Plain;
use common::socket::is;
use common::{Space, archives};
use gateway::{Spool, SpoolConfig};

/// Accounts, each with a connection of its own.
const MEMBERS: usize = 10;
/// Plain clients that speak.
const GUESTS: usize = 50;
/// What each of them says.
const LINES: usize = 6;

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
    // Everybody has been shown everything.
    for socket in &sockets {
        let mut next = 0;
        for _ in 0..GUESTS * LINES {
            let said = |value: &serde_json::Value| value["type"] == "send";
            next = socket.wait_from(next, "all that is said", said).0 + 1;
        }
    }
    let (_, metrics) = server.request("GET /metrics", "");
    let waiting = metrics
        .lines()
        .find(|line| line.starts_with("subspace_connector_spool_records "));
    println!("before the end: {waiting:?}");
    let begun = Instant::now();
    assert!(server.stop());
    println!("it took {:?}", begun.elapsed());

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
