//! The connectors' view, and the effects in the storage.

mod archives;
mod authenticate;
mod away;
mod costs;
mod described;
mod faults;
mod kinds;
mod large;
mod platforms;
mod relations;
mod sessions;
mod signed;

use protocol::{ArchiveMeta, DailyArchive, Event, EventBody, Timestamp, sign_request};
use serde_json::{Value, json};
use storage_adapter::Host;

use crate::testing::{KEY, PASSWORD, Reply, TestFunctions, functions};

const JSON: &str = "application/json; charset=UTF-8";

fn signed(functions: &TestFunctions, method: &str, target: &str, body: &Value) -> Reply {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    functions.signed(of(target), method, target, body)
}

/// The connector that may use an address.
fn of(target: &str) -> &'static str {
    match target {
        "/connector/authenticate" => "ircd-1",
        _ => "irc-1",
    }
}

fn message(account: &str, id: &str, channel: &str, time: &str, text: &str) -> Value {
    let timestamp = time.parse::<Timestamp>().unwrap().millis();
    let event = json!({
        "id": id, "account": account, "connection": "private", "event": "message", "server": "irc.Example",
        "target": {"type": "channel", "name": channel},
        "message": {"id": id, "timestamp": timestamp, "from": "bob", "text": text, "type": "text"}
    });
    let parsed: Event = serde_json::from_value(event.clone()).unwrap();
    assert!(matches!(parsed.body, EventBody::Message { .. }));
    event
}

fn send(functions: &TestFunctions, events: &[Value]) -> Value {
    let reply = signed(
        functions,
        "POST",
        "/connector/events",
        &json!({"events": events}),
    );
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// An account with a token for its whole storage.
struct Setup {
    functions: TestFunctions,
    token: String,
    session: String,
}

fn setup() -> Setup {
    let functions = functions();
    let session = functions.sign_up("alice");
    let token = format!("Bearer {}", functions.grant("alice", "*:rw"));
    Setup {
        functions,
        token,
        session,
    }
}

impl Setup {
    fn storage(&self, method: &str, path: &str, body: &str) -> Reply {
        let headers = [
            ("authorization", self.token.as_str()),
            ("content-type", JSON),
        ];
        let target = format!("/storage/alice/{path}");
        self.functions
            .request(method, &target, &headers, body.to_owned())
    }

    fn day(&self, path: &str) -> DailyArchive {
        let path = format!("chat-messages/irc.example/channels/{path}");
        let reply = self.storage("GET", &path, "");
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (200, JSON),
            "{path}"
        );
        serde_json::from_slice(&reply.body).unwrap()
    }

    fn texts(&self, path: &str) -> Vec<String> {
        let messages = self.day(path).today.messages;
        messages.into_iter().map(|message| message.text).collect()
    }

    fn meta(&self, channel: &str) -> ArchiveMeta {
        let path = format!("chat-messages/irc.example/channels/{channel}/meta");
        serde_json::from_slice(&self.storage("GET", &path, "").body).unwrap()
    }
}

#[test]
fn events_of_nobody_are_refused_and_the_rest_is_stored() {
    let s = setup();
    let receipt = send(
        &s.functions,
        &[
            message("bob", "1", "#a", "2026-01-10T10:00:00Z", "one"),
            message("alice", "2", "#a", "2026-01-10T10:00:00Z", "two"),
            message("alice", "3", "", "2026-01-10T10:00:00Z", "three"),
        ],
    );
    assert_eq!(receipt["stored"], 1);
    assert_eq!(receipt["refused"].as_array().unwrap().len(), 2);
    assert_eq!(
        receipt["refused"][1]["reason"],
        "there is no account \"bob\", or it was removed"
    );
    assert_eq!(s.texts("a/2026/01/10"), ["two"]);
    // An unreachable store is a different case: the connector keeps the events.
    let events = json!({"events": [message("alice", "4", "#a", "2026-01-10T10:00:00Z", "four")]});
    s.functions.set_down(true);
    assert_eq!(
        signed(&s.functions, "POST", "/connector/events", &events).status,
        503
    );
    s.functions.set_down(false);
    assert_eq!(
        signed(&s.functions, "POST", "/connector/events", &events).status,
        200
    );
    assert_eq!(s.texts("a/2026/01/10"), ["two", "four"]);
}

#[test]
fn connections_remember_channels_and_nick() {
    let s = setup();
    let event = |id: &str, rest: Value| {
        let mut event = json!({"id": id, "account": "alice", "connection": "private"});
        event
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        event
    };
    let receipt = send(
        &s.functions,
        &[
            event("1", json!({"event": "joined", "channel": "#new key"})),
            event("2", json!({"event": "left", "channel": "#LOBBY"})),
            event("3", json!({"event": "nick", "nick": "alice_"})),
            event("4", json!({"event": "nick", "nick": "a b"})),
        ],
    );
    assert_eq!(
        (&receipt["stored"], &receipt["refused"][0]["id"]),
        (&3.into(), &"4".into())
    );
    let connection = s
        .functions
        .api("GET", "/api/connections/private", &s.session, Value::Null)
        .json();
    assert_eq!(
        (&connection["channels"], &connection["nick"]),
        (&json!(["#new key"]), &"alice_".into())
    );
    assert!(!s.functions.dump().contains("#new key"));
    let assigned = signed(
        &s.functions,
        "GET",
        "/connector/assignments?account=alice",
        &Value::Null,
    )
    .json();
    assert_eq!(
        assigned["assignments"][0]["connection"]["channels"],
        json!(["#new key"])
    );
    // A connection that was removed in the meantime.
    let gone = json!({"event": "left", "channel": "#new", "connection": "0123456789abcdef"});
    assert_eq!(
        send(&s.functions, &[event("5", gone)]),
        json!({"stored": 1})
    );
}

#[test]
fn assignments_carry_secrets_in_clear_to_their_connector_only() {
    let s = setup();
    let wanted = json!({"platform": "irc", "host": "irc.example", "password": "hunter2"});
    s.functions
        .api("POST", "/api/connections", &s.session, wanted);
    let all = signed(&s.functions, "GET", "/connector/assignments", &Value::Null).json();
    let list = all["assignments"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    let of = |server: &str| {
        let found = list.iter().find(|a| a["connection"]["server"] == server);
        found.unwrap()["connection"]["password"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(of("irc.example"), "hunter2");
    let one = signed(
        &s.functions,
        "GET",
        "/connector/assignments?account=alice",
        &Value::Null,
    )
    .json();
    assert_eq!(one["assignments"].as_array().unwrap().len(), 2);
    let none = signed(
        &s.functions,
        "GET",
        "/connector/assignments?account=bob",
        &Value::Null,
    )
    .json();
    assert_eq!(none["assignments"], json!([]));
    let body = json!({"name": "alice", "password": of("chat.example.org")});
    let proved = signed(&s.functions, "POST", "/connector/authenticate", &body).json();
    assert_eq!(proved["account"], "alice");
}

#[test]
fn credentials_of_a_client_are_remembered() {
    let s = setup();
    let connection = json!({
        "version": 1, "id": "x", "platform": "irc", "name": "irc.example", "server": "irc.example", "host": "irc.example",
        "port": 6697, "secure": true, "nick": "al", "sasl": true, "password": "one", "channels": ["#a k-one"], "enabled": true,
        "connector": "", "created": "2026-01-15T10:00:00.000Z"
    });
    let post = |connection: &Value| {
        let body = json!({"account": "alice", "connection": connection});
        signed(&s.functions, "POST", "/connector/assignments", &body)
    };
    let first = post(&connection).json();
    assert_eq!(
        (
            &first["connection"]["password"],
            &first["connection"]["connector"]
        ),
        (&"one".into(), &"irc-1".into())
    );
    let mut changed = connection.clone();
    changed["password"] = "two".into();
    let second = post(&changed).json();
    assert_eq!(second["connection"]["id"], first["connection"]["id"]);
    assert_eq!(second["connection"]["password"], "two");
    assert_eq!(second["connection"]["channels"], json!(["#a k-one"]));
    let dump = s.functions.dump();
    assert!(!dump.contains("\"two\"") && !dump.contains("k-one"));
    for (field, value) in [
        ("host", json!("a b")),
        ("nick", json!("")),
        ("server", json!("x\0")),
        ("platform", json!("xmpp")),
    ] {
        let mut bad = connection.clone();
        bad[field] = value;
        assert_eq!(post(&bad).status, 422, "{field}");
    }
}

#[test]
fn only_signed_requests_count() {
    let s = setup();
    let plain = s
        .functions
        .request("GET", "/connector/assignments", &[], "");
    assert_eq!(plain.status, 401);
    let now = s.functions.host().now();
    let good = sign_request(KEY, "GET", "/connector/assignments", now, b"");
    let send = |connector: &str, time: Timestamp, signature: &str| {
        let millis = time.millis().to_string();
        let headers = [
            ("x-subspace-connector", connector),
            ("x-subspace-time", millis.as_str()),
            ("x-subspace-signature", signature),
        ];
        s.functions
            .request("GET", "/connector/assignments", &headers, "")
    };
    assert_eq!(send("irc-1", now, &good).status, 200);
    assert_eq!(send("irc-2", now, &good).status, 401);
    assert_eq!(send("irc-1", now.plus_millis(1), &good).status, 401);
    assert_eq!(send("irc-1", now, "zz").status, 401);
    s.functions.host().advance(300_001);
    let stale = send("irc-1", now, &good);
    assert_eq!(stale.status, 401);
    assert!(stale.detail().contains("clock"), "{}", stale.detail());
    assert_eq!(
        signed(
            &s.functions,
            "POST",
            "/connector/events",
            &json!({"events": 1})
        )
        .status,
        422
    );
    assert_eq!(
        signed(&s.functions, "PUT", "/connector/events", &json!({})).status,
        405
    );
}
