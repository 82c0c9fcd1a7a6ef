//! Two accounts with browsers and somebody with a plain client meet: joins, parts, messages, and errors.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

mod common;

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::irc::Plain;
use common::socket::{Socket, act, act_on, is, is_state, name, person, room, say, says, shows};
use common::{IRC, PASSWORD, Space, server};
use serde_json::{Value, json};

const ECHO: &str = "echo-message message-tags";

fn space() -> (Space, server::Server) {
    let space = Space::new(&[]);
    space.add("alice");
    space.add("bob");
    let running = space.start();
    (space, running)
}

/// A socket that is online and in the default channel.
fn online(space: &Space, nick: &str, session: &str) -> Socket {
    let socket = space.attach(nick, session, None).unwrap();
    socket.wait("online", is_state("online"));
    socket.wait("the default channel", is("join", nick, "#general"));
    socket
}

fn topic(text: &'static str) -> impl Fn(&Value) -> bool {
    move |value| value["object"]["type"] == "topic" && value["object"]["content"] == text
}

#[test]
fn people_meet() {
    let (space, _running) = space();
    let sessions = ["alice", "bob"].map(|nick| space.sign_in(nick));
    let alice = online(&space, "alice", &sessions[0]);
    let bob = online(&space, "bob", &sessions[1]);
    let carol = Plain::register(&space.irc, "carol", None, ECHO).unwrap();
    carol.join("#general").unwrap();
    for socket in [&alice, &bob] {
        socket.wait("carol comes", is("join", "carol", "#general"));
    }

    // What one sends, the others receive, under one id.
    let ack = alice.done(&say("alice", room("#general"), "hello, all"));
    let heard = bob.wait("heard by bob", says("hello, all"));
    assert_eq!(
        (&heard["id"], &heard["published"]),
        (&ack["id"], &ack["published"])
    );
    let line = carol.expect("PRIVMSG #general :hello, all");
    assert!(
        line.contains(&format!("msgid={}", ack["id"].as_str().unwrap())),
        "{line}"
    );
    carol.say("PRIVMSG #general :hello, browsers");
    alice.wait("heard from carol", says("hello, browsers"));

    // Directly, both ways.
    let ack = alice.done(&say("alice", person("bob"), "psst"));
    let heard = bob.wait("whispered", says("psst"));
    assert_eq!(
        (name(&heard["actor"]), name(&heard["target"])),
        ("alice", "bob")
    );
    assert_eq!(heard["id"], ack["id"]);
    bob.done(&say("bob", person("alice"), "what?"));
    alice.wait("answered", says("what?"));
    bob.done(&say("bob", person("carol"), "plain"));
    carol.expect("PRIVMSG carol :plain");
    carol.say("PRIVMSG bob :and simple");
    let heard = bob.wait("carol whispers", says("and simple"));
    assert_eq!(name(&heard["actor"]), "carol");

    // Nickname, topic, whois, rooms.
    carol.say("NICK caroline");
    let renamed = |value: &Value| {
        value["object"]["type"] == "address"
            && name(&value["actor"]) == "carol"
            && name(&value["target"]) == "caroline"
    };
    alice.wait("carol's new name", renamed);
    let object = json!({"type": "topic", "content": "plans"});
    bob.done(&act(
        "update",
        "bob",
        json!({"target": room("#general"), "object": object}),
    ));
    alice.wait("the topic", topic("plans"));
    carol.expect("TOPIC #general :plans");
    let whois = json!({"target": person("bob"), "object": {"type": "whois"}});
    let answer = alice.done(&act("query", "alice", whois));
    assert_eq!(
        (&answer["object"]["nick"], &answer["object"]["account"]),
        (&json!("bob"), &json!("bob"))
    );
    let rooms = alice.done(&act("query", "alice", json!({"object": {"type": "rooms"}})));
    let general = rooms["object"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == "#general");
    let general = general.unwrap_or_else(|| panic!("{rooms}"));
    assert_eq!(
        (&general["members"], &general["topic"]),
        (&json!(3), &json!("plans"))
    );

    // A private channel, and who is removed from it.
    alice.done(&act("join", "alice", json!({"target": room("#team")})));
    bob.done(&act("join", "bob", json!({"target": room("#team")})));
    alice.wait("bob comes", is("join", "bob", "#team"));
    let out =
        json!({"type": "room", "id": format!("#team@{IRC}"), "name": "#team", "content": "later"});
    alice.done(&act(
        "remove",
        "alice",
        json!({"target": person("bob"), "object": out}),
    ));
    let kicked = bob.wait("kicked", is("leave", "bob", "#team"));
    assert_eq!(
        (&kicked["object"]["by"], &kicked["object"]["content"]),
        (&json!("alice"), &json!("later"))
    );
    let sentence = bob.refused(&say("bob", room("#team"), "still here?"));
    assert!(sentence.starts_with("You are not in #team"), "{sentence}");

    // Leaving: a channel, and for good.
    carol.say("PART #general :lunch");
    let gone = alice.wait("carol leaves", is("leave", "caroline", "#general"));
    assert_eq!(gone["object"]["content"], "lunch");
    carol.join("#general").unwrap();
    let mark = alice.wait("carol is back", is("join", "caroline", "#general"));
    assert_eq!(mark["type"], "join");
    carol.say("QUIT :home");
    let quit = alice.wait("carol quits", |value| value["object"]["quit"] == true);
    assert_eq!(
        (name(&quit["actor"]), name(&quit["target"])),
        ("caroline", "#general")
    );
}

#[test]
fn a_browser_that_returns_gets_the_state_and_what_it_missed_once() {
    let (space, _running) = space();
    let sessions = ["alice", "bob"].map(|nick| space.sign_in(nick));
    let bob = online(&space, "bob", &sessions[1]);
    let alice = online(&space, "alice", &sessions[0]);
    let object = json!({"type": "topic", "content": "plans"});
    bob.done(&act(
        "update",
        "bob",
        json!({"target": room("#general"), "object": object}),
    ));
    alice.wait("the topic", topic("plans"));
    bob.done(&act(
        "update",
        "bob",
        json!({"object": {"type": "presence", "show": "away", "content": "tea"}}),
    ));
    alice.wait("bob is away", shows("bob", "away"));
    let last = bob.done(&say("bob", room("#general"), "seen"));
    alice.wait("the last that was seen", says("seen"));
    alice.close();
    let mut ids = Vec::new();
    for number in 0..20 {
        let target = if number % 4 == 0 {
            person("alice")
        } else {
            room("#general")
        };
        ids.push(bob.done(&say("bob", target, &format!("missed {number}")))["id"].clone());
    }
    let since = last["published"].as_str().unwrap();
    let again = space.attach("alice", &sessions[0], Some(since)).unwrap();
    bob.done(&say("bob", room("#general"), "live"));
    again.wait("what is said now", says("live"));
    let got = again.got.all();
    let said: Vec<&Value> = got.iter().filter(|value| value["type"] == "send").collect();
    let said_ids: Vec<&Value> = said.iter().map(|value| &value["id"]).collect();
    assert_eq!(
        said_ids[..20],
        ids.iter().collect::<Vec<_>>()[..],
        "{said:#?}"
    );
    assert_eq!(said.len(), 21);

    // The state, then the room, then the missed messages.
    let kinds: Vec<String> = got
        .iter()
        .take_while(|value| value["type"] != "send")
        .map(|value| match value["object"]["type"].as_str() {
            Some(kind) if value["type"] != "join" => kind.to_owned(),
            _ => value["type"].as_str().unwrap().to_owned(),
        })
        .collect();
    assert_eq!(
        kinds[..4],
        ["connection", "join", "topic", "attendance"],
        "{got:#?}"
    );
    assert!(
        kinds[4..].iter().all(|kind| kind == "presence"),
        "{kinds:?}"
    );
    let shown = got.iter().position(shows("bob", "away")).unwrap();
    assert!(shown < kinds.len(), "{got:#?}");
    let members = got
        .iter()
        .find(|value| value["object"]["type"] == "attendance")
        .unwrap();
    let mut members: Vec<&str> = members["object"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    members.sort_unstable();
    assert_eq!(members, ["alice", "bob"]);
}

#[test]
fn the_last_browser_that_goes_leaves_somebody_away() {
    let (space, _running) = space();
    let sessions = ["alice", "bob"].map(|nick| space.sign_in(nick));
    let alice = online(&space, "alice", &sessions[0]);
    let bob = online(&space, "bob", &sessions[1]);
    let other = online(&space, "bob", &sessions[1]);
    let from = alice.got.len();
    bob.close();
    other.close();
    let (at, _) = alice.wait_from(from, "bob goes away", shows("bob", "away"));
    let sentence = alice.done(&act(
        "query",
        "alice",
        json!({"target": person("bob"), "object": {"type": "whois"}}),
    ));
    assert!(sentence["object"]["away"].is_string(), "{sentence}");
    let _bob = online(&space, "bob", &sessions[1]);
    alice.wait_from(at + 1, "bob is back", shows("bob", "online"));
}

fn welcomed(space: &Space, nick: &str, password: &str) {
    let plain = Plain::register(&space.irc, nick, Some(password), "").unwrap();
    plain.expect("You are now signed in as alice");
}

fn refused(space: &Space, nick: &str, password: &str) -> String {
    let plain = Plain::connect(&space.irc).unwrap();
    plain.say(&format!("PASS :{password}"));
    plain.say(&format!("NICK {nick}"));
    plain.say(&format!("USER {nick} 0 * :{nick}"));
    plain.expect(" 464 ")
}

fn sasl(space: &Space, password: &str) -> Plain {
    let plain = Plain::connect(&space.irc).unwrap();
    plain.say("CAP REQ :sasl");
    plain.say("NICK alice");
    plain.say("USER alice 0 * :alice");
    plain.expect("ACK");
    plain.say("AUTHENTICATE PLAIN");
    plain.expect("AUTHENTICATE +");
    let text = STANDARD.encode(format!("\0alice\0{password}"));
    plain.say(&format!("AUTHENTICATE {text}"));
    plain
}

#[test]
fn plain_clients_sign_in_to_accounts() {
    let (space, _running) = space();
    let session = space.sign_in("alice");
    welcomed(&space, "alice", PASSWORD);
    let sentence = refused(&space, "alice", "not the password");
    assert!(sentence.contains("Wrong password"), "{sentence}");
    let signed_in = sasl(&space, PASSWORD);
    signed_in.expect(" 903 ");
    signed_in.say("CAP END");
    signed_in.expect(" 001 alice ");
    sasl(&space, "not the password").expect(" 904 ");

    // An app password, until it is revoked.
    let grant = json!({"kind": "irc", "client": "phone"});
    let (status, grant) = space.call("POST /api/grants", &session, &grant);
    assert_eq!(status, 201, "{grant}");
    let token = grant["token"].as_str().unwrap();
    welcomed(&space, "alice", token);
    sasl(&space, token).expect(" 903 ");
    let path = format!("DELETE /api/grants/{}", grant["id"].as_str().unwrap());
    assert_eq!(space.call(&path, &session, &Value::Null).0, 204);
    refused(&space, "alice", token);
    sasl(&space, token).expect(" 904 ");
    welcomed(&space, "alice", PASSWORD);

    // An account's nickname is not for guests.
    let guest = Plain::connect(&space.irc).unwrap();
    guest.say("NICK alice");
    guest.say("USER guest 0 * :guest");
    let line = guest.expect(" 433 ");
    assert!(line.contains("belongs to the account alice"), "{line}");
    guest.say("NICK visitor");
    guest.expect(" 001 visitor ");
}

#[test]
fn what_cannot_be_is_said_in_one_sentence() {
    let (space, _running) = space();
    let session = space.sign_in("alice");
    let alice = online(&space, "alice", &session);

    let sentence = alice.refused(&say("alice", room("#nowhere"), "hello?"));
    assert!(
        sentence.starts_with("You are not in #nowhere"),
        "{sentence}"
    );
    let sentence = alice.refused(&say("alice", person("nobody"), "hello?"));
    assert!(
        sentence.starts_with("There is nobody called nobody"),
        "{sentence}"
    );
    let target = json!({"target": room("#bad,name")});
    alice.refused(&act("join", "alice", target));
    let target = json!({"target": person("bob"), "object": {"type": "address"}});
    let sentence = alice.refused(&act("update", "alice", target));
    assert!(sentence.contains("bob"), "{sentence}");

    // A network that does not answer, and one that speaks another protocol.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let other: u16 = space.web.rsplit_once(':').unwrap().1.parse().unwrap();
    for (host, port, secure, expected) in [
        ("127.0.0.1", closed, false, "refuses the connection on port"),
        ("localhost", other, true, "TLS"),
    ] {
        let wanted = json!({"platform": "irc", "host": host, "port": port, "secure": secure, "nick": "alice"});
        let (status, record) = space.call("POST /api/connections", &session, &wanted);
        assert_eq!(status, 201, "{record}");
        let server = record["server"].as_str().unwrap();
        let from = alice.got.len();
        alice.done(&act_on(server, "connect", "alice", json!({})));
        let offline = is_state("offline");
        let (_, state) = alice.wait_from(from, "the network is not there", |value| {
            name(&value["actor"]) == server
                && offline(value)
                && value["object"]["content"] != "Not connected yet."
        });
        let sentence = state["object"]["content"].as_str().unwrap();
        assert!(
            sentence.contains(host) && sentence.contains(expected),
            "{sentence}"
        );
    }
    // Nothing else is disturbed.
    alice.done(&say("alice", room("#general"), "still here"));
}
