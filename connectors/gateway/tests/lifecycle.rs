//! Always-on connections: they outlive sockets, restarts, crashes and outages of the functions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::net::SocketAddr;

use common::functions::{Functions, ID, KEY, assignment};
use common::network::Network;
use common::polling::Polling;
use common::running::{Running, node, probe};
use common::until;
use serde_json::{Value, json};

/// An address where nobody answers until a server starts there.
fn free_address() -> SocketAddr {
    let [port] = free_ports::free_ports().unwrap();
    (std::net::Ipv4Addr::LOCALHOST, port).into()
}

/// Has the functions confirm a session, so that it stays trusted for a while.
async fn confirm(url: &str, account: &str) {
    let auth = json!({"ticket": common::functions::ticket(account, ID, 60_000)});
    let mut socket = Polling::open(url, "", auth).await;
    socket.ask("schemas", Value::Null).await.unwrap();
}

fn texts(value: &Value) -> Vec<&str> {
    let got = value["got"].as_array().unwrap().iter();
    let sent = got.filter(|activity| activity["type"] == "send");
    sent.map(|activity| activity["object"]["content"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn that_everybody_leaves_at_the_end_is_written_nowhere() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    let names: Vec<String> = (0..12).map(|n| format!("user{n}")).collect();
    functions.state.lock().unwrap().assignments = names
        .iter()
        .map(|name| assignment(name, name, &["#c"]))
        .collect();
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    until("they are there", || {
        let log = network.log();
        names
            .iter()
            .all(|name| log.contains(&format!("start {name} 0")))
    })
    .await;
    network.say("bob", "#c", "the last word");
    let heard = || {
        let stored = functions.stored();
        let said = stored.iter().filter(|event| {
            matches!(&event.body, protocol::EventBody::Message { message, .. } if message.text == "the last word")
        });
        said.count()
    };
    until("it is stored for all", || heard() == names.len()).await;
    running.stop().await;
    assert_eq!(functions.stored().len(), names.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_and_joined_again_sees_who_is_there() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    network.join("bob", "#c");
    let functions = Functions::start().await;
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &["#c"])];
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    let auth = json!({
        "ticket": common::functions::ticket("alice", ID, 60_000),
        "mode": "full", "since": "2026-01-01T00:00:00.000Z",
    });
    let act = |kind: &str, room: &str| {
        json!({
            "type": kind, "context": "irc",
            "actor": {"id": "alice@irc.test", "type": "person", "name": "alice"},
            "target": {"id": format!("{room}@irc.test"), "type": "room", "name": room},
        })
    };
    let connect = || {
        let mut connect = act("connect", "#c");
        connect.as_object_mut().unwrap().remove("target");
        connect
    };
    let mut first = Polling::open(&running.url, "", auth.clone()).await;
    for asked in [connect(), act("leave", "#c"), act("join", "#c")] {
        let ack = first.ask("message", asked).await.unwrap();
        assert_eq!(ack["error"], Value::Null, "{ack}");
    }
    network.say("bob", "#c", "was said before");
    let said = async |socket: &mut Polling, text: &str| {
        let mut got = Vec::new();
        loop {
            let activity = socket.event("message").await.unwrap();
            if activity["object"]["content"] == text {
                return got;
            }
            got.push(activity);
        }
    };
    said(&mut first, "was said before").await;
    let mut later = Polling::open(&running.url, "", auth).await;
    later.emit("message", connect()).await;
    let mut got = said(&mut later, "was said before").await;
    network.say("bob", "#c", "is said now");
    got.extend(said(&mut later, "is said now").await);
    // The snapshot of members is not undone by messages replayed after it.
    let shown = got
        .iter()
        .rposition(|activity| activity["object"]["type"] == "attendance")
        .expect("it is told who is there");
    assert_eq!(got[shown]["object"]["members"], json!(["alice", "bob"]));
    let undone = got[shown..]
        .iter()
        .any(|activity| activity["type"] == "join" || activity["type"] == "leave");
    assert!(!undone, "{got:#?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_told_apart_as_the_network_does() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    network.world.lock().unwrap().casemapping = Some("ascii");
    let functions = Functions::start().await;
    functions.state.lock().unwrap().assignments =
        vec![assignment("alice", "alice", &["#x[1]", "#x{1}"])];
    // The same again after a restart.
    for round in 0..2 {
        let running = Running::start(&functions.origin, dir.path(), &network).await;
        let auth = json!({"ticket": common::functions::ticket("alice", ID, 60_000)});
        let mut socket = Polling::open(&running.url, "", auth).await;
        let act = |kind: &str, room: Option<&str>| {
            json!({
                "type": kind, "context": "irc",
                "actor": {"id": "alice@irc.test", "type": "person", "name": "alice"},
                "target": room.map(|room| json!({"id": format!("{room}@irc.test"), "type": "room", "name": room})),
            })
        };
        for (kind, room) in [("connect", None), ("join", Some("#x[1]"))] {
            let mut asked = act(kind, room);
            if room.is_none() {
                asked.as_object_mut().unwrap().remove("target");
            }
            let ack = socket.ask("message", asked).await.unwrap();
            assert_eq!(ack["error"], Value::Null, "{ack}");
        }
        network.say("bob", "#x{1}", "elsewhere");
        network.say("bob", "#X[1]", "nobody is in a room of that name");
        network.say("bob", "#x[1]", &format!("here {round}"));
        let said = loop {
            let got = socket.event("message").await.unwrap();
            if got["type"] == "send" {
                break got;
            }
        };
        assert_eq!(said["object"]["content"], format!("here {round}"));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_away_are_waited_for() {
    let (network, dir, address) = (Network::new(), tempfile::tempdir().unwrap(), free_address());
    let running = Running::start(&format!("http://{address}"), dir.path(), &network).await;
    // It cannot be determined whether the ticket's session has ended.
    let auth = json!({"ticket": common::functions::ticket("alice", ID, 60_000)});
    let mut early = Polling::open(&running.url, "", auth).await;
    let error = early.event("error").await.expect("it is told why");
    let text = error["summary"].as_str().unwrap();
    assert!(text.starts_with("can't check whether"), "{text}");
    assert!(early.ends().await);
    let functions = Functions::start_at(address).await;
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &["#c"])];
    until("the connection starts", || {
        network.log().contains(&"start alice 0".to_owned())
    })
    .await;
    let seen = probe(
        &running.url,
        json!({"account": "alice", "messages": [["#c", "hi"]]}),
    )
    .await;
    assert_eq!(
        (&seen["connect"]["error"], &seen["acks"][0]["error"]),
        (&Value::Null, &Value::Null)
    );
    // They are down again: what they confirmed is still known, and nothing else.
    drop(functions);
    until("nobody is there", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
    let auth = json!({"ticket": common::functions::ticket("alice", ID, 60_000)});
    let mut known = Polling::open(&running.url, "", auth).await;
    let connect = json!({
        "type": "connect", "context": "irc",
        "actor": {"id": "other@irc.test", "type": "person", "name": "other"},
    });
    let ack = known.ask("message", connect).await.unwrap();
    let error = ack["error"].as_str().unwrap();
    assert!(
        error.starts_with(
            "the connection to irc.test cannot be looked up right now: the functions cannot be reached: "
        ),
        "{error}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_published_survives_a_restart_and_is_shown_to_who_returns() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    let address = functions.address;
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &["#c"])];
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    let since = protocol::Timestamp::from_millis(1).to_string();
    let messages = json!([["#c", "one"], ["bob", "two"]]);
    probe(
        &running.url,
        json!({"account": "alice", "messages": messages}),
    )
    .await;
    until("published", || functions.stored().len() == 2).await;
    drop(functions);
    // Now the functions are down, and someone writes while nobody is viewing.
    network.say("bob", "#c", "three");
    network.say("bob", "alice", "four");
    let sent = probe(
        &running.url,
        json!({"account": "alice", "messages": [["#c", "five"]]}),
    )
    .await;
    assert_eq!(sent["acks"][0]["error"], Value::Null);
    running.stop().await;

    let functions = Functions::start_at(address).await;
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &["#c"])];
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    until("published again", || functions.stored().len() == 3).await;
    let stored = functions.stored();
    let ids: Vec<&str> = stored
        .iter()
        .map(|event| match &event.body {
            protocol::EventBody::Message { message, .. } => message.text.as_str(),
            _ => "",
        })
        .collect();
    assert_eq!(ids, ["three", "four", "five"]);
    let returned = probe(
        &running.url,
        json!({"account": "alice", "auth": {"mode": "full", "since": since}, "until": "five"}),
    )
    .await;
    assert!(
        texts(&returned).ends_with(&["three", "four", "five"]),
        "{returned}"
    );
    let direct = returned["got"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["object"]["content"] == "four")
        .unwrap();
    assert_eq!(
        (&direct["actor"]["id"], &direct["target"]["id"]),
        (&json!("bob@irc.test"), &json!("alice@irc.test"))
    );
    // The platform was told what is known: #c, bob and all persons.
    assert!(
        network.log().contains(&"start alice 3".to_owned()),
        "{:?}",
        network.log()
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_come_change_and_go_as_the_functions_say() {
    let (network, dir, functions) = (
        Network::new(),
        tempfile::tempdir().unwrap(),
        Functions::start().await,
    );
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    let assign =
        |list: Vec<protocol::Assignment>| functions.state.lock().unwrap().assignments = list;
    let logged = |line: &str| network.log().iter().any(|logged| logged == line);
    assign(vec![assignment("alice", "alice", &[])]);
    until("it starts", || logged("start alice 0")).await;
    // A channel the connection joined itself is not a change, though the record does not have it yet.
    probe(
        &running.url,
        json!({"account": "alice", "messages": [["#new", null]]}),
    )
    .await;
    let joins = || {
        let joined =
            |event: &&protocol::Event| matches!(event.body, protocol::EventBody::Joined { .. });
        functions.stored().iter().filter(joined).count()
    };
    until("the join is published", || joins() > 0).await;
    assign(vec![assignment("alice", "alice", &["#new"])]);
    assert_eq!(joins(), 1);
    assign(vec![assignment("alice", "alice", &["#new", "#more"])]);
    until("it is told", || logged("reassign alice #new,#more")).await;
    let told = network.log();
    let told = told.iter().filter(|line| line.starts_with("reassign "));
    assert_eq!(told.count(), 1);
    assign(vec![]);
    until("it ends", || {
        logged("quit alice: the connection was removed")
    })
    .await;
    let gone = probe(&running.url, json!({"account": "alice"})).await;
    assert_eq!(
        gone["connect"]["error"],
        "no client found, and no credentials specified. you must connect first"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_make_a_connection_that_is_remembered() {
    let (network, dir, functions) = (
        Network::new(),
        tempfile::tempdir().unwrap(),
        Functions::start().await,
    );
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    let credentials =
        json!({"type": "credentials", "nick": "carol", "server": "irc.test", "password": "secret"});
    for _ in 0..2 {
        let more = json!({"account": "carol", "credentials": credentials, "messages": [["#c", null], ["#c", "hello"]]});
        let made = probe(&running.url, more).await;
        assert_eq!(made["connect"]["error"], Value::Null);
        assert!(made["acks"][1]["id"].is_string());
        assert!(!made.to_string().contains("secret"));
    }
    let remembered = functions.state.lock().unwrap().assignments.clone();
    assert_eq!(remembered.len(), 1);
    let connection = &remembered[0].connection;
    assert_eq!(
        (
            connection.connector.as_str(),
            connection.password.as_deref(),
            connection.id.len()
        ),
        ("irc", Some("secret"), 16)
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_ends_is_started_again() {
    let (network, dir, functions) = (
        Network::new(),
        tempfile::tempdir().unwrap(),
        Functions::start().await,
    );
    functions.state.lock().unwrap().assignments = vec![assignment("alice", "alice", &["#c"])];
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    let crashed = probe(&running.url, json!({"account": "alice", "auth": {"mode": "full"}, "messages": [["#c", "before"], ["#c", "crash"]]})).await;
    let error = crashed["acks"][1]["error"].as_str().unwrap();
    assert_eq!(
        error,
        "the connection ended unexpectedly and is being restarted; try again in a moment"
    );
    let offline = crashed["got"]
        .as_array()
        .unwrap()
        .iter()
        .any(|a| a["object"]["status"] == "offline");
    assert!(offline, "{crashed}");
    let starts = || {
        network
            .log()
            .iter()
            .filter(|line| line.starts_with("start alice"))
            .count()
    };
    until("it starts again", || starts() == 2).await;
    let again = probe(
        &running.url,
        json!({"account": "alice", "messages": [["#c", "after"]]}),
    )
    .await;
    assert_eq!(again["acks"][0]["error"], Value::Null);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_takes_nothing_and_loses_nothing() {
    let (network, dir, address) = (Network::new(), tempfile::tempdir().unwrap(), free_address());
    let functions = Functions::start_at(address).await;
    let assigned = || vec![assignment("alice", "alice", &["#c"])];
    functions.state.lock().unwrap().assignments = assigned();
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        config.limits.spool_bytes = 4_096;
        config.limits.segment_bytes = 512;
    })
    .await;
    until("it starts", || {
        network.log().contains(&"start alice 0".to_owned())
    })
    .await;
    confirm(&running.url, "alice").await;
    drop(functions);
    let messages: Vec<_> = (0..40)
        .map(|n| json!(["#c", format!("text {n}")]))
        .collect();
    let sending = tokio::spawn({
        let url = running.url.clone();
        async move { probe(&url, json!({"account": "alice", "messages": messages})).await }
    });
    // The spool fills up; the message that found it full waits until the functions are back.
    let metrics = || async {
        let text = reqwest_text(&format!("{}/metrics", running.url)).await;
        let line = text
            .lines()
            .find(|line| line.starts_with("subspace_connector_spool_bytes "))
            .unwrap()
            .to_owned();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let begin = std::time::Instant::now();
    while metrics().await < 3_800 {
        assert!(begin.elapsed() < common::TIME_LIMIT);
    }
    let functions = Functions::start_at(address).await;
    functions.state.lock().unwrap().assignments = assigned();
    let sent = sending.await.unwrap();
    let acks = sent["acks"].as_array().unwrap();
    let accepted = acks.iter().filter(|ack| ack["error"].is_null()).count();
    assert!(accepted >= 10, "{accepted}");
    for refused in acks.iter().filter(|ack| !ack["error"].is_null()) {
        let text =
            "messages cannot be recorded at the moment, so nothing was sent; try again later";
        assert_eq!(refused["error"], text);
    }
    until("all that was accepted is published", || {
        functions.stored().len() == accepted
    })
    .await;
    running.stop().await;
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::trusting(&[]).unwrap())
        .build()
        .unwrap()
}

/// Wakes the gateway as the functions do before someone reads an archive.
async fn look(url: &str, account: &str) -> u16 {
    let target = format!("{}?archive={account}", protocol::WAKE_PATH);
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let time = protocol::Timestamp::from_millis(since.as_millis() as i64);
    let signature = protocol::sign_request(KEY, "POST", &target, time, b"");
    let request = http()
        .post(format!("{url}{target}"))
        .header(protocol::CONNECTOR_HEADER, ID)
        .header(protocol::TIME_HEADER, time.millis().to_string())
        .header(protocol::SIGNATURE_HEADER, signature);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_published_is_published_before_somebody_looks() {
    let (network, dir) = (Network::new(), tempfile::tempdir().unwrap());
    let functions = Functions::start().await;
    functions.state.lock().unwrap().assignments = vec![
        assignment("alice", "alice", &["#c"]),
        assignment("bob", "bob", &["#c"]),
    ];
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        // Twice that, and longer than this test may take.
        config.limits.publish_interval = std::time::Duration::from_secs(600);
        config.limits.publish_age = std::time::Duration::from_secs(3_600);
    })
    .await;
    let started = |nick| network.log().contains(&format!("start {nick} 0"));
    until("both start", || started("alice") && started("bob")).await;
    let seen = probe(
        &running.url,
        json!({"account": "alice", "messages": [["#c", "one"], ["#c", "two"]]}),
    )
    .await;
    assert_eq!(seen["acks"][1]["error"], Value::Null);
    assert_eq!(functions.stored().len(), 0, "it waits for more");
    assert_eq!(look(&running.url, "alice").await, 204);
    let stored = functions.stored();
    assert_eq!(stored.len(), 2, "{stored:?}");
    assert!(stored.iter().all(|event| event.account.as_str() == "alice"));
    // A newly connected device is shown what is not published, and shutdown publishes it.
    let since = protocol::Timestamp::from_millis(1).to_string();
    probe(
        &running.url,
        json!({"account": "alice", "messages": [["#c", "three"]]}),
    )
    .await;
    let returned = probe(
        &running.url,
        json!({"account": "alice", "auth": {"mode": "full", "since": since}, "until": "three"}),
    )
    .await;
    assert!(texts(&returned).contains(&"three"), "{returned}");
    running.stop().await;
    let texts: Vec<String> = functions
        .stored()
        .iter()
        .filter_map(|event| match &event.body {
            protocol::EventBody::Message { message, .. } => Some(message.text.clone()),
            _ => None,
        })
        .collect();
    assert!(texts.contains(&"three".to_owned()), "{texts:?}");
}

async fn reqwest_text(url: &str) -> String {
    http().get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_before_it_is_recorded() {
    let (network, dir, address) = (Network::new(), tempfile::tempdir().unwrap(), free_address());
    let functions = Functions::start_at(address).await;
    functions.state.lock().unwrap().assignments = vec![
        assignment("alice", "alice", &[]),
        assignment("bob", "bob", &[]),
    ];
    let running = Running::start_with(&functions.origin, dir.path(), &network, |config| {
        // Every write creates a file, so that the script can interfere.
        config.limits.segment_bytes = 1;
    })
    .await;
    let started = |nick| network.log().contains(&format!("start {nick} 0"));
    until("both start", || started("alice") && started("bob")).await;
    for account in ["alice", "bob"] {
        confirm(&running.url, account).await;
    }
    // Nothing leaves the spool while the functions are down.
    drop(functions);
    node("durable.mjs", &running.url, json!({"spool": dir.path()})).await;
    running.stop().await;
}
