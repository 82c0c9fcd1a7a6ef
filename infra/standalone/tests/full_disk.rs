//! A server whose disk accepts nothing more: its errors, and that it continues when there is space.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::http::request;
use common::server::Server;
use common::{PASSWORD, Space};
use serde_json::{Value, json};

#[test]
fn everybody_is_told_that_the_disk_is_full() {
    let space = Space::new(&[]);
    space.add("alice");
    let app = space.storage_token("alice");
    let server = Server::start_without_signals_of_size(&space.data(), &space.flags());
    let session = space.sign_in("alice");
    let (_, connections) = space.call("GET /api/connections", &session, &Value::Null);
    let hook = json!({
        "source": "json", "connection": connections["connections"][0]["id"], "channel": "#general", "secret": null,
    });
    let (status, hook) = space.call("POST /api/hooks", &session, &hook);
    assert_eq!(status, 201, "{hook}");
    let url = hook["url"].as_str().unwrap();
    let hook = url.strip_prefix(server.origin()).unwrap();
    let json = "content-type: application/json";
    let bearer = format!("authorization: Bearer {app}\ncontent-type: text/plain");
    let put = |name: &str| {
        let head = format!("PUT /storage/alice/notes/{name}\n{bearer}");
        request(&space.web, &head, "a note").unwrap()
    };
    assert_eq!(put("first").0, 201);

    let ask = [
        (
            format!("PUT /storage/alice/notes/second\n{bearer}"),
            "a note".to_owned(),
        ),
        (
            format!("POST /api/session\n{json}"),
            json!({"name": "alice", "password": PASSWORD}).to_string(),
        ),
        (
            format!("POST {hook}\n{json}"),
            json!({"text": "an event"}).to_string(),
        ),
        (
            format!("DELETE /storage/alice/notes/first\n{bearer}"),
            String::new(),
        ),
    ];
    let refused = || -> u64 {
        let (status, metrics) = server.request("GET /metrics", "");
        assert_eq!(status, 200, "{metrics}");
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix("subspace_storage_full_total "));
        count.unwrap().parse().unwrap()
    };
    let before = refused();
    server.limit_files(Some(0));
    for (number, (head, body)) in ask.iter().enumerate() {
        let counted = refused();
        let (status, answer) = request(&space.web, head, body).unwrap();
        assert_eq!(status, 507, "{head}: {answer}");
        assert!(answer.contains("the disk is full"), "{head}: {answer}");
        assert!(refused() > counted, "{number}: {head}");
    }
    assert!(refused() >= before + 4);
    let (status, answer) = request(
        &space.web,
        &format!("GET /storage/alice/notes/first\n{bearer}"),
        "",
    )
    .unwrap();
    assert_eq!((status, answer.as_str()), (200, "a note"));
    assert_eq!(
        server
            .log()
            .matches("the disk of the storage is full")
            .count(),
        1
    );

    server.limit_files(None);
    for (head, body) in &ask {
        let (status, answer) = request(&space.web, head, body).unwrap();
        assert!((200..300).contains(&status), "{head}: {status} {answer}");
    }
}
