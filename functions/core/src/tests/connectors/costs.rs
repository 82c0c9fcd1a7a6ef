//! The cost of archives: requests to the store, and bytes at rest.

use futures_util::FutureExt;
use protocol::Timestamp;
use serde_json::Value;
use storage_adapter::ObjectStore;

use super::{message, send, signed};
use crate::testing::{TestFunctions, functions};

/// Seconds between two publications when messages arrive every second.
const APART: i64 = 55;

/// The most bytes of old days that wait to be deleted together, plus one day.
const WAITING: u64 = (1 << 20) + (400 << 10);

/// Sends a message each second to the members of a channel, published in batches.
fn talk(f: &TestFunctions, members: &[String], batch: i64, mut each: impl FnMut(i64)) {
    for number in 0..batch {
        let at = |second: i64| {
            let start = "2026-01-15T10:00:00Z".parse::<Timestamp>().unwrap();
            start
                .plus_millis((number * APART + second) * 1_000)
                .to_string()
        };
        let events: Vec<Value> = (0..APART)
            .flat_map(|second| {
                let (time, id) = (at(second), format!("{number}.{second}"));
                members.iter().map(move |member| {
                    message(member, &id, "#a", &time, "hello everybody, how are you?")
                })
            })
            .collect();
        assert_eq!(send(f, &events)["stored"], events.len());
        f.host().advance(APART * 1_000);
        each(number);
    }
}

/// Ten members, one message a second.
#[test]
fn a_channel_costs_a_tenth_of_a_request_a_member_and_message_and_four_a_commit() {
    let f = functions();
    let members: Vec<String> = std::iter::once("alice".to_owned())
        .chain((1..10).map(|n| format!("member{n}")))
        .collect();
    members.iter().for_each(|member| drop(f.sign_up(member)));
    f.memory().take_requests();
    let (mut total, mut deleted) = (0, 0);
    talk(&f, &members, 20, |number| {
        let requests = f.memory().take_requests();
        let commits = members.len() as u64;
        if number > 0 {
            // The record, and the tree's location; the day, and the head.
            assert_eq!(
                (requests.get, requests.put, requests.list),
                (2 * commits, 2 * commits, 0)
            );
        }
        total += requests.total();
        deleted += requests.delete;
    });
    // Old days are deleted sixteen at a time, in one request.
    assert!(deleted <= 2 * 10, "{deleted}");
    let said = 20 * APART as u64 * members.len() as u64;
    assert!(total * 10 <= said, "{total} requests for {said}");
}

/// A connector fetches the connections of all accounts when it starts.
#[test]
fn the_connections_of_all_accounts_cost_one_read_each() {
    let f = functions();
    for number in 0..10 {
        f.sign_up(&format!("member{number}"));
    }
    f.memory().take_requests();
    let all = signed(&f, "GET", "/connector/assignments", &Value::Null).json();
    assert_eq!(all["assignments"].as_array().unwrap().len(), 10);
    let requests = f.memory().take_requests();
    // Each account's connections are listed and read; besides, names and closed accounts are listed.
    assert_eq!((requests.get, requests.list, requests.put), (10, 10 + 2, 0));
}

/// 2,000 messages in forty commits: at rest there is only the day, not each of its former states.
#[test]
fn archives_take_the_space_of_what_was_said() {
    let f = functions();
    let members = ["alice".to_owned()];
    f.sign_up("alice");
    let at_rest = || {
        let list = f.memory().list("accounts/alice/data/chat-messages/", None);
        let listed = list.now_or_never().unwrap().unwrap();
        listed.iter().map(|entry| entry.length).sum::<u64>()
    };
    let mut sizes = Vec::new();
    talk(&f, &members, 40, |_| sizes.push(at_rest()));
    let (half, all) = (sizes[19], sizes[39]);
    let said = 40 * APART as u64;
    assert!(
        all < said * 200 + WAITING,
        "{all} bytes for {said} messages"
    );
    assert!(all < half * 2 + WAITING, "{half}, then {all}");
    // An hour later even what waited for a group deletion is gone.
    let report = crate::testing::block_on(f.lifecycle.maintain());
    assert!(report.failed.is_empty(), "{report:?}");
    assert!(at_rest() < said * 200);
}
