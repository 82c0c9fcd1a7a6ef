//! Records that the store does not give, where that is seldom asked for: at the start of a process, of sessions and calls,
//! and when the next invite or digest is made.

use protocol::connector_key;
use serde_json::{Value, json};
use storage_adapter::memory::ObjectFault;
use storage_adapter::{Storage, StoreError};

use super::damage::{name, world};
use crate::Functions;
use crate::kernel::keys;
use crate::testing::{TestFunctions, functions};

fn broken() -> ObjectFault {
    ObjectFault::Unreadable(StoreError::Unavailable("Input/output error".to_owned()))
}

fn denied() -> ObjectFault {
    ObjectFault::Unreadable(StoreError::denied("Permission denied (os error 13)"))
}

/// A process that remembers nothing.
fn reopened(f: &TestFunctions) -> TestFunctions {
    let storage = f.kernel.storage();
    let storage = Storage::new(storage.shared_store(), storage.shared_host());
    Functions::new(storage, f.config().clone())
}

#[test]
fn the_set_up_does_not_come_back() {
    let first = functions();
    first.sign_up("alice");
    let record = keys::account(&name("alice"));
    for key in [keys::SETUP, record.as_str()] {
        for fault in [broken(), denied()] {
            first.memory().set_fault_of(key, Some(fault.clone()));
            let about = reopened(&first).request("GET", "/api", &[], "");
            assert_eq!(about.status, 200, "{key} {fault:?}: {about:?}");
            assert_eq!(about.json()["needs_setup"], false, "{key} {fault:?}");
            first.memory().set_fault_of(key, None);
        }
    }
}

#[test]
fn nobody_is_thrown_out() {
    let f = functions();
    let session = f.sign_up("alice");
    let made = f.api(
        "POST",
        "/api/calls",
        &session,
        json!({"target": "#lobby", "guests": true}),
    );
    assert_eq!(made.status, 201, "{made:?}");
    let call = f.memory().keys().into_iter();
    let call = call.filter_map(|key| {
        let id = key.strip_prefix("calls/")?.strip_suffix(".json")?;
        Some(id.to_owned())
    });
    let call: Vec<String> = call.collect();
    let grant = session.split('.').nth(1).unwrap();
    let asked = json!({
        "sessions": [{"account": "alice", "grant": grant, "since": f.kernel.now()}],
        "calls": call,
    });
    let ended = || {
        let reply = f.signed("irc-1", "POST", "/connector/sessions", asked.to_string());
        assert_eq!(reply.status, 200, "{reply:?}");
        let reply = reply.json();
        ["ended", "ended_calls"].map(|what| reply[what].as_array().map_or(0, Vec::len))
    };
    assert_eq!((call.len(), ended()), (1, [0, 0]));
    let of_grant = keys::grant(&name("alice"), grant);
    for (key, fault) in [
        (&of_grant, broken()),
        (&of_grant, denied()),
        (&keys::call(&call[0]), broken()),
    ] {
        f.memory().set_fault_of(key, Some(fault.clone()));
        assert_eq!(ended(), [0, 0], "{key} {fault:?}");
        f.memory().set_fault_of(key, None);
    }
}

#[test]
fn connectors_go_on() {
    let f = functions();
    let session = f.sign_up("alice");
    let made = f.api(
        "POST",
        "/api/connectors",
        &session,
        json!({"kind": "gateway"}),
    );
    let made = made.json();
    let key = connector_key(made["key"].as_str().unwrap()).unwrap();
    let of_made = ("GET", "/connector/assignments");
    let made = made["id"].as_str().unwrap();
    let get = || f.signed_with(made, &key, of_made, "").status;
    assert_eq!(get(), 200);
    f.memory().set_fault_of(keys::CONNECTORS, Some(denied()));
    assert_eq!(get(), 200, "as it was read last");
    // Of a process that remembers nothing those of the configuration.
    let f = reopened(&f);
    let tickets = f.api("POST", "/api/tickets", &session, Value::Null);
    assert_eq!(tickets.status, 200, "{tickets:?}");
    let connectors = tickets.json()["connectors"].clone();
    assert!(!connectors.as_array().unwrap().is_empty(), "{connectors}");
}

#[test]
fn others_are_invited() {
    let f = functions();
    let (alice, bob) = (f.sign_up("alice"), f.sign_up("bob"));
    let invite = |session: &str| f.api("POST", "/api/invites", session, Value::Null).status;
    assert_eq!(invite(&alice), 201);
    f.memory().set_fault_of(keys::INVITES, Some(broken()));
    assert_eq!(invite(&bob), 201);
}

#[test]
fn others_are_told_what_they_missed() {
    let (f, _alice, _bob) = world();
    f.host().advance(2 * 60 * 60 * 1000);
    let due = |key: &String| key.starts_with(keys::NOTIFICATIONS_DUE) && key.ends_with("-alice");
    assert!(f.memory().keys().iter().any(due), "she is told of nothing");
    f.memory()
        .set_fault_of(&keys::all_of(&name("alice")), Some(broken()));
    let digests = f.signed("smtp-1", "POST", "/connector/notifications", "");
    assert_eq!(digests.status, 200, "{digests:?}");
}
