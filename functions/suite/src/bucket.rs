//! An account's own bucket.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{KEY, LIMIT, Server, client, header, now, s3, signed};

/// Documents that exist before the move.
const DOCUMENTS: usize = 30;

fn place(endpoint: &str, secret: &str) -> Value {
    json!({
        "kind": "bucket", "endpoint": endpoint, "region": s3::REGION, "bucket": s3::BUCKET, "prefix": "mine",
        "access_key_id": s3::KEY_ID, "secret_access_key": secret,
    })
}

/// The API's response, which must be a success.
async fn told(server: &Server, method: &str, path: &str, body: Value) -> Value {
    let answer = server.api(method, path, body).await;
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{method} {path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

/// Moves the account to the end.
async fn moved(server: &Server, to: Value) -> Value {
    told(server, "PUT", "/api/store", to).await;
    let moving = async {
        loop {
            let view = told(server, "POST", "/api/store/move", Value::Null).await;
            if view["moving"].is_null() {
                return view;
            }
        }
    };
    tokio::time::timeout(LIMIT, moving).await.unwrap()
}

/// All documents below a folder, with their versions.
async fn everything(server: &Server, token: &str) -> BTreeMap<String, (String, String)> {
    let mut all = BTreeMap::new();
    let mut folders = vec!["/".to_owned()];
    while let Some(folder) = folders.pop() {
        let listed: Value = server.get(token, &folder).await.json().await.unwrap();
        for name in listed["items"].as_object().unwrap().keys() {
            let path = format!("{folder}{name}");
            if name.ends_with('/') {
                folders.push(path);
                continue;
            }
            let read = server.get(token, &path).await;
            assert_eq!(read.status(), StatusCode::OK, "{path}");
            let version = header(&read, "etag").to_owned();
            all.insert(path, (version, read.text().await.unwrap()));
        }
    }
    all
}

/// A user cannot make the functions connect to their own private network.
pub async fn a_bucket_in_a_private_network_is_refused(server: Server) {
    let view = told(&server, "GET", "/api/store", Value::Null).await;
    assert_eq!(view["place"], json!({"kind": "installation"}));
    let available = view["available"] == true;
    for (endpoint, words) in [
        ("http://127.0.0.1:9", "its address must begin with https://"),
        ("http://localhost:9", "its address must begin with https://"),
        (
            "https://127.0.0.1:9",
            "is not an address on the public internet",
        ),
        (
            "https://[::1]:9",
            "is not an address on the public internet",
        ),
        (
            "https://10.1.2.3",
            "is not an address on the public internet",
        ),
    ] {
        let words = if available {
            words
        } else {
            "cannot use accounts' own buckets"
        };
        let tested = told(
            &server,
            "POST",
            "/api/store/test",
            place(endpoint, s3::SECRET),
        )
        .await;
        assert_eq!(tested["works"], false, "{endpoint}");
        let detail = tested["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{endpoint}: {detail}");
        let put = server.api("PUT", "/api/store", place(endpoint, s3::SECRET));
        assert_eq!(put.await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// There and back with every version; in between the bucket fails, which affects nobody else.
pub async fn an_account_moves_to_a_bucket_of_its_own_and_back(server: Server) {
    let bucket = s3::Server::start(s3::Abilities {
        conditions: true,
        matches_nothing: false,
        conditions_of_parts: true,
    })
    .await;
    let test = |secret: &'static str| {
        let place = place(&bucket.endpoint(), secret);
        told(&server, "POST", "/api/store/test", place)
    };
    let refused = test("another-secret").await;
    assert_eq!(refused["works"], false, "{refused}");
    assert!(!refused.to_string().contains("another-secret"));
    let works = test(s3::SECRET).await;
    assert_eq!(works["works"], true, "{works}");
    let objects = || bucket.state.lock().unwrap().objects.len();
    assert_eq!(objects(), 0, "trying it out leaves something behind");

    let token = server.token("*:rw").await;
    for n in 0..DOCUMENTS {
        let path = format!("/notes/{}/{n}", n % 3);
        let put = server.put(&token, &path, format!("text {n}")).await;
        assert_eq!(put.status(), StatusCode::CREATED);
    }
    let before = everything(&server, &token).await;
    assert_eq!(before.len(), DOCUMENTS);
    let view = moved(&server, place(&bucket.endpoint(), s3::SECRET)).await;
    assert_eq!(view["place"]["bucket"], s3::BUCKET, "{view}");
    assert!(!view.to_string().contains(s3::SECRET));
    assert_eq!(everything(&server, &token).await, before);
    let there = objects();
    assert!(there > DOCUMENTS, "{there}");
    let put = server.put(&token, "/notes/there", "only there").await;
    assert_eq!(put.status(), StatusCode::CREATED);
    assert!(objects() > there);

    while_it_fails(&server, &bucket, &token).await;

    let all = everything(&server, &token).await;
    let view = told(&server, "DELETE", "/api/store/left", Value::Null).await;
    assert_eq!(view["left"], json!([]));
    assert_eq!(everything(&server, &token).await, all);
    let view = moved(&server, json!({"kind": "installation"})).await;
    assert_eq!(view["place"], json!({"kind": "installation"}));
    told(&server, "DELETE", "/api/store/left", Value::Null).await;
    assert_eq!(objects(), 0);
    assert_eq!(everything(&server, &token).await, all);
}

/// Only the account's own requests and messages wait.
async fn while_it_fails(server: &Server, bucket: &s3::Server, token: &str) {
    let invite = told(server, "POST", "/api/invites", Value::Null).await;
    let bob = json!({"name": "bob", "password": crate::PASSWORD, "invite": invite["token"]});
    let made = client().post(format!("{}/api/accounts", server.origin));
    let made = made.json(&bob).timeout(LIMIT).send().await.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);

    bucket.set_faults(s3::Faults {
        slow_down: 100,
        ..s3::Faults::default()
    });
    let read = server.get(token, "/notes/there").await;
    assert_eq!(read.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!header(&read, "retry-after").is_empty());
    let problem = read.text().await.unwrap();
    assert!(
        problem.contains("the account's own bucket does not answer"),
        "{problem}"
    );
    let receipt = said(server).await;
    assert_eq!(receipt["stored"], 1, "{receipt}");
    assert_eq!(receipt["waiting"][0]["account"], "alice", "{receipt}");
    assert!(receipt["waiting"][1].is_null(), "{receipt}");

    bucket.set_faults(s3::Faults::default());
    assert_eq!(said(server).await, json!({"stored": 2}));
    let path = "/chat-messages/irc.example/channels/a/2026/01/10";
    let day: Value = server.get(token, path).await.json().await.unwrap();
    let messages = day["today"]["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{day}");
}

/// The receipt for a message of each of the two.
async fn said(server: &Server) -> Value {
    let timestamp = "2026-01-10T10:00:00Z"
        .parse::<protocol::Timestamp>()
        .unwrap();
    let message = |account: &str| {
        json!({
            "id": "1", "account": account, "connection": "private", "event": "message", "server": "irc.example",
            "target": {"type": "channel", "name": "#a"},
            "message": {"id": "1", "timestamp": timestamp.millis(), "from": "x", "text": "hello", "type": "text"}
        })
    };
    let body = json!({"events": [message("alice"), message("bob")]}).to_string();
    let path = "/connector/events";
    let request = signed(&server.origin, ("POST", path), &body, KEY, now());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}
