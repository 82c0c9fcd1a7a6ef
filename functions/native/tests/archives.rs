//! Archives on an external remoteStorage server: armadietto, which is stopped, loses its tokens, and has other writers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking and says why")]

mod common;

use std::collections::BTreeSet;

use common::away::{CHANNEL, SCOPE, World, message};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_is_tried_before_it_is_used() {
    let w = World::new().await;
    let (status, found) = w
        .api(
            "GET",
            &format!("archive/discovery?address={}", w.user()),
            &Value::Null,
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(found["root"], w.root());
    let authorize = format!("http://{}/oauth/alice", w.proxy.address);
    assert_eq!(found["authorize"], authorize);

    let token = w.away.authorise(SCOPE);
    let refused = |(status, problem): (StatusCode, Value), part: &str| {
        assert_eq!(status, 422, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{detail}");
    };
    refused(
        w.connect("wrong").await,
        "authorise with the scope chat-messages:rw",
    );
    refused(
        w.connect(&w.away.authorise("chat-messages:r")).await,
        "authorise with the scope",
    );
    refused(w.connect("two words").await, "token is not valid");
    for (user, root, part) in [
        ("alice", None, "is not a user address"),
        ("alice@127.0.0.1:1", None, "could not be reached"),
        (
            w.user().as_str(),
            Some("https://elsewhere.example/storage/alice"),
            "not https://elsewhere",
        ),
        (
            w.user().as_str(),
            Some("http://192.0.2.1/storage/alice"),
            "cannot be the address",
        ),
        (
            &format!("alice@{}", w.server.address),
            None,
            "own storage here",
        ),
    ] {
        let body = json!({"user_address": user, "root": root, "token": token});
        refused(w.api("PUT", "archive", &body).await, part);
    }
    assert_eq!(w.state().await, Value::Null);

    let (status, view) = w.connect(&token).await;
    assert_eq!(status, 200, "{view}");
    assert_eq!(
        (&view["state"], &view["root"]),
        (&json!("ok"), &json!(w.root()))
    );
    assert!(view.get("token").is_none());
    assert_eq!(w.state().await["authorize"], authorize);
    // The probe left nothing behind.
    let listing = w.away.read(&token, "chat-messages/").unwrap();
    assert_eq!(listing["items"], json!({}));
    // The account's own client can read there too.
    let (status, own) = w.api("GET", "archive/token", &Value::Null).await;
    assert_eq!((status, &own["token"]), (StatusCode::OK, &json!(token)));

    let (status, _) = w.api("DELETE", "archive", &Value::Null).await;
    assert_eq!(status, 204);
    assert_eq!(w.state().await, Value::Null);
    assert_eq!(w.api("GET", "archive/token", &Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_are_written_there_linked_and_once() {
    let w = World::new().await;
    let token = w.away.authorise(SCOPE);
    assert_eq!(w.connect(&token).await.0, 200);
    let events = [
        message("alice", "1", 10, 1),
        message("alice", "2", 10, 2),
        message("alice", "3", 12, 3),
        message("bob", "home", 10, 1),
    ];
    for _ in 0..2 {
        assert_eq!(
            w.send(&events).await,
            json!({"stored": 4, "elsewhere": ["alice"]})
        );
    }
    assert_eq!(
        w.send(&[message("alice", "4", 11, 4)]).await,
        json!({"stored": 1, "elsewhere": ["alice"]})
    );
    assert_eq!(w.ids(&token, "2026/01/10"), ["1", "2"]);
    let day = |day: &str| {
        w.away
            .read(&token, &format!("{CHANNEL}/2026/01/{day}"))
            .unwrap()
    };
    assert_eq!(day("10")["today"]["next"], "2026/01/11");
    assert_eq!(day("11")["today"]["previous"], "2026/01/10");
    assert_eq!(day("11")["today"]["next"], "2026/01/12");
    assert_eq!(day("12")["today"]["previous"], "2026/01/11");
    let meta = w.away.read(&token, &format!("{CHANNEL}/meta")).unwrap();
    assert_eq!(
        (&meta["first"], &meta["last"]),
        (&json!("2026/01/10"), &json!("2026/01/12"))
    );
    // None of alice's messages are here, but bob's are.
    let functions = &w.server.functions;
    for (account, status) in [("alice", 404), ("bob", 200)] {
        let name = account.parse().unwrap();
        let token = functions
            .identity()
            .create_grant(&name, "test", "*:r".parse().unwrap())
            .await
            .unwrap();
        let url = format!("{}/storage/{account}/{CHANNEL}/2026/01/10", w.server.origin);
        let answer = w.http.get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{account}");
    }
    // Back here: from now on, and only new messages.
    w.api("DELETE", "archive", &Value::Null).await;
    assert_eq!(
        w.send(&[message("alice", "5", 12, 5)]).await,
        json!({"stored": 1})
    );
    assert_eq!(w.ids(&token, "2026/01/12"), ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_who_write_there_lose_nothing() {
    let w = World::new().await;
    let token = w.away.authorise(SCOPE);
    assert_eq!(w.connect(&token).await.0, 200);
    w.away
        .write(&token, &format!("{CHANNEL}/2026/01/09"), "no archive");
    // Four senders, each with its own messages and one that all have.
    let send = |n: u32| {
        let w = &w;
        async move {
            for m in 0..5 {
                let own = message("alice", &format!("{n}-{m}"), 10, n * 10 + m);
                w.send_until_stored(&[own, message("alice", "same", 10, 59)])
                    .await;
            }
        }
    };
    // And another program, which follows the same rules.
    let foreign = async {
        let url = format!("{}/{CHANNEL}/2026/01/10", w.root());
        let mut written = 0;
        while written < 5 {
            let answer = w.http.get(&url).bearer_auth(&token).send().await.unwrap();
            let tag = answer.headers().get("etag").cloned();
            // That server writes in place: meanwhile a document is missing, or truncated.
            let (Some(tag), Ok(mut document)) = (tag, answer.json::<Value>().await) else {
                tokio::task::yield_now().await;
                continue;
            };
            document["today"]["messages"].as_array_mut().unwrap().push(
                json!({"id": format!("foreign-{written}"), "timestamp": 1_768_040_000_000_i64 + written, "text": "x"}),
            );
            let answer = w
                .http
                .put(&url)
                .bearer_auth(&token)
                .header("if-match", tag)
                .header("content-type", "application/json")
                .body(document.to_string())
                .send()
                .await
                .unwrap();
            written += i64::from(answer.status().is_success());
        }
    };
    tokio::join!(send(0), send(1), send(2), send(3), foreign);
    let found = w.ids(&token, "2026/01/10");
    let unique: BTreeSet<&String> = found.iter().collect();
    assert_eq!(found.len(), unique.len(), "none twice: {found:?}");
    assert_eq!(unique.len(), 4 * 5 + 1 + 5, "none lost: {found:?}");
    // A document that is not an archive is kept alongside.
    w.send_until_stored(&[message("alice", "beside", 9, 1)])
        .await;
    assert_eq!(w.ids(&token, "2026/01/09"), ["beside"]);
    let listing = w.away.read(&token, &format!("{CHANNEL}/2026/01/")).unwrap();
    let names: Vec<&String> = listing["items"].as_object().unwrap().keys().collect();
    assert!(
        names.iter().any(|name| name.starts_with("09.damaged-")),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_down_messages_wait_and_others_go_on() {
    let mut w = World::new().await;
    let token = w.away.authorise(SCOPE);
    assert_eq!(w.connect(&token).await.0, 200);
    w.send(&[message("alice", "1", 10, 1)]).await;
    w.away.stop();
    let mine = message("alice", "2", 10, 2);
    let receipt = w.send(&[mine.clone(), message("bob", "b", 10, 1)]).await;
    assert_eq!(receipt["stored"], 1, "{receipt}");
    let waiting = receipt["waiting"].as_array().unwrap();
    assert_eq!(
        (waiting.len(), &waiting[0]["account"]),
        (1, &json!("alice"))
    );
    assert!(waiting[0]["retry_after"].as_u64().unwrap() > 0);
    let state = w.state().await;
    assert_eq!(state["state"], "unreachable");
    let reason = state["reason"].as_str().unwrap();
    assert!(
        reason.contains("127.0.0.1 could not be reached"),
        "{reason}"
    );
    assert_eq!(w.send(std::slice::from_ref(&mine)).await["stored"], 0);
    w.away.start_again();
    w.send_until_stored(std::slice::from_ref(&mine)).await;
    w.send_until_stored(&[mine]).await;
    assert_eq!(w.ids(&token, "2026/01/10"), ["1", "2"]);
    let state = w.state().await;
    assert_eq!((&state["state"], state.get("reason")), (&json!("ok"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_token_was_revoked_the_user_renews_it() {
    let w = World::new().await;
    let token = w.away.authorise(SCOPE);
    assert_eq!(w.connect(&token).await.0, 200);
    w.send(&[message("alice", "1", 10, 1)]).await;
    w.away.revoke(&token);
    let mine = message("alice", "2", 10, 2);
    assert_eq!(w.send(std::slice::from_ref(&mine)).await["stored"], 0);
    let state = w.state().await;
    assert_eq!(state["state"], "renew", "{state}");
    let reason = state["reason"].as_str().unwrap();
    assert!(
        reason.contains("no longer accepts the authorisation"),
        "{reason}"
    );
    assert!(
        state["authorize"]
            .as_str()
            .unwrap()
            .ends_with("/oauth/alice")
    );
    assert!(state["since"].as_str().unwrap() > state["connected"].as_str().unwrap());
    // It is not retried immediately.
    assert!(
        w.send(std::slice::from_ref(&mine)).await["waiting"][0]["retry_after"]
            .as_u64()
            .unwrap()
            > 60
    );
    let renewed = w.away.authorise(SCOPE);
    assert_eq!(w.connect(&renewed).await.0, 200);
    assert_eq!(w.state().await["state"], "ok");
    assert_eq!(
        w.send(&[mine]).await,
        json!({"stored": 1, "elsewhere": ["alice"]})
    );
    assert_eq!(w.ids(&renewed, "2026/01/10"), ["1", "2"]);
}
