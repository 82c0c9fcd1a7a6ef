//! Platforms other than IRC: channels without a prefix, and unsupported features.

use protocol::connector_key;

use super::*;

/// Channels whose names have no prefix.
const ROOMS: &str = include_str!("../../../../../connectors/dummy/src/rooms.json");
/// No channels at all.
const DUMMY: &str = include_str!("../../../../../connectors/dummy/src/dummy.json");

struct Other {
    s: Setup,
    id: String,
    key: Vec<u8>,
}

/// A gateway created by an admin that serves both platforms.
fn other() -> Other {
    let s = setup();
    let made = json!({"kind": "gateway", "id": "other"});
    let made = s.functions.api("POST", "/api/connectors", &s.session, made);
    assert_eq!(made.status, 201, "{made:?}");
    let other = Other {
        id: "other".to_owned(),
        key: connector_key(made.json()["key"].as_str().unwrap()).unwrap(),
        s,
    };
    let described = [ROOMS, DUMMY].map(|one| serde_json::from_str::<Value>(one).unwrap());
    let told = json!({"platforms": ["rooms", "dummy"], "descriptors": described});
    let told = other.signed("/connector/register", &told);
    assert_eq!(told.status, 204, "{told:?}");
    other
}

impl Other {
    fn api(&self, target: &str, body: Value) -> Reply {
        self.s.functions.api("POST", target, &self.s.session, body)
    }

    fn signed(&self, target: &str, body: &Value) -> Reply {
        self.s
            .functions
            .signed_with(&self.id, &self.key, ("POST", target), body.to_string())
    }

    fn connection(&self, platform: &str) -> Value {
        let wanted = json!({"platform": platform, "name": platform, "nick": "al"});
        let made = self.api("/api/connections", wanted);
        assert_eq!(made.status, 201, "{made:?}");
        made.json()
    }
}

#[test]
fn a_channel_without_a_sign_has_its_archive_and_no_address_of_irc() {
    let other = other();
    let connection = other.connection("rooms");
    let event = |id: &str, more: Value| {
        let mut event = json!({"id": id, "account": "alice", "connection": connection["id"]});
        let all = event.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        event
    };
    let message = |name: &str, id: &str| {
        event(
            id,
            json!({
                "event": "message", "server": "rooms.example", "target": {"type": "channel", "name": name},
                "message": {"id": id, "timestamp": 1_768_000_000_000_i64, "from": "bob", "text": id, "type": "text"},
            }),
        )
    };
    let joined = event("j", json!({"event": "joined", "channel": "lobby"}));
    let events = json!({"events": [joined, message("lobby", "m1"), message("Lobby", "m2")]});
    let stored = other.signed("/connector/events", &events);
    assert_eq!(stored.json(), json!({"stored": 3}), "{stored:?}");
    let day = |name: &str| {
        let path = format!("chat-messages/rooms.example/channels/{name}/2026/01/09");
        other.s.storage("GET", &path, "").json()
    };
    for (name, id) in [("lobby", "m1"), ("Lobby", "m2")] {
        let day = day(name);
        assert_eq!((&day["name"], day.get("ircURI")), (&json!(name), None));
        assert_eq!(day["today"]["messages"][0]["id"], id);
    }
    let shown = format!("/api/connections/{}", connection["id"].as_str().unwrap());
    let api = |method: &str| {
        let session = &other.s.session;
        other.s.functions.api(method, &shown, session, Value::Null)
    };
    assert_eq!(api("GET").json()["channels"], json!(["lobby"]));
    let left = event("l", json!({"event": "left", "channel": "lobby"}));
    let left = other.signed("/connector/events", &json!({"events": [left]}));
    assert_eq!(left.json(), json!({"stored": 1}));
    assert_eq!(api("GET").json()["channels"], json!([]));

    let hook = json!({"source": "json", "connection": connection["id"], "channel": "lobby"});
    let hook = other.api("/api/hooks", hook);
    assert_eq!(hook.status, 201, "{hook:?}");
}

#[test]
fn archives_of_irc_have_its_addresses() {
    let s = setup();
    let one = message("alice", "1", "#a", "2026-01-10T23:59:59Z", "one");
    send(&s.functions, &[one]);
    let uri = s.day("a/2026/01/10").irc_uri;
    assert_eq!(uri.as_deref(), Some("irc://irc.example/a"));
}

#[test]
fn what_a_platform_cannot_do_is_refused_in_one_sentence() {
    let other = other();
    let dummy = other.connection("dummy")["id"].clone();
    let rooms = other.connection("rooms")["id"].clone();
    let call = |connection: &Value| {
        other.api(
            "/api/calls",
            json!({"target": "x", "connection": connection}),
        )
    };
    let hook = json!({"source": "json", "connection": dummy, "channel": "lobby"});
    for (reply, sentence) in [
        (other.api("/api/hooks", hook), "Echo has no channels"),
        (call(&dummy), "Echo has no calls"),
        (call(&rooms), "Echo in rooms has no calls"),
    ] {
        assert_eq!(
            (reply.status.as_u16(), reply.detail()),
            (422, sentence.into())
        );
    }
    assert_eq!(call(&json!("private")).status, 201);
    assert_eq!(other.api("/api/calls", json!({"target": "x"})).status, 201);
    let nobodys = call(&json!("0000000000000000"));
    assert_eq!(nobodys.status, 422);
    // A platform that nobody describes any more supports nothing.
    let deleted = other.s.functions.api(
        "DELETE",
        "/api/connectors/other",
        &other.s.session,
        Value::Null,
    );
    assert_eq!(deleted.status, 204);
    let refused = call(&rooms);
    assert_eq!(
        refused.detail(),
        "the platform of this connection has no calls"
    );
}
