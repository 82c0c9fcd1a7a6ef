//! A Socket.IO client using polling, in which the test makes every request itself.

use std::collections::VecDeque;

use protocol::Timestamp;
use serde_json::{Value, json};

use super::TIME_LIMIT;
use super::functions::{ID, KEY};

/// An HTTP client.
pub fn http() -> reqwest::Client {
    let tls = tls::trusting(&[]).unwrap();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
    client.no_proxy().build().unwrap()
}

/// An Engine.IO session with at most one namespace in use.
pub struct Polling {
    http: reqwest::Client,
    url: String,
    namespace: &'static str,
    packets: VecDeque<String>,
    acks: u32,
}

impl Polling {
    /// Starts a session; returns the status if it is refused.
    pub async fn begin(url: &str) -> Result<Self, u16> {
        Self::begin_from(url, None).await
    }

    /// Starts a session behind a proxy that forwards the client's address.
    async fn begin_from(url: &str, address: Option<&str>) -> Result<Self, u16> {
        let http = http();
        let url = format!("{url}/sockethub/?EIO=4&transport=polling");
        let mut request = http.get(&url);
        if let Some(address) = address {
            request = request.header("x-forwarded-for", address);
        }
        let response = request.send().await.unwrap();
        if !response.status().is_success() {
            return Err(response.status().as_u16());
        }
        let text = response.text().await.unwrap();
        let open: Value = serde_json::from_str(text.strip_prefix('0').unwrap()).unwrap();
        Ok(Self {
            http,
            url: format!("{url}&sid={}", open["sid"].as_str().unwrap()),
            namespace: "",
            packets: VecDeque::new(),
            acks: 0,
        })
    }

    /// Starts a session and connects to a namespace, `""` or `"/calls,"`.
    pub async fn open(url: &str, namespace: &'static str, auth: Value) -> Self {
        Self::open_from(url, None, namespace, auth).await
    }

    /// The same, behind a proxy that forwards the client's address.
    pub async fn open_from(
        url: &str,
        address: Option<&str>,
        namespace: &'static str,
        auth: Value,
    ) -> Self {
        let mut client = Self::begin_from(url, address).await.unwrap();
        client.namespace = namespace;
        assert_eq!(client.post(format!("40{namespace}{auth}")).await, 200);
        let connected = client.packet().await;
        assert!(
            connected.is_some_and(|packet| packet.starts_with(&format!("40{namespace}"))),
            "a session connects"
        );
        client
    }

    /// The part of the URL that identifies the session.
    pub fn sid(&self) -> &str {
        &self.url[self.url.find("&sid=").unwrap()..]
    }

    /// Sends an Engine.IO packet; returns the status.
    pub async fn post(&self, packet: String) -> u16 {
        let request = self.http.post(&self.url).body(packet);
        request.send().await.unwrap().status().as_u16()
    }

    pub async fn emit(&self, event: &str, value: Value) {
        let packet = format!("42{}{}", self.namespace, json!([event, value]));
        self.post(packet).await;
    }

    /// Sends an event and returns the first argument of its ack, or `None` if the session ends first.
    pub async fn ask(&mut self, event: &str, value: Value) -> Option<Value> {
        self.acks += 1;
        let (namespace, id) = (self.namespace, self.acks);
        let event = json!([event, value]);
        self.post(format!("42{namespace}{id}{event}")).await;
        let ack = format!("43{namespace}{id}");
        // Packets before it are kept for callers of `event`.
        let mut before = VecDeque::new();
        let answer = loop {
            let packet = self.packet().await?;
            if let Some(arguments) = packet.strip_prefix(&ack) {
                let arguments: Value = serde_json::from_str(arguments).unwrap();
                break arguments[0].clone();
            }
            before.push_back(packet);
        };
        before.append(&mut self.packets);
        self.packets = before;
        Some(answer)
    }

    /// Returns the next event with this name, or `None` if the session ends first.
    pub async fn event(&mut self, name: &str) -> Option<Value> {
        let start = format!("42{}", self.namespace);
        loop {
            let packet = self.packet().await?;
            if let Some(event) = packet.strip_prefix(&start) {
                let event: Value = serde_json::from_str(event).unwrap();
                if event[0] == name {
                    return Some(event[1].clone());
                }
            }
        }
    }

    /// Returns whether the server ends the namespace.
    pub async fn ends(&mut self) -> bool {
        while self.packet().await.is_some() {}
        true
    }

    /// Returns the next packet other than pings, or `None` once the namespace or the session has ended.
    pub async fn packet(&mut self) -> Option<String> {
        let next = tokio::time::timeout(TIME_LIMIT, self.next_packet()).await;
        next.expect("something comes in time")
    }

    async fn next_packet(&mut self) -> Option<String> {
        loop {
            while let Some(packet) = self.packets.pop_front() {
                match packet.as_str() {
                    "2" => {
                        self.post("3".to_owned()).await;
                    }
                    "" | "6" => {}
                    end if end == "1" || end == format!("41{}", self.namespace) => return None,
                    _ => return Some(packet),
                }
            }
            let poll = self.http.get(&self.url).timeout(TIME_LIMIT).send().await;
            let response = poll.unwrap();
            if !response.status().is_success() {
                return None;
            }
            let text = response.text().await.unwrap();
            self.packets.extend(text.split('\u{1e}').map(str::to_owned));
        }
    }

    /// Breaks off without leaving the namespace.
    pub async fn break_off(&self) {
        self.post("1".to_owned()).await;
    }
}

/// Wakes the gateway as the functions do; returns the status.
pub async fn wake(url: &str, query: &str) -> u16 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let now = Timestamp::from_millis(now.as_millis() as i64);
    let target = format!("{}{query}", protocol::WAKE_PATH);
    let signature = protocol::sign_request(KEY, "POST", &target, now, b"");
    let http = http();
    let request = http
        .post(format!("{url}{target}"))
        .header(protocol::CONNECTOR_HEADER, ID)
        .header(protocol::TIME_HEADER, now.millis().to_string())
        .header(protocol::SIGNATURE_HEADER, signature);
    request.send().await.unwrap().status().as_u16()
}
