//! A minimal server: no tags, no echo, nicknames of nine characters.

use serde_json::json;

use crate::client::{Client, SERVER, assignment};
use crate::servers::Server;

#[tokio::test]
async fn two_people_talk_without_ircv3() {
    let server = Server::ngircd().await;
    let mut alice = Client::online("alice", server.port).await;
    let mut long = Client::start(assignment("bob-the-builder", server.port)).await;
    let sentence = long.state("online").await;
    assert!(sentence.ends_with("as bob-the-b."), "{sentence}");
    alice.join("#team").await.unwrap();
    long.join("#team").await.unwrap();
    alice
        .activity("the join", |a| {
            a.kind == "join" && a.actor.as_ref().unwrap().name.as_deref() == Some("bob-the-b")
        })
        .await;
    let ack = alice.say("#team", "hello").await.unwrap();
    assert!(ack.id.is_some());
    let heard = long.text("hello").await;
    assert!(heard.id.is_some() && heard.published.is_some());
    let text = "Ünïcödé ".repeat(150);
    alice.say("#team", text.trim()).await.unwrap();
    let mut said = String::new();
    while said.replace(' ', "").len() < text.replace(' ', "").len() {
        let piece = long.activity("a piece", |a| a.kind == "send").await;
        said.push_str(piece.content().unwrap());
    }
    assert_eq!(said.replace(' ', ""), text.replace(' ', ""));
    let topic = json!({"type": "update", "target": {"id": format!("#team@{SERVER}")}, "object": {"type": "topic", "topic": "plans"}});
    alice.ask(topic).await.unwrap();
    long.activity("the topic", |a| a.content() == Some("plans"))
        .await;
    let whois = json!({"type": "query", "target": {"id": format!("bob-the-b@{SERVER}")}, "object": {"type": "whois"}});
    let answer = alice.ask(whois).await.unwrap();
    assert_eq!(
        answer.object.unwrap().to_value()["channels"],
        json!(["#team"])
    );
    let nobody = alice.ask(json!({"type": "query", "target": {"id": format!("nobody@{SERVER}")}, "object": {"type": "whois"}})).await;
    assert!(
        nobody
            .unwrap_err()
            .starts_with("There is nobody called nobody")
    );
    long.ask(json!({"type": "leave", "target": {"id": format!("#team@{SERVER}"), "type": "room"}, "object": {"type": "message", "content": "bye all"}})).await.unwrap();
    let left = alice.activity("the leave", |a| a.kind == "leave").await;
    assert!(left.content().unwrap().contains("bye all"));
    // Nothing is shown of the numerics that every client receives.
    assert_eq!(alice.announcements(), [""; 0]);
    alice.stop().await;
    long.stop().await;
}
