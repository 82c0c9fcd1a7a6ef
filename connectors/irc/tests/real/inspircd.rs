//! The full story with InspIRCd, and sign-in with Atheme.

use protocol::EventBody;
use serde_json::json;

use crate::client::{Client, SERVER, assignment};
use crate::servers::Server;

#[tokio::test]
async fn two_people_talk() {
    let server = Server::inspircd(false).await;
    let mut alice = Client::online("alice", server.port).await;
    let mut bob = Client::online("bob", server.port).await;
    alice.join("#team").await.unwrap();
    bob.join("#team").await.unwrap();
    alice
        .activity("bob's join", |a| {
            a.kind == "join" && a.actor.as_ref().unwrap().name.as_deref() == Some("bob")
        })
        .await;

    // Acks have the server's id, and the other side sees the same one.
    let ack = alice.say("#team", "hello :) x").await.unwrap();
    let heard = bob.text("hello :) x").await;
    assert_eq!(ack.id, heard.id);
    assert_eq!(ack.published, heard.published);
    assert_eq!(heard.target.unwrap().id, format!("#team@{SERVER}"));
    bob.ask(json!({"type": "send", "target": {"id": format!("#team@{SERVER}")}, "object": {"type": "me", "content": "waves"}})).await.unwrap();
    let waved = alice.text("waves").await;
    assert_eq!(waved.object_type(), Some("me"));
    alice.say("bob", "psst").await.unwrap();
    assert_eq!(
        bob.text("psst").await.target.unwrap().name.as_deref(),
        Some("bob")
    );

    // Nothing is truncated: the parts together are the whole text.
    let long = "Käse, Brot & Wein für die große Runde 🧀 ".repeat(60);
    alice.say("#team", long.trim()).await.unwrap();
    let mut heard = String::new();
    while heard.replace(' ', "").len() < long.replace(' ', "").len() {
        let piece = bob.activity("a piece", |a| a.kind == "send").await;
        heard.push_str(piece.content().unwrap());
    }
    assert_eq!(heard.replace(' ', ""), long.replace(' ', ""));

    // Topic, roles, away, whois, rooms.
    let topic = json!({"type": "update", "target": {"id": format!("#team@{SERVER}")}, "object": {"type": "topic", "content": "plans for today"}});
    alice.ask(topic.clone()).await.unwrap();
    bob.activity("the topic", |a| {
        a.object_type() == Some("topic") && a.content() == Some("plans for today")
    })
    .await;
    let refused = bob.ask(json!({"type": "remove", "target": {"id": format!("alice@{SERVER}")}, "object": {"type": "room", "id": format!("#team@{SERVER}"), "name": "#team"}})).await;
    assert!(
        refused.unwrap_err().contains("#team"),
        "only operators kick"
    );
    let away = |show: &str| json!({"type": "update", "object": {"type": "presence", "show": show, "content": "lunch"}});
    bob.ask(away("away")).await.unwrap();
    let seen = alice
        .activity("bob away", |a| {
            a.object_type() == Some("presence") && a.content() == Some("lunch")
        })
        .await;
    assert_eq!(seen.actor.unwrap().name.as_deref(), Some("bob"));
    let whois = |nick: &str| json!({"type": "query", "target": {"id": format!("{nick}@{SERVER}")}, "object": {"type": "whois"}});
    let answer = alice
        .ask(whois("bob"))
        .await
        .unwrap()
        .object
        .unwrap()
        .to_value();
    assert_eq!(answer["realname"], "A Person");
    assert_eq!(answer["away"], "lunch");
    assert_eq!(answer["channels"], json!(["#team"]));
    assert!(
        alice
            .ask(whois("nobody"))
            .await
            .unwrap_err()
            .starts_with("There is nobody called nobody")
    );
    bob.ask(away("online")).await.unwrap();
    let rooms = alice
        .ask(json!({"type": "query", "object": {"type": "rooms"}}))
        .await
        .unwrap();
    let rooms = rooms.object.unwrap().to_value();
    assert_eq!(rooms["items"][0]["name"], "#team");
    assert_eq!(rooms["items"][0]["members"], 2);
    assert!(
        rooms["items"][0]["topic"]
            .as_str()
            .unwrap()
            .contains("plans for today")
    );

    // Nicknames.
    let rename = |nick: &str| json!({"type": "update", "target": {"id": format!("{nick}@{SERVER}"), "type": "person"}, "object": {"type": "address"}});
    assert_eq!(
        bob.ask(rename("alice")).await.unwrap_err(),
        "The nickname alice is in use; choose another."
    );
    bob.ask(rename("rob")).await.unwrap();
    alice
        .activity("rob", |a| {
            a.object_type() == Some("address")
                && a.target.as_ref().unwrap().name.as_deref() == Some("rob")
        })
        .await;

    // Kicks, invitations, leaving.
    let kick = json!({"type": "remove", "target": {"id": format!("rob@{SERVER}")}, "object": {"type": "room", "id": format!("#team@{SERVER}"), "name": "#team", "content": "out"}});
    alice.ask(kick).await.unwrap();
    let out = bob.activity("the kick", |a| a.kind == "leave").await;
    assert_eq!(out.object.unwrap().to_value()["by"], "alice");
    assert!(bob.records().contains(&EventBody::Left {
        channel: "#team".to_owned()
    }));
    let invite = json!({"type": "invite", "target": {"id": format!("rob@{SERVER}")}, "object": {"type": "room", "id": format!("#team@{SERVER}"), "name": "#team"}});
    alice.ask(invite).await.unwrap();
    bob.activity("the invitation", |a| a.kind == "invite").await;
    bob.join("#team").await.unwrap();
    bob.stop().await;
    let quit = alice
        .activity("rob's quit", |a| {
            a.kind == "leave"
                && a.object
                    .as_ref()
                    .is_some_and(|o| o.to_value()["quit"] == true)
        })
        .await;
    assert_eq!(quit.actor.unwrap().name.as_deref(), Some("rob"));
    alice.ask(json!({"type": "leave", "target": {"id": format!("#team@{SERVER}"), "type": "room"}, "object": {}})).await.unwrap();
    // Nothing is shown of the numerics that every client receives.
    assert_eq!(alice.announcements(), [""; 0]);
    alice.stop().await;
}

#[tokio::test]
async fn after_a_restart_of_the_server_everybody_is_back() {
    let mut server = Server::inspircd(false).await;
    let mut alice = Client::online("alice", server.port).await;
    alice.join("#team").await.unwrap();
    server.kill().await;
    let sentence = alice.state("offline").await;
    assert!(sentence.contains("Next attempt in"), "{sentence}");
    let refused = alice.say("#team", "lost?").await.unwrap_err();
    assert!(refused.starts_with("There is no connection"), "{refused}");
    server.start().await;
    alice.state("online").await;
    alice
        .activity("the room again", |a| a.object_type() == Some("attendance"))
        .await;
    alice.say("#team", "back").await.unwrap();
    alice.stop().await;
}

#[tokio::test]
async fn a_taken_nickname_is_won_back() {
    let server = Server::inspircd(false).await;
    let first = Client::online("alice", server.port).await;
    let mut second = Client::start(assignment("alice", server.port)).await;
    assert!(second.state("online").await.ends_with("as alice_."));
    first.stop().await;
    assert!(second.state("online").await.ends_with("as alice."));
    second.stop().await;
}

#[tokio::test]
async fn people_sign_in_with_sasl() {
    let server = Server::inspircd(false).await;
    let mut alice = Client::online("alice", server.port).await;
    // NickServ appears when the services are linked.
    loop {
        match alice
            .say("NickServ", "REGISTER secret-7 a@example.test")
            .await
        {
            Ok(_) => break,
            Err(sentence) => assert!(sentence.contains("nobody called NickServ"), "{sentence}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    alice
        .activity("NickServ's answer", |a| {
            a.content()
                .is_some_and(|text| text.contains("registered") || text.contains("is now"))
        })
        .await;
    let secrets = alice
        .records()
        .into_iter()
        .filter(|body| format!("{body:?}").contains("secret-7"));
    assert_eq!(
        secrets
            .filter(|body| format!("{body:?}").contains("REGISTER"))
            .count(),
        0
    );
    alice.stop().await;

    let mut record = assignment("alice", server.port);
    record.connection.set("sasl", true);
    record.connection.password = Some("secret-7".to_owned());
    let mut signed_in = Client::start(record.clone()).await;
    signed_in.state("online").await;
    let whois = json!({"type": "query", "target": {"id": format!("alice@{SERVER}")}, "object": {"type": "whois"}});
    let answer = signed_in.ask(whois).await.unwrap();
    assert_eq!(answer.object.unwrap().to_value()["account"], "alice");
    signed_in.stop().await;

    record.connection.password = Some("wrong".to_owned());
    let mut refused = Client::start(record).await;
    let sentence = refused.state("offline").await;
    assert!(
        sentence.contains("refused the password of alice: check it in the settings"),
        "{sentence}"
    );
    assert!(
        sentence.contains("Next attempt in 1"),
        "not soon: {sentence}"
    );
    refused.stop().await;
}

#[tokio::test]
async fn history_that_the_server_sends_by_itself_is_known_by_its_ids() {
    let server = Server::inspircd(false).await;
    let mut alice = Client::online("alice", server.port).await;
    alice.join("#h").await.unwrap();
    let mut bob = Client::online("bob", server.port).await;
    // The mode cannot be set through activities, so a plain client sets it.
    let mode = plain(
        server.port,
        "op",
        &["JOIN #k", "MODE #k +H :10:1h", "PRIVMSG #k :earlier"],
    )
    .await;
    bob.join("#k").await.unwrap();
    let earlier = bob.text("earlier").await;
    assert_eq!(earlier.actor.unwrap().name.as_deref(), Some("op"));
    drop(mode);
    alice.stop().await;
    bob.stop().await;
}

/// A client that only sends these lines, and stays connected.
async fn plain(port: u16, nick: &str, lines: &[&str]) -> tokio::net::TcpStream {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let register = format!("NICK {nick}\r\nUSER {nick} 0 * :x\r\n");
    stream.write_all(register.as_bytes()).await.unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let welcomed = async {
        while !line.contains(" 376 ") && !line.contains(" 422 ") {
            line.clear();
            reader.read_line(&mut line).await.unwrap();
            if let Some(token) = line.strip_prefix("PING ") {
                let pong = format!("PONG {token}");
                reader.get_mut().write_all(pong.as_bytes()).await.unwrap();
            }
        }
        for text in lines {
            reader
                .get_mut()
                .write_all(format!("{text}\r\n").as_bytes())
                .await
                .unwrap();
        }
        reader.get_mut().write_all(b"PING done\r\n").await.unwrap();
        while !line.contains("PONG") {
            line.clear();
            reader.read_line(&mut line).await.unwrap();
        }
    };
    tokio::time::timeout(crate::servers::PATIENCE, welcomed)
        .await
        .unwrap();
    reader.into_inner()
}
