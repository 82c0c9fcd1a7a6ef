//! Connections and tickets.

use protocol::{Connection, Ticket, Timestamp};
use serde_json::{Value, json};
use storage_adapter::{Host, PutMode};

use super::NOTHING;
use crate::testing::{KEY, block_on, functions};

#[test]
fn a_new_account_is_connected_to_the_private_network() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let listed = functions
        .api("GET", "/api/connections", &session, NOTHING)
        .json();
    let connection = &listed["connections"][0];
    assert_eq!(
        (&connection["server"], &connection["nick"]),
        (&"chat.example.org".into(), &"alice".into())
    );
    assert_eq!(connection["channels"], json!(["#lobby"]));
    assert_eq!(
        (&connection["has_password"], connection.get("password")),
        (&true.into(), None)
    );
}

#[test]
fn the_private_network_is_managed_by_the_server() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let path = "/api/connections/private";
    let api = |method: &str, body: Value| functions.api(method, path, &session, body);
    let before = api("GET", NOTHING).json();
    assert_eq!(before["managed"], true);
    for change in [
        json!({"host": "evil.example", "password": null}),
        json!({"port": 7000}),
        json!({"secure": true}),
        json!({"nick": "bob"}),
        json!({"name": "Mine"}),
        json!({"username": null}),
        json!({"realname": "Alice"}),
        json!({"sasl": false}),
        json!({"without_account": true}),
        json!({"certificate": "ab"}),
        json!({"password": null}),
        json!({"platform": "irc"}),
    ] {
        let refused = api("PATCH", change.clone());
        assert_eq!(refused.status, 403, "{change}");
        assert!(refused.detail().contains("managed by the server"));
    }
    let refused = api("DELETE", NOTHING);
    assert_eq!(refused.status, 403);
    assert!(refused.detail().contains("managed by the server"));
    assert_eq!(api("GET", NOTHING).json(), before);
    let changed = api("PATCH", json!({"channels": ["#tea"], "enabled": false}));
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        (&changed.json()["channels"], &changed.json()["enabled"]),
        (&json!(["#tea"]), &false.into())
    );
    // Connections belong to their account alone.
    let wanted = json!({"platform": "irc", "host": "irc.libera.chat"});
    let made = functions.api("POST", "/api/connections", &session, wanted);
    assert_eq!(made.json()["managed"], false);
}

#[test]
fn nobody_has_a_connection_of_their_own_to_the_private_network() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let api = |method: &str, path: &str, body: Value| functions.api(method, path, &session, body);
    let add = |host: &str, port: u16| {
        let body = json!({"platform": "irc", "host": host, "port": port, "secure": false, "nick": "GitHub"});
        api("POST", "/api/connections", body)
    };
    let far = add("irc.example", 6667).json();
    let far = format!("/api/connections/{}", far["id"].as_str().unwrap());
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "irc.localhost",
        "127.9.9.9",
        "0.0.0.0",
        "::1",
        "[::1]",
        "::",
        "::ffff:127.0.0.1",
        // As used in ids, and the origin's.
        "chat.example.org",
        "Chat.Example.org.",
    ] {
        for port in [6667, 6697] {
            let refused = add(host, port);
            assert_eq!(refused.status, 409, "{host} {port} {refused:?}");
            assert!(refused.detail().contains("own network"), "{refused:?}");
            let refused = api("PATCH", &far, json!({"host": host, "port": port}));
            assert_eq!(refused.status, 409, "{host} {port} {refused:?}");
        }
        let remembered = json!({"account": "alice", "connection": {
            "version": 1, "id": "x", "platform": "irc", "name": "n", "server": "elsewhere", "host": host,
            "port": 6667, "secure": false, "nick": "GitHub", "password": null, "channels": [], "enabled": true,
            "connector": "", "created": "2026-01-15T10:00:00.000Z"}});
        let refused = functions.signed(
            "irc-1",
            "POST",
            "/connector/assignments",
            remembered.to_string(),
        );
        assert_eq!(refused.status, 409, "{host} {refused:?}");
    }
    // Other servers are different, even on the same machine.
    for (host, port) in [
        ("127.0.0.1", 6668),
        ("irc2.example", 6667),
        ("192.0.2.1", 6697),
    ] {
        assert_eq!(add(host, port).status, 201, "{host} {port}");
    }
}

#[test]
fn a_bouncer_is_one_host_with_a_connection_for_each_user_name() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let api = |method: &str, path: &str, body: Value| functions.api(method, path, &session, body);
    let at = |username: &str| {
        let body = json!({"platform": "irc", "host": "bnc.example", "username": username});
        api("POST", "/api/connections", body)
    };
    let mut servers = Vec::new();
    let mut last = String::new();
    for username in ["al/libera@phone", "al/oftc@phone", "al/ircnet", "al"] {
        let made = at(username);
        assert_eq!(made.status, 201, "{username} {made:?}");
        let made = made.json();
        assert_eq!(made["username"], username);
        servers.push(made["server"].as_str().unwrap().to_owned());
        last = format!("/api/connections/{}", made["id"].as_str().unwrap());
    }
    assert_eq!(
        servers,
        [
            "bnc.example",
            "bnc.example:6697",
            "ircnet.bnc.example",
            "al.bnc.example"
        ]
    );
    let again = at("al/oftc@phone");
    assert_eq!(again.status, 409);
    assert!(again.detail().contains("al/oftc@phone"), "{again:?}");
    // Nor by changing it.
    let clash = api("PATCH", &last, json!({"username": "al/ircnet"}));
    assert_eq!(clash.status, 409, "{clash:?}");
    let renamed = api(
        "PATCH",
        &last,
        json!({"username": "al/efnet", "without_account": true}),
    );
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let renamed = renamed.json();
    assert_eq!(renamed["server"], "al.bnc.example", "ids stay");
    assert_eq!(renamed["without_account"], true);
    assert_eq!(at("a b").status, 422);
    let certificate = |value: Value| api("PATCH", &last, json!({ "certificate": value }));
    let fingerprint = Value::from("ab".repeat(32));
    let accepted = certificate(fingerprint.clone());
    assert_eq!(accepted.json()["certificate"], fingerprint);
    assert_eq!(certificate("ab".repeat(33).into()).status, 422);
    assert!(certificate(Value::Null).json()["certificate"].is_null());
}

#[test]
fn connections_are_made_changed_and_deleted() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let api = |method: &str, path: &str, body: Value| functions.api(method, path, &session, body);
    let wanted = json!({"platform": "irc", "host": "IRC.Libera.Chat", "password": "hunter2", "channels": ["#a", "#b key"]});
    let made = api("POST", "/api/connections", wanted.clone());
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(
        (&made["server"], &made["port"], &made["secure"]),
        (&"irc.libera.chat".into(), &6697.into(), &true.into())
    );
    assert_eq!(
        (&made["nick"], &made["has_password"]),
        (&"alice".into(), &true.into())
    );
    assert_eq!(
        (&made["connector"], &made["enabled"]),
        (&"irc-1".into(), &true.into())
    );
    assert!(!functions.dump().contains("hunter2"));
    assert_eq!(made["channels"], json!(["#a", "#b key"]));
    assert!(!functions.dump().contains("#b key"));
    assert_eq!(
        api("POST", "/api/connections", wanted).json()["server"],
        Value::Null,
        "the same again"
    );
    let other = api(
        "POST",
        "/api/connections",
        json!({"platform": "irc", "host": "irc.libera.chat", "port": 7000}),
    );
    assert_eq!(other.json()["server"], "irc.libera.chat:7000");

    let path = format!("/api/connections/{}", made["id"].as_str().unwrap());
    let elsewhere = api("PATCH", &path, json!({"host": "evil.example"}));
    assert_eq!(elsewhere.status, 422, "{elsewhere:?}");
    assert!(elsewhere.detail().contains("irc.libera.chat"));
    assert_eq!(api("GET", &path, NOTHING).json()["host"], "irc.libera.chat");
    let patched = api(
        "PATCH",
        &path,
        json!({"nick": "alice_", "password": null, "enabled": false, "realname": "Alice"}),
    );
    assert_eq!(patched.status, 200, "{patched:?}");
    let patched = patched.json();
    assert_eq!(
        (&patched["nick"], &patched["has_password"]),
        (&"alice_".into(), &false.into())
    );
    assert_eq!(
        (&patched["enabled"], &patched["channels"]),
        (&false.into(), &json!(["#a", "#b key"]))
    );
    assert_eq!(api("GET", &path, NOTHING).json(), patched);
    assert!(!functions.dump().contains("#b key"));
    for (bad, part) in [
        (json!({"host": "a b"}), "host"),
        (json!({"port": 0}), "port"),
        (json!({"port": 70_000}), "70000"),
        (json!({"nick": "a b"}), "nick"),
        (json!({"nick": "a\r\nQUIT"}), "nick"),
        (json!({"channels": ["lobby"]}), "channel"),
        (json!({"password": "a\nb"}), "password"),
        (json!({"realname": "a\0b"}), "realname"),
        (json!({"platform": "xmpp"}), "xmpp"),
        (json!({"colour": "red"}), "colour"),
        (json!({"address_family": "ipv9"}), "it is ipv4 or ipv6"),
    ] {
        let reply = api("PATCH", &path, bad.clone());
        assert_eq!(reply.status, 422, "{bad}");
        assert!(reply.detail().contains(part), "{bad}: {}", reply.detail());
        let mut whole = bad;
        whole["platform"] = whole
            .get("platform")
            .cloned()
            .unwrap_or_else(|| "irc".into());
        whole["host"] = whole
            .get("host")
            .cloned()
            .unwrap_or_else(|| "irc.example".into());
        let made = api("POST", "/api/connections", whole.clone());
        assert_eq!(made.status, 422, "{whole}");
    }
    assert_eq!(api("GET", &path, NOTHING).json(), patched);
    functions.sign_up("bob");
    let bob = functions.sign_in("bob");
    for method in ["GET", "DELETE"] {
        assert_eq!(functions.api(method, &path, &bob, NOTHING).status, 404);
    }
    assert_eq!(api("DELETE", &path, NOTHING).status, 204);
    assert_eq!(api("PATCH", &path, json!({})).status, 404);
    assert_eq!(
        api("GET", "/api/connections/..%2f..%2faccount", NOTHING).status,
        404
    );
}

#[test]
fn tickets_open_the_connectors_for_five_minutes() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let reply = functions
        .api("POST", "/api/tickets", &session, NOTHING)
        .json();
    let connector = &reply["connectors"][0];
    assert_eq!(
        (&connector["id"], &connector["url"]),
        (&"irc-1".into(), &"https://irc.example.org".into())
    );
    let text = connector["ticket"].as_str().unwrap();
    let now = functions.host().now();
    let ticket = Ticket::verify(text, KEY, "irc-1", now).unwrap();
    assert_eq!(ticket.account.as_str(), "alice");
    assert_eq!(
        reply["expires"]
            .as_str()
            .unwrap()
            .parse::<Timestamp>()
            .unwrap(),
        now.plus_millis(300_000)
    );
    assert!(Ticket::verify(text, KEY, "irc-1", now.plus_millis(300_000)).is_err());
    assert_eq!(
        functions.request("POST", "/api/tickets", &[], "").status,
        401
    );
}

#[test]
fn other_secrets_of_a_platform_are_kept_as_the_password_is() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let api = |method: &str, path: &str, body: Value| functions.api(method, path, &session, body);
    let commands = "/msg NickServ IDENTIFY hunter2\nMODE alice +B";
    let wanted = json!({"platform": "irc", "host": "irc.example", "server_password": "sesame", "commands": commands});
    let made = api("POST", "/api/connections", wanted);
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let path = format!("/api/connections/{}", made["id"].as_str().unwrap());
    let shown = |shown: &Value| [shown["server_password"].clone(), shown["commands"].clone()];
    assert_eq!(shown(&made), [json!(true), json!(true)]);
    assert_eq!(shown(&api("GET", &path, NOTHING).json()), shown(&made));
    let is_dumped = || ["hunter2", "sesame"].map(|secret| functions.dump().contains(secret));
    assert_eq!(is_dumped(), [false; 2]);
    // The connector gets them as texts, also after other changes.
    let assigned = || {
        let all = functions
            .signed("irc-1", "GET", "/connector/assignments", "")
            .json();
        let all = all["assignments"].as_array().unwrap().clone();
        let mine = all
            .into_iter()
            .find(|one| one["connection"]["id"] == made["id"]);
        mine.map(|mine| shown(&mine["connection"]))
    };
    assert_eq!(assigned().unwrap(), [json!("sesame"), json!(commands)]);
    let renamed = api("PATCH", &path, json!({"nick": "al"}));
    assert_eq!(shown(&renamed.json()), shown(&made));
    assert_eq!(assigned().unwrap(), [json!("sesame"), json!(commands)]);
    assert_eq!(is_dumped(), [false; 2]);
    // Nobody else gets them.
    let elsewhere = api(
        "PATCH",
        &path,
        json!({"host": "evil.example", "commands": null}),
    );
    assert_eq!(elsewhere.status, 422);
    assert!(
        elsewhere
            .detail()
            .starts_with("server_password is for irc.example")
    );
    let changes = json!({"host": "other.example", "commands": null, "server_password": "other"});
    let changed = api("PATCH", &path, changes).json();
    assert_eq!(shown(&changed), [json!(true), Value::Null]);
    assert_eq!(assigned().unwrap(), [json!("other"), Value::Null]);
    let lines = "x\n".repeat(10);
    for (bad, part) in [
        (json!({"commands": lines}), "10 lines"),
        (json!({"commands": "x".repeat(401)}), "400 bytes"),
        (json!({"commands": "a\r\nb"}), "commands"),
        (json!({"commands": {"clear": "x"}}), "commands"),
        (json!({"server_password": "a\nb"}), "server_password"),
        (
            json!({"server_password": {"sealed": "v1.x"}}),
            "server_password",
        ),
    ] {
        let refused = api("PATCH", &path, bad.clone());
        assert_eq!(refused.status, 422, "{bad}");
        assert!(refused.detail().contains(part), "{}", refused.detail());
    }
    // With another master key it is not connected without them.
    let key =
        crate::kernel::keys::connection(&"alice".parse().unwrap(), made["id"].as_str().unwrap());
    let kernel = &functions.kernel;
    let (mut record, _) = block_on(kernel.load::<Connection>(&key)).unwrap().unwrap();
    record.set("server_password", json!({"sealed": "v1.AAAA"}));
    block_on(kernel.store(&key, &record, PutMode::Overwrite)).unwrap();
    assert_eq!(assigned(), None);
}
