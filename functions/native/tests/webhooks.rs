//! A webhook over HTTP/1.1, from its creation to the connector's outbox, from the service's and the connector's point
//! of view.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use common::Server;
use functions_suite::{PASSWORD, client};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const SECRET: &str = "It's-a-Secret-to-Everybody";
/// HMAC-SHA256 of [`PING`] with [`SECRET`].
const SIGNATURE: &str = "sha256=a22ce72d18324da2c2d440068a7f3c0fa70a5c50650fc3a6280b61b641e9ab3f";
const PING: &str = r#"{"zen":"Keep it logically awesome.","repository":{"name":"demo"},"hook":{"events":["push"]}}"#;

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn a_signed_delivery_waits_in_the_outbox_and_gets_its_outcome() {
    let server = Server::start().await;
    let api =
        |method: Method, path: &str| client().request(method, format!("{}{path}", server.origin));
    let session = json!({"name": "alice", "password": PASSWORD});
    let (_, session) = answer(api(Method::POST, "/api/session").json(&session)).await;
    let token = session["token"].as_str().unwrap();
    let connection = json!({"platform": "irc", "host": "127.0.0.1", "port": 1, "secure": false, "channels": ["#dev"]});
    let made = api(Method::POST, "/api/connections").bearer_auth(token);
    let (status, connection) = answer(made.json(&connection)).await;
    assert_eq!(status, 201, "{connection}");
    let hook = json!({"source": "github", "connection": connection["id"], "channel": "#dev", "secret": SECRET});
    let made = api(Method::POST, "/api/hooks").bearer_auth(token);
    let (status, hook) = answer(made.json(&hook)).await;
    assert_eq!(status, 201, "{hook}");
    let url = hook["url"].as_str().unwrap();
    assert!(url.starts_with(&server.origin), "{url}");

    let post = |signature: &'static str| {
        client()
            .post(url)
            .header("content-type", "application/json")
            .header("x-github-event", "ping")
            .header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
            .header("x-hub-signature-256", signature)
            .body(PING)
    };
    let (status, problem) = answer(post("sha256=00")).await;
    assert_eq!(status, 403, "{problem}");
    for _ in 0..2 {
        let (status, reply) = answer(post(SIGNATURE)).await;
        assert_eq!(
            (status, &reply["outcome"]),
            (200, &json!("queued")),
            "{reply}"
        );
    }
    let (status, outbox) = answer(server.signed("GET", "/connector/outbox", "")).await;
    assert_eq!(status, 200);
    let items = outbox["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{outbox}");
    let line = "[demo] GitHub sends its events here now for push - Keep it logically awesome.";
    assert_eq!(items[0]["lines"], json!([line]));

    let receipt = json!({"done": [items[0]["id"]]}).to_string();
    assert_eq!(
        answer(server.signed("POST", "/connector/outbox", &receipt))
            .await
            .0,
        204
    );
    let path = format!("/api/hooks/{}", hook["id"].as_str().unwrap());
    let (_, shown) = answer(api(Method::GET, &path).bearer_auth(token)).await;
    assert_eq!(shown["deliveries"][0]["outcome"], "delivered");
    assert_eq!(shown["deliveries"][1]["outcome"], "refused");
    assert!(shown["secret"].is_null() && shown["url"].is_null());
    // Opening the address in a browser reveals what it is, and nothing else.
    let about = client().get(url).send().await.unwrap();
    assert_eq!(about.status(), 200);
    assert!(about.text().await.unwrap().contains("webhook"));
}
