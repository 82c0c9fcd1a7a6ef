//! Connectors' descriptions of their platforms: which one counts, how much is stored, and that an unreadable record
//! locks nobody out.

use bytes::Bytes;
use serde_json::{Value, json};
use storage_adapter::{GetOptions, ObjectStore as _, PutMode};

use crate::kernel::keys;
use crate::testing::{KEY, Reply, TestFunctions, block_on, functions, functions_with};

/// Bytes of a text that makes a descriptor nearly as long as allowed.
const LONG: usize = 15 * 1024;

fn descriptor(id: &str, label: &str) -> Value {
    json!({
        "id": id, "label": label, "names": {"compare": "exact"}, "conversations": {},
        "fields": [{"name": "nick", "kind": "own-name", "label": "Name"}],
    })
}

/// A gateway created by an admin, with its key.
fn gateway(f: &TestFunctions, admin: &str) -> Value {
    let made = f.api("POST", "/api/connectors", admin, json!({"kind": "irc"}));
    assert_eq!(made.status, 201, "{made:?}");
    made.json()
}

fn register(f: &TestFunctions, made: &Value, descriptors: &[Value]) -> Reply {
    let key = protocol::connector_key(made["key"].as_str().unwrap()).unwrap();
    told(f, (made["id"].as_str().unwrap(), &key), descriptors)
}

fn told(f: &TestFunctions, (id, key): (&str, &[u8]), descriptors: &[Value]) -> Reply {
    let platforms: Vec<&Value> = descriptors.iter().map(|one| &one["id"]).collect();
    let body = json!({"platforms": platforms, "descriptors": descriptors}).to_string();
    f.signed_with(id, key, ("POST", "/connector/register"), body)
}

fn delete(f: &TestFunctions, admin: &str, made: &Value) -> Reply {
    let path = format!("/api/connectors/{}", made["id"].as_str().unwrap());
    f.api("DELETE", &path, admin, Value::Null)
}

/// The labels of the offered platforms.
fn labels(f: &TestFunctions, session: &str) -> Vec<String> {
    let shown = f
        .api("GET", "/api/connections", session, Value::Null)
        .json();
    let platforms = shown["platforms"].as_array().unwrap().iter();
    platforms
        .map(|one| one["label"].as_str().unwrap().to_owned())
        .collect()
}

fn write(f: &TestFunctions, key: &str, bytes: impl Into<Bytes>) {
    let body = Box::pin(futures_util::stream::iter([Ok(bytes.into())]));
    block_on(f.memory().put(key, body, PutMode::Overwrite)).unwrap();
}

fn record(f: &TestFunctions) -> Bytes {
    read(f, keys::CONNECTORS)
}

fn read(f: &TestFunctions, key: &str) -> Bytes {
    let object = block_on(f.memory().get(key, GetOptions::default())).unwrap();
    block_on(crate::kernel::body::collect(object.body, u64::MAX))
        .unwrap()
        .unwrap()
}

#[test]
fn the_record_of_connectors_stays_well_below_what_is_read() {
    let f = functions();
    let admin = f.sign_up("alice");
    let first = gateway(&f, &admin);
    let long = |id: &&str| {
        let mut one = descriptor(id, "X");
        one["more"] = "x".repeat(LONG).into();
        one
    };
    let mut longest = descriptor("a", "X");
    longest["more"] = "x".repeat(LONG + 1024).into();
    let refused = register(&f, &first, &[longest]);
    assert_eq!(refused.status, 422);
    assert!(refused.detail().contains("16384"), "{}", refused.detail());
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let many: Vec<Value> = ids.iter().map(|id| descriptor(id, "X")).collect();
    assert_eq!(register(&f, &first, &many).status, 422);

    let four: Vec<Value> = ids.iter().take(4).map(long).collect();
    let made: Vec<Value> = (0..6).map(|_| gateway(&f, &admin)).collect();
    let answers: Vec<Reply> = made.iter().map(|one| register(&f, one, &four)).collect();
    let statuses: Vec<u16> = answers.iter().map(|one| one.status.as_u16()).collect();
    assert_eq!(statuses, [204, 204, 204, 204, 409, 409]);
    assert!(answers[4].detail().contains("262144"));
    assert!(record(&f).len() < 512 * 1024);
    assert_eq!(delete(&f, &admin, &made[0]).status, 204);
    assert_eq!(register(&f, &made[4], &four).status, 204);
    // A registration replaces the previous one and is not added to it.
    for id in ids {
        let one = long(&id);
        assert_eq!(register(&f, &made[4], &[one]).status, 204);
    }
}

#[test]
fn other_members_of_the_record_are_bounded_too() {
    let f = functions();
    let admin = f.sign_up("alice");
    let channels: Vec<String> = (0..200).map(|n| format!("#{n:0>90}")).collect();
    let network = json!({"network": {
        "name": "x", "server": "irc.example", "host": "irc.example", "port": 6667, "secure": true, "channels": channels,
    }});
    let mut last = None;
    for _ in 0..40 {
        let made = f.api("POST", "/api/connectors", &admin, json!({"kind": "ircd"}));
        let made = made.json();
        let key = protocol::connector_key(made["key"].as_str().unwrap()).unwrap();
        let id = made["id"].as_str().unwrap();
        let to = ("POST", "/connector/register");
        let reply = f.signed_with(id, &key, to, network.to_string());
        if reply.status != 204 {
            last = Some((reply, made));
            break;
        }
    }
    let (refused, made) = last.unwrap();
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(record(&f).len() < 600 * 1024);
    assert_eq!(delete(&f, &admin, &made).status, 204);
}

#[test]
fn the_connector_that_keeps_connections_of_a_platform_describes_it() {
    let f = functions();
    let admin = f.sign_up("alice");
    let made = gateway(&f, &admin);
    assert_eq!(
        register(&f, &made, &[descriptor("irc", "Theirs")]).status,
        204
    );
    assert_eq!(labels(&f, &admin), ["IRC"]);
    let own = ("irc-1", KEY);
    assert_eq!(told(&f, own, &[descriptor("irc", "Ours")]).status, 204);
    assert_eq!(labels(&f, &admin), ["Ours"]);
    assert_eq!(
        register(&f, &made, &[descriptor("irc", "Again")]).status,
        204
    );
    assert_eq!(labels(&f, &admin), ["Ours"]);
    assert_eq!(delete(&f, &admin, &made).status, 204);
    assert!(!f.dump().contains("Again"));

    // Of those that admins created, it is the first.
    let f = functions_with(|config| config.connectors.clear());
    let admin = f.sign_up("alice");
    let (one, two) = (gateway(&f, &admin), gateway(&f, &admin));
    let both = |label: &str| [descriptor("irc", label), descriptor("x", "X")];
    assert_eq!(register(&f, &one, &both("One")).status, 204);
    let second = [descriptor("irc", "Two")];
    assert_eq!(register(&f, &two, &second).status, 204);
    assert_eq!(labels(&f, &admin), ["One", "X"]);
    // A platform that it no longer serves is no longer described.
    assert_eq!(register(&f, &one, &[descriptor("irc", "1")]).status, 204);
    assert_eq!(labels(&f, &admin), ["1"]);
    assert!(!f.dump().contains("\"label\":\"X\""));
    assert_eq!(delete(&f, &admin, &one).status, 204);
    assert_eq!(labels(&f, &admin), ["Two"]);
    assert_eq!(delete(&f, &admin, &two).status, 204);
    assert!(!f.dump().contains("\"descriptor\""));
}

#[test]
fn a_descriptor_that_would_do_harm_is_refused_by_the_name_of_its_field() {
    let f = functions();
    let own = ("irc-1", KEY);
    let mut bad = descriptor("irc", "IRC");
    bad["fields"][0] = json!({"name": "enabled", "kind": "text", "label": "X"});
    let refused = told(&f, own, &[bad]);
    assert_eq!(refused.status, 422);
    assert!(
        refused.detail().contains("\"enabled\""),
        "{}",
        refused.detail()
    );
    let twice = [descriptor("irc", "1"), descriptor("irc", "2")];
    assert_eq!(told(&f, own, &twice).status, 422);
}

#[test]
fn a_record_that_cannot_be_read_keeps_out_neither_configured_connectors_nor_the_admin() {
    let f = functions();
    let admin = f.sign_up("alice");
    let (one, two) = (gateway(&f, &admin), gateway(&f, &admin));
    let whole = String::from_utf8(record(&f).to_vec()).unwrap();
    let too_large = format!("{whole}{}", " ".repeat(5 * 1024 * 1024));
    // It was within the limit before there were smaller ones.
    let large = format!("{whole}{}", " ".repeat(2 * 1024 * 1024));
    let damaged = whole.replacen("\"connectors\":[", "\"connectors\":[{\"id\":1},", 1);
    let unfinished = "{\"version\":".to_owned();
    let unreadable = [&damaged, &too_large, &unfinished].map(String::clone);
    for (bad, other_stays) in [
        (large, true),
        (damaged, true),
        (too_large, false),
        (unfinished, false),
    ] {
        write(&f, keys::CONNECTORS, bad.clone());
        f.host().advance(1);
        let own = told(&f, ("irc-1", KEY), &[descriptor("irc", "Ours")]);
        assert_eq!(own.status, 204, "{own:?}");
        let outbox = f.signed("irc-1", "GET", "/connector/outbox", "");
        assert_eq!(outbox.status, 200, "{outbox:?}");
        for path in ["/api/connections", "/api/connectors"] {
            assert_eq!(f.api("GET", path, &admin, Value::Null).status, 200);
        }
        let deleted = delete(&f, &admin, &one);
        assert_eq!(deleted.status, 204, "{deleted:?}");
        let status = if other_stays { 204 } else { 404 };
        assert_eq!(delete(&f, &admin, &two).status, status);
    }
    // None of the unreadable part is lost, and the operator is told where it is.
    let mut aside = f.memory().keys();
    aside.retain(|key| key.starts_with(keys::SET_ASIDE));
    assert_eq!(aside.len(), 3, "{aside:?}");
    for (key, bad) in aside.iter().zip(&unreadable) {
        assert_eq!(read(&f, key), bad.as_bytes());
        let told = f.host().damaged.lock().unwrap();
        assert!(told.iter().any(|one| one.contains(key)), "{key} {told:?}");
    }
    let done = block_on(f.lifecycle.maintain());
    assert!(done.failed["set-aside"].contains('3'), "{done:?}");
}

#[test]
fn a_connection_whose_record_is_damaged_can_be_deleted() {
    let f = functions();
    let admin = f.sign_up("alice");
    let wanted = json!({"platform": "irc", "host": "irc.example.net"});
    let made = f.api("POST", "/api/connections", &admin, wanted).json();
    let id = made["id"].as_str().unwrap();
    let path = format!("/api/connections/{id}");
    let key = keys::connection(&"alice".parse().unwrap(), id);
    write(&f, &key, "{\"version\":1,\"version\":1}");
    let deleted = f.api("DELETE", &path, &admin, Value::Null);
    assert_eq!(deleted.status, 204, "{deleted:?}");
    assert!(!f.memory().keys().contains(&key));
    assert_eq!(f.api("DELETE", &path, &admin, Value::Null).status, 404);
}
