//! Objects of one account that the store fails to deliver, or delivers damaged, affect that account and nobody else.

use bytes::Bytes;
use serde_json::{Value, json};
use storage_adapter::memory::ObjectFault;
use storage_adapter::{ObjectStore as _, Options, Storage, StoreError};

use super::damage::{day, message, name, read, records_of_others, world, write};
use crate::Functions;
use crate::kernel::keys;
use crate::testing::{PASSWORD, Reply, TestFunctions, block_on, functions};

/// Pages of a tree that are tested.
const PAGES: usize = 3;

/// A store's errors for an object that exists but is not delivered.
fn faults() -> [ObjectFault; 4] {
    [
        ObjectFault::Unreadable(StoreError::denied("Permission denied (os error 13)")),
        ObjectFault::Unreadable(StoreError::refused("InvalidObjectState")),
        ObjectFault::Unreadable(StoreError::Unavailable("Input/output error".to_owned())),
        ObjectFault::BreaksOff,
    ]
}

fn send(f: &TestFunctions, events: &[Value]) -> Reply {
    let body = json!({"events": events}).to_string();
    f.signed("irc-1", "POST", "/connector/events", body)
}

fn get(f: &TestFunctions, path: &str) -> Value {
    let reply = f.signed("irc-1", "GET", path, "");
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    reply.json()
}

#[test]
fn a_record_that_the_store_does_not_give_stops_only_what_it_belongs_to() {
    let (f, _alice, bob) = world();
    let mut records = records_of_others(&f, &bob);
    // These are shared, or belong to an address that bob uses as well.
    records.retain(|key| {
        let of_all = [keys::CONNECTORS, keys::MAINTAINED].contains(&key.as_str());
        !of_all && !key.starts_with(keys::GUARD) && !key.contains("carol")
    });
    assert!(records.len() > 20, "{records:?}");
    for (n, key) in records.iter().enumerate() {
        for (m, fault) in faults().into_iter().enumerate() {
            // Hooks are rate-limited.
            f.host().advance(2_000);
            f.memory().set_fault_of(key, Some(fault));
            day(&f, &bob, "alice", 1_000 + 10 * n + m);
            f.memory().set_fault_of(key, None);
        }
    }
    let told = f.host().damaged.lock().unwrap().join("\n");
    for kind in ["accounts/alice/account.json", "connections/private.json"] {
        let said = format!("{kind} cannot be read: ");
        assert!(told.contains(&said), "nobody was told of {kind}:\n{told}");
    }
}

fn try_to_sign_in(f: &TestFunctions, name: &str) -> u16 {
    let body = json!({"name": name, "password": PASSWORD}).to_string();
    let reply = f.request("POST", "/api/session", &[], body);
    reply.status.as_u16()
}

#[test]
fn nobody_is_disabled_because_it_cannot_be_read_who_is() {
    let f = functions();
    for of in ["alice", "bob"] {
        f.sign_up(of);
    }
    for error in [
        StoreError::denied("Permission denied (os error 13)"),
        StoreError::refused("Input/output error"),
        StoreError::Unavailable("Input/output error".to_owned()),
    ] {
        let fault = ObjectFault::Unreadable(error);
        f.memory().set_fault_of(keys::CLOSED, Some(fault));
        for of in ["alice", "bob"] {
            assert_eq!(try_to_sign_in(&f, of), 503);
        }
        f.memory().set_fault_of(keys::CLOSED, None);
        for of in ["alice", "bob"] {
            assert_eq!(try_to_sign_in(&f, of), 201);
        }
    }
    // A damaged record is there: its account, and no other, is closed.
    write(&f, &keys::closed(&name("bob")), Bytes::from_static(b"{\"x"));
    assert_eq!(try_to_sign_in(&f, "alice"), 201);
    assert_eq!(try_to_sign_in(&f, "bob"), 403);
    block_on(f.identity.enable_account(&name("bob"))).unwrap();
    assert_eq!(try_to_sign_in(&f, "bob"), 201);
}

#[test]
fn a_mark_or_note_that_is_damaged_or_unreadable_keeps_nobody_from_signing_in() {
    let f = functions();
    f.sign_up("alice");
    let alice = name("alice");
    for key in [keys::provisioned(&alice), keys::networks(&alice)] {
        write(&f, &key, Bytes::from_static(b"{\"x"));
        assert_eq!(try_to_sign_in(&f, "alice"), 201, "{key}");
        for fault in faults() {
            f.memory().set_fault_of(&key, Some(fault));
            assert_eq!(try_to_sign_in(&f, "alice"), 201, "{key}");
            f.memory().set_fault_of(&key, None);
        }
    }
    let mark: Value = serde_json::from_slice(&read(&f, &keys::provisioned(&alice))).unwrap();
    assert_eq!(mark, json!({"version": 1}), "it was written again");
}

#[test]
fn connections_that_cannot_be_read_are_named_and_come_back() {
    let f = functions();
    for of in ["alice", "bob"] {
        f.sign_up(of);
    }
    let key = keys::connection(&name("alice"), "private");
    let fault = ObjectFault::Unreadable(StoreError::Unavailable("Input/output error".to_owned()));
    f.memory().set_fault_of(&key, Some(fault));
    let all = get(&f, "/connector/assignments");
    assert_eq!(all["unclear"], json!(["alice"]));
    assert_eq!(all["assignments"].as_array().unwrap().len(), 1);
    assert_eq!(f.kernel.damaged_records(), 1);
    // A request for hers alone is told to try again later.
    let hers = "/connector/assignments?account=alice";
    assert_eq!(f.signed("irc-1", "GET", hers, "").status, 503);
    f.memory().set_fault_of(&key, None);
    let all = get(&f, "/connector/assignments");
    assert_eq!(all["unclear"], Value::Null);
    assert_eq!(all["assignments"].as_array().unwrap().len(), 2);
    assert_eq!(f.kernel.damaged_records(), 0);
}

#[test]
fn a_folder_of_one_account_that_cannot_be_listed_stops_only_that_account() {
    let f = functions();
    for of in ["alice", "bob"] {
        f.sign_up(of);
    }
    for error in [
        StoreError::denied("Permission denied (os error 13)"),
        StoreError::Unavailable("Input/output error".to_owned()),
    ] {
        let fault = ObjectFault::Unlisted(error);
        f.memory().set_fault_of("accounts/alice/", Some(fault));
        let all = get(&f, "/connector/assignments");
        assert_eq!(all["unclear"], json!(["alice"]));
        assert_eq!(all["assignments"].as_array().unwrap().len(), 1);
        assert_eq!(f.kernel.damaged_records(), 1);
        let hers = "/connector/assignments?account=alice";
        assert_eq!(f.signed("irc-1", "GET", hers, "").status, 503);
        f.memory().set_fault_of("accounts/alice/", None);
        let all = get(&f, "/connector/assignments");
        assert_eq!(all["unclear"], Value::Null);
        assert_eq!(all["assignments"].as_array().unwrap().len(), 2);
        assert_eq!(f.kernel.damaged_records(), 0);
    }
    let told = f.host().damaged.lock().unwrap().join("\n");
    let said = "accounts/alice/connections/ cannot be listed: ";
    assert!(told.contains(said), "nobody was told:\n{told}");
    // If nobody's can be listed, the store itself is failing.
    let fault = ObjectFault::Unlisted(StoreError::denied("Permission denied (os error 13)"));
    f.memory().set_fault_of("accounts/", Some(fault));
    let all = f.signed("irc-1", "GET", "/connector/assignments", "");
    assert_eq!(all.status, 503);
    f.memory().set_fault_of("accounts/", None);
    let session = f.sign_in("alice");
    get(&f, "/connector/assignments");
    let fault = ObjectFault::Unlisted(StoreError::Unavailable("Input/output error".to_owned()));
    f.memory().set_fault_of("", Some(fault));
    let hers = f.api("GET", "/api/connections", &session, Value::Null);
    assert_eq!(hers.status, 503);
    assert_eq!(f.kernel.damaged_records(), 0);
}

#[test]
fn a_store_that_is_down_is_nobodys_own_trouble() {
    let f = functions();
    for of in ["alice", "bob", "carol"] {
        f.sign_up(of);
    }
    let all: Vec<Value> = ["alice", "bob", "carol"].map(|of| message(of, 1)).into();
    f.set_down(true);
    assert_eq!(send(&f, &all).status, 503);
    assert_eq!(
        f.signed("irc-1", "GET", "/connector/assignments", "")
            .status,
        503
    );
    f.set_down(false);
    // It delivers records, but no tree accepts writes: its disk may be read-only.
    for of in ["alice", "bob", "carol"] {
        let fault = ObjectFault::Fails(StoreError::refused("Read-only file system"));
        let tree = format!("accounts/{of}/index/");
        f.memory().set_fault_of(&tree, Some(fault));
    }
    let asked = |events: &[Value]| {
        f.memory().take_requests();
        assert_eq!(send(&f, events).status, 500);
        f.memory().take_requests().total()
    };
    asked(&all);
    let (some, most) = (asked(&all[..2]), asked(&all));
    assert_eq!(most, some, "not everybody is tried");
    // Of one alone nobody can tell whose trouble it is.
    asked(&all[..1]);
    assert_eq!(f.kernel.damaged_records(), 0);
    // Once it accepts most accounts' writes, the failures are the others' own.
    for of in ["bob", "carol"] {
        let tree = format!("accounts/{of}/index/");
        f.memory().set_fault_of(&tree, None);
    }
    let receipt = send(&f, &all);
    assert_eq!(receipt.status, 200, "{receipt:?}");
    assert_eq!(receipt.json()["stored"], 2);
    let waiting = &receipt.json()["waiting"][0];
    assert_eq!(waiting["account"], "alice");
    let reason = waiting["reason"].as_str().unwrap();
    assert!(reason.contains("Read-only file system"), "{reason}");
    assert_eq!(f.kernel.damaged_records(), 1);
    // A full disk affects everyone.
    let full = ObjectFault::Fails(StoreError::Full("the disk is full".to_owned()));
    f.memory().set_fault_of("accounts/alice/index/", Some(full));
    assert_eq!(send(&f, &all).status, 507);
    f.memory().set_fault_of("accounts/alice/index/", None);
    assert_eq!(send(&f, &all).json(), json!({"stored": 3}));
    assert_eq!(f.kernel.damaged_records(), 0);
}

#[test]
fn what_changes_a_connection_is_not_lost_with_the_record_of_its_account() {
    let f = functions();
    let session = f.sign_up("alice");
    let key = keys::account(&name("alice"));
    let joined = json!({
        "id": "1", "account": "alice", "connection": "private", "event": "joined", "channel": "#new"
    });
    let events = [joined, message("alice", 2)];
    let fault = ObjectFault::Unreadable(StoreError::Unavailable("Input/output error".to_owned()));
    f.memory().set_fault_of(&key, Some(fault));
    let receipt = send(&f, &events);
    assert_eq!(receipt.status, 200, "{receipt:?}");
    assert_eq!(receipt.json()["stored"], 1);
    assert_eq!(receipt.json()["waiting"][0]["account"], "alice");
    f.memory().set_fault_of(&key, None);
    let connection = f.api("GET", "/api/connections/private", &session, Value::Null);
    let channels = connection.json()["channels"].clone();
    assert!(channels.as_array().unwrap().contains(&json!("#new")));
    // If it cannot be stored, the connector has to send it again.
    let key = keys::connection(&name("alice"), "private");
    f.memory().set_fault_of(&key, Some(ObjectFault::BreaksOff));
    assert_eq!(send(&f, &events).status, 503);
    // Until then what others said is stored all the same.
    f.sign_up("bob");
    let [joined, _] = events;
    assert_eq!(send(&f, &[joined, message("bob", 3)]).status, 503);
    let of_bob = |key: &String| key.starts_with("accounts/bob/data/chat-messages/");
    assert!(f.memory().keys().iter().any(of_bob));
}

#[test]
fn events_of_an_account_whose_record_is_lost_wait_and_of_one_that_was_removed_do_not() {
    let f = functions();
    for of in ["alice", "bob", "carol"] {
        f.sign_up(of);
    }
    let key = keys::account(&name("bob"));
    let record = read(&f, &key);
    block_on(f.memory().delete(&key)).unwrap();
    block_on(f.lifecycle.remove_account(&name("carol"), false)).unwrap();
    let all = ["alice", "bob", "carol", "nobody"];
    let all: Vec<Value> = all.iter().zip(1..).map(|(of, n)| message(of, n)).collect();
    let receipt = send(&f, &all);
    assert_eq!(receipt.status, 200, "{receipt:?}");
    let receipt = receipt.json();
    assert_eq!(receipt["stored"], 1);
    let waiting = receipt["waiting"].as_array().unwrap();
    assert_eq!(waiting.len(), 1, "{receipt}");
    assert_eq!(waiting[0]["account"], "bob");
    assert_eq!(receipt["removed"], json!(["carol"]));
    assert_eq!(receipt["refused"].as_array().unwrap().len(), 2);
    let told = f.host().damaged.lock().unwrap().join("\n");
    assert!(
        told.contains("accounts/bob/account.json is missing"),
        "{told}"
    );
    // The operator has restored it.
    write(&f, &key, record);
    assert_eq!(send(&f, &all[1..2]).json(), json!({"stored": 1}));
    assert_eq!(f.kernel.damaged_records(), 0);
}

#[test]
fn a_tree_that_is_damaged_or_not_given_stops_only_its_account() {
    let first = functions();
    for of in ["alice", "bob"] {
        first.sign_up(of);
    }
    // Small heads, so that there are pages.
    let mut options = Options::default();
    options.head_bytes = 0;
    options.page_bytes = 200;
    let reopened = || -> TestFunctions {
        let storage = first.kernel.storage();
        let (store, host) = (storage.shared_store(), storage.shared_host());
        let storage = Storage::with_options(store, host, options);
        Functions::new(storage, first.config().clone())
    };
    let f = reopened();
    for n in 0..12 {
        f.host().advance(24 * 60 * 60 * 1000);
        let events = ["alice", "bob"].map(|of| said_now(&f, of, n));
        assert_eq!(send(&f, &events).status, 200);
    }
    let session = f.sign_in("bob");
    let of_tree = |key: &String| {
        let below = key.strip_prefix("accounts/alice/");
        let below = below.and_then(|below| below.split('/').next());
        matches!(below, Some("index" | "pages" | "superseded"))
    };
    let objects = f.memory().keys().into_iter().filter(of_tree);
    // The newest pages, which the head still refers to.
    let (pages, mut objects): (Vec<_>, Vec<_>) =
        objects.partition(|key: &String| key.contains("/pages/"));
    objects.extend(pages.into_iter().rev().take(PAGES));
    for part in ["/index/", "/pages/"] {
        assert!(objects.iter().any(|key| key.contains(part)), "{objects:?}");
    }
    // Returns how often something of alice's had to wait.
    let round = |key: &str, n: usize| -> usize {
        let mut waits = 0;
        // With a process that has nothing cached, and with one that has.
        for f in [&reopened(), &f] {
            let receipt = send(f, &["alice", "bob"].map(|of| said_now(f, of, n)));
            assert_eq!(receipt.status, 200, "{key}: {receipt:?}");
            let receipt = receipt.json();
            for waiting in receipt["waiting"].as_array().into_iter().flatten() {
                assert_eq!(waiting["account"], "alice", "{key}");
                waits += 1;
            }
            get(f, "/connector/assignments");
        }
        let kept = f.api("GET", "/api/store/kept", &session, Value::Null);
        assert_eq!(kept.status, 200, "{key}: {kept:?}");
        waits
    };
    let (mut n, mut waits) = (100, 0);
    let larger = vec![b' '; (1 << 20) + 1];
    for key in &objects {
        if !f.memory().keys().contains(key) {
            continue;
        }
        let whole = read(&f, key);
        for damage in [&b"{\"format\":1"[..], b"", b"\xff\x00nonsense", &larger[..]] {
            write(&f, key, Bytes::copy_from_slice(damage));
            n += 1;
            waits += round(key, n);
        }
        write(&f, key, whole);
        for fault in faults() {
            f.memory().set_fault_of(key, Some(fault));
            n += 1;
            waits += round(key, n);
            f.memory().set_fault_of(key, None);
        }
    }
    assert!(waits > 0, "nothing of alice's was ever missing");
    let told = f.host().damaged.lock().unwrap().join("\n");
    assert!(told.contains("accounts/alice/index/"), "{told}");
    // Hers works again as well.
    assert_eq!(round("none", n + 1), 0);
    assert_eq!(f.kernel.damaged_records(), 0);
}

/// A current message that nobody has missed.
fn said_now(f: &TestFunctions, of: &str, n: usize) -> Value {
    let mut said = message(of, n);
    said["missed"] = json!(false);
    said["message"]["timestamp"] = json!(f.kernel.now().millis());
    said
}
