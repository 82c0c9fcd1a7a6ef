//! Scenarios of users and connectors.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{KEY, LIMIT, PASSWORD, SETUP, Server, client, header, now, signed, text};

/// Sends a request signed by the connector.
async fn as_connector(
    server: &Server,
    method: &str,
    path: &str,
    body: &str,
    key: &[u8],
) -> Response {
    let request = signed(&server.origin, (method, path), body, key, now());
    request.send().await.unwrap()
}

/// Sign-up by invite, discovery, a connection, a ticket, a connector's message, the archive.
pub async fn an_account_from_set_up_to_archive(server: Server) {
    let about = client().get(format!("{}/api", server.origin)).send().await;
    let about: Value = about.unwrap().json().await.unwrap();
    assert_eq!(about["needs_setup"], false);
    let again = json!({"name": "mallory", "password": PASSWORD, "setup": SETUP});
    let again = client()
        .post(format!("{}/api/accounts", server.origin))
        .json(&again);
    assert_eq!(again.send().await.unwrap().status(), StatusCode::FORBIDDEN);

    let invite = server.api("POST", "/api/invites", Value::Null).await;
    assert_eq!(invite.status(), StatusCode::CREATED);
    let invite = text(&invite.json().await.unwrap(), "token");
    let bob = json!({"name": "bob", "password": PASSWORD, "invite": invite});
    for expected in [StatusCode::CREATED, StatusCode::FORBIDDEN] {
        let request = client().post(format!("{}/api/accounts", server.origin));
        let mut bob = bob.clone();
        if expected == StatusCode::FORBIDDEN {
            bob["name"] = json!("carol");
        }
        let made = request.json(&bob).timeout(LIMIT).send().await.unwrap();
        assert_eq!(made.status(), expected, "{}", made.text().await.unwrap());
    }

    let authority = server.origin.trim_start_matches("http://");
    let resource = format!("acct%3Aalice%40{}", authority.replace(':', "%3A"));
    let finger = client().get(format!(
        "{}/.well-known/webfinger?resource={resource}",
        server.origin
    ));
    let finger: Value = finger.send().await.unwrap().json().await.unwrap();
    let links = finger["links"].as_array().unwrap();
    let root = server.storage("");
    assert!(
        links.iter().any(|link| link["href"] == root.as_str()),
        "{finger}"
    );

    let connection = json!({"platform": "irc", "host": "irc.example.org", "nick": "alice"});
    let made = server.api("POST", "/api/connections", connection).await;
    let status = made.status();
    let connection: Value = made.json().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{connection}");
    let ticket = server.api("POST", "/api/tickets", Value::Null).await;
    assert_eq!(ticket.status(), StatusCode::OK);

    let path = "/connector/assignments?account=alice";
    let wrong = as_connector(&server, "GET", path, "", b"another-key-of-somebody").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let assigned = as_connector(&server, "GET", path, "", KEY).await;
    assert_eq!(assigned.status(), StatusCode::OK);
    let assigned: Value = assigned.json().await.unwrap();
    assert_eq!(
        assigned["assignments"][0]["connection"]["id"],
        connection["id"]
    );

    let event = json!({"events": [{
        "id": "event-1",
        "account": "alice",
        "connection": connection["id"],
        "event": "joined",
        "channel": "#lobby",
    }]});
    let body = event.to_string();
    // At least once: a repeat changes nothing.
    for _ in 0..2 {
        let stored = as_connector(&server, "POST", "/connector/events", &body, KEY).await;
        assert_eq!(stored.status(), StatusCode::OK);
        let receipt: Value = stored.json().await.unwrap();
        assert_eq!(receipt["stored"], 1, "{receipt}");
    }
    let path = format!("/api/connections/{}", text(&connection, "id"));
    let known: Value = server
        .api("GET", &path, Value::Null)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(known["channels"], json!(["#lobby"]), "{known}");
}

/// Wrong or revoked credentials admit nobody.
pub async fn wrong_passwords_and_revoked_sessions(server: Server) {
    let client = client();
    let sign_in = |password: &'static str| {
        let body = json!({"name": "alice", "password": password});
        client
            .post(format!("{}/api/session", server.origin))
            .json(&body)
            .timeout(LIMIT)
            .send()
    };
    assert_eq!(
        sign_in("wrong password").await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let session: Value = sign_in(PASSWORD).await.unwrap().json().await.unwrap();
    let token = session["token"].as_str().unwrap();
    let ask = |method: Method| {
        client
            .request(method, format!("{}/api/session", server.origin))
            .bearer_auth(token)
            .send()
    };
    assert_eq!(ask(Method::GET).await.unwrap().status(), StatusCode::OK);
    assert_eq!(
        ask(Method::DELETE).await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    let gone = ask(Method::GET).await.unwrap();
    assert_eq!(gone.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&gone, "content-type"), "application/problem+json");
}
