//! Archives on an external server: armadietto, behind a proxy.

use functions_suite::armadietto::Armadietto;
use functions_suite::proxy::Proxy;
use functions_suite::{PASSWORD, client};
use protocol::Timestamp;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::Server;

/// The scope of a token for archives.
pub const SCOPE: &str = "chat-messages:rw";
/// Where the messages are.
pub const CHANNEL: &str = "chat-messages/irc.example/channels/a";

/// The functions with the accounts alice and bob, and a server where alice has a storage.
pub struct World {
    pub server: Server,
    pub away: Armadietto,
    /// Between the two, without any fault at first.
    pub proxy: Proxy,
    pub http: Client,
    session: String,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let away = Armadietto::start(folder.path());
        let proxy = Proxy::start(&away.address).await;
        let server = Server::start().await;
        server
            .functions
            .identity()
            .create_account("bob", PASSWORD, false)
            .await
            .unwrap();
        let http = client();
        let answer: Value = http
            .post(format!("{}/api/session", server.origin))
            .json(&json!({"name": "alice", "password": PASSWORD}))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        Self {
            session: answer["token"].as_str().unwrap().to_owned(),
            server,
            away,
            proxy,
            http,
            _folder: folder,
        }
    }

    pub async fn api(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self
            .http
            .request(
                method.parse().unwrap(),
                format!("{}/api/{path}", self.server.origin),
            )
            .bearer_auth(&self.session)
            .json(body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    /// alice's address there, through the proxy.
    pub fn user(&self) -> String {
        format!("alice@{}", self.proxy.address)
    }

    /// alice's storage there, through the proxy.
    pub fn root(&self) -> String {
        format!("http://{}/storage/alice", self.proxy.address)
    }

    /// Connects it, like the client.
    pub async fn connect(&self, token: &str) -> (StatusCode, Value) {
        let body = json!({"user_address": self.user(), "root": self.root(), "token": token});
        self.api("PUT", "archive", &body).await
    }

    /// The state of external archives, as the user sees it.
    pub async fn state(&self) -> Value {
        self.api("GET", "session", &Value::Null).await.1["archive"].clone()
    }

    /// Sends events, as a connector does.
    pub async fn send(&self, events: &[Value]) -> Value {
        let body = json!({"events": events}).to_string();
        let request = self.server.signed("POST", "/connector/events", &body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Sends until nothing waits, like a connector but without its pauses.
    pub async fn send_until_stored(&self, events: &[Value]) {
        for _ in 0..200 {
            let receipt = self.send(events).await;
            let Some(waiting) = receipt.get("waiting") else {
                assert_eq!(receipt["stored"], events.len(), "{receipt}");
                return;
            };
            let seconds = waiting[0]["retry_after"].as_u64().unwrap();
            self.server.advance(seconds);
        }
        panic!("it waits for ever: {}", self.state().await);
    }

    /// The messages of a day on that server.
    pub fn ids(&self, token: &str, day: &str) -> Vec<String> {
        let document = self.away.read(token, &format!("{CHANNEL}/{day}"));
        ids(&document.unwrap_or_default())
    }
}

/// The messages of a day's document.
pub fn ids(document: &Value) -> Vec<String> {
    let messages = document["today"]["messages"].as_array();
    let id = |message: &Value| message["id"].as_str().unwrap().to_owned();
    messages.into_iter().flatten().map(id).collect()
}

/// The n-th day of 2026, as archives name it.
pub fn day_path(n: u32) -> String {
    noon(n).day().to_string()
}

fn noon(n: u32) -> Timestamp {
    let first: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    first.plus_millis(i64::from(n - 1) * 86_400_000)
}

/// A message in #a, some seconds after noon of the n-th day of 2026.
pub fn message(account: &str, id: &str, n: u32, second: u32) -> Value {
    let timestamp = noon(n).plus_millis(i64::from(second) * 1_000).millis();
    json!({
        "id": id, "account": account, "connection": "private", "event": "message", "server": "irc.example",
        "target": {"type": "channel", "name": "#a"},
        "message": {"id": id, "timestamp": timestamp, "from": "bob", "text": id, "type": "text"}
    })
}
