//! Support for unit tests: a store in memory, a host with a manually set clock, requests.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::kernel::host::Host;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use protocol::{OutboxTask, Say, Timestamp};
use serde_json::Value;
use storage_adapter::memory::{Faults, MemoryStore};
use storage_adapter::{AnyStore, GetOptions, ObjectStore, Storage};

use crate::Functions;
use crate::kernel::bucket::BucketError;
use crate::kernel::bucket::BucketSettings;
use crate::kernel::bucket::OpenedBucket;
use crate::kernel::config::Config;
use crate::kernel::config::Connector;
use crate::kernel::config::ConnectorKind;
use crate::kernel::config::DefaultNetwork;
use crate::kernel::guard::ClientAddress;

/// Runs a future to completion; nothing in these tests waits for external events.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..10_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
    panic!("the future does not come to an end");
}

/// The responses of other servers.
type Network = Box<
    dyn FnMut(Request<Bytes>) -> Result<http::Response<Bytes>, crate::kernel::host::FetchError>
        + Send,
>;

pub(crate) struct TestHost {
    now: AtomicI64,
    random: AtomicU64,
    /// Requests to other servers so far.
    pub(crate) fetches: AtomicU64,
    /// Without it there is no network.
    pub(crate) network: Mutex<Option<Network>>,
    /// Damaged records reported to the operator.
    pub(crate) damaged: Mutex<Vec<String>>,
    /// Store errors reported to the operator.
    pub(crate) troubles: Mutex<Vec<String>>,
    /// Whether waiting takes time.
    pub(crate) time_passes: AtomicBool,
    /// Buckets that accounts may use, by name; any other one cannot be reached.
    pub(crate) buckets: Mutex<HashMap<String, Arc<MemoryStore>>>,
}

impl TestHost {
    pub(crate) fn advance(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Host for TestHost {
    async fn fetch(
        &self,
        request: Request<Bytes>,
        _: crate::kernel::host::FetchLimits,
    ) -> Result<http::Response<Bytes>, crate::kernel::host::FetchError> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        if let Some(network) = self.network.lock().unwrap().as_mut() {
            return network(request);
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        Err(crate::kernel::host::FetchError::Unreachable(
            host,
            "tests have no network".to_owned(),
        ))
    }

    async fn open_bucket(
        &self,
        settings: &BucketSettings,
        _: Option<bool>,
    ) -> Result<OpenedBucket, BucketError> {
        let buckets = self.buckets.lock().unwrap();
        let store = buckets
            .get(&settings.bucket)
            .ok_or_else(|| BucketError(format!("there is no bucket \"{}\"", settings.bucket)))?;
        Ok(OpenedBucket {
            store: AnyStore::new(Arc::clone(store)),
            parts: true,
        })
    }

    fn opens_buckets(&self) -> bool {
        true
    }

    fn tell_damaged(&self, sentence: &str) {
        self.damaged.lock().unwrap().push(sentence.to_owned());
    }

    fn tell_store(&self, words: &str) {
        self.troubles.lock().unwrap().push(words.to_owned());
    }
}

impl storage_adapter::Host for TestHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::Relaxed))
    }

    fn random(&self, bytes: &mut [u8]) {
        // splitmix64: different values each time, the same in every run.
        for byte in bytes {
            let mut z = self
                .random
                .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (z >> 56) as u8;
        }
    }

    async fn sleep(&self, millis: u64) {
        if !self.time_passes.load(Ordering::Relaxed) {
            return;
        }
        self.advance(i64::try_from(millis).unwrap());
        let mut waited = false;
        // Lets others go first. Within a set of futures, only a woken one is polled again.
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// Lets others go first this many times.
pub(crate) async fn wait(mut times: usize) {
    std::future::poll_fn(|context| {
        let Some(left) = times.checked_sub(1) else {
            return Poll::Ready(());
        };
        times = left;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub(crate) type TestFunctions = Functions<MemoryStore, TestHost>;

pub(crate) const ORIGIN: &str = "https://chat.example.org";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const SETUP: &str = "set-up-token";
pub(crate) const KEY: &[u8] = b"connector-key";

/// The id of these tests' connector of a kind; all have the same [`KEY`].
pub(crate) const fn kind_of(kind: ConnectorKind) -> &'static str {
    match kind {
        ConnectorKind::Gateway => "irc-1",
        ConnectorKind::Ircd => "ircd-1",
        ConnectorKind::Smtp => "smtp-1",
    }
}

/// Creates functions over an empty store, at 2026-01-15T10:00:00Z.
pub(crate) fn functions() -> TestFunctions {
    functions_with(|_| {})
}

pub(crate) fn functions_with(change: impl FnOnce(&mut Config)) -> TestFunctions {
    let host = TestHost {
        now: AtomicI64::new(
            "2026-01-15T10:00:00Z"
                .parse::<Timestamp>()
                .unwrap()
                .millis(),
        ),
        random: AtomicU64::new(1),
        fetches: AtomicU64::new(0),
        network: Mutex::default(),
        damaged: Mutex::default(),
        troubles: Mutex::default(),
        time_passes: AtomicBool::new(false),
        buckets: Mutex::default(),
    };
    let mut config = Config::new(ORIGIN, [7; 32]).unwrap();
    config.setup_token = Some(SETUP.into());
    let connector = |kind, url: &str, platforms: &[&str]| Connector {
        id: kind_of(kind).into(),
        kind,
        url: url.into(),
        platforms: platforms.iter().map(|&p| p.into()).collect(),
        key: KEY.to_vec(),
    };
    config.connectors = vec![
        connector(ConnectorKind::Gateway, "https://irc.example.org", &["irc"]),
        connector(ConnectorKind::Ircd, "", &[]),
        connector(ConnectorKind::Smtp, "", &[]),
    ];
    config.network = Some(DefaultNetwork {
        name: "Home".into(),
        server: "chat.example.org".into(),
        host: "127.0.0.1".into(),
        port: 6667,
        secure: false,
        channels: vec!["#lobby".into()],
        other_ports: vec![6697],
    });
    change(&mut config);
    Functions::new(
        Storage::new(Arc::new(MemoryStore::new()), Arc::new(host)),
        config,
    )
}

/// A task for a gateway: a line of a webhook in a channel of alice's.
pub(crate) fn say(line: &str) -> OutboxTask {
    OutboxTask::Say(Say {
        account: "alice".parse().unwrap(),
        connection: "c1".to_owned(),
        target: "#lobby".to_owned(),
        from: "GitHub".to_owned(),
        lines: vec![line.to_owned()],
        notice: false,
        source: None,
    })
}

/// A response, read completely.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Returns the detail of a problem.
    pub(crate) fn detail(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl TestFunctions {
    pub(crate) fn host(&self) -> &TestHost {
        self.kernel.storage().host()
    }

    pub(crate) fn memory(&self) -> &MemoryStore {
        self.kernel.storage().store()
    }

    /// Creates a bucket that accounts can use as their own.
    pub(crate) fn add_bucket(&self, name: &str) -> Arc<MemoryStore> {
        let store = Arc::new(MemoryStore::new().with_digests());
        let mut buckets = self.host().buckets.lock().unwrap();
        buckets.insert(name.to_owned(), Arc::clone(&store));
        store
    }

    /// Makes every request to the store fail, or none.
    pub(crate) fn set_down(&self, down: bool) {
        self.memory().set_faults(Faults {
            refuse: if down { 100 } else { 0 },
            ..Faults::default()
        });
    }

    /// Returns all bytes of all objects, to search them for secrets.
    pub(crate) fn dump(&self) -> String {
        let mut text = String::new();
        for key in self.memory().keys() {
            let object = block_on(self.memory().get(&key, GetOptions::default())).unwrap();
            let bytes = block_on(crate::kernel::body::collect(object.body, u64::MAX));
            let bytes = bytes.unwrap().unwrap();
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
        text
    }

    pub(crate) fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let client = ClientAddress::parse("192.0.2.1");
        self.request_from(client, method, target, headers, body)
    }

    /// Sends a request from another address.
    pub(crate) fn request_from(
        &self,
        client: ClientAddress,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        *request.uri_mut() = target.parse().unwrap();
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let (parts, body) = block_on(self.handle(request, client)).into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: block_on(body.collect()).unwrap().to_bytes(),
        }
    }

    /// Sends a request signed by the connector `id`.
    pub(crate) fn signed(
        &self,
        id: &str,
        method: &str,
        target: &str,
        body: impl Into<Bytes>,
    ) -> Reply {
        self.signed_with(id, KEY, (method, target), body)
    }

    /// The same with another key.
    pub(crate) fn signed_with(
        &self,
        id: &str,
        key: &[u8],
        (method, target): (&str, &str),
        body: impl Into<Bytes>,
    ) -> Reply {
        let body = body.into();
        let signed = protocol::signed_headers(id, key, (method, target), self.kernel.now(), &body);
        let headers: Vec<(&str, &str)> = signed
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.request(method, target, &headers, body)
    }

    /// Sends JSON with a token.
    pub(crate) fn api(&self, method: &str, target: &str, token: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.request(method, target, &[("authorization", &bearer)], body)
    }

    /// Creates an account; returns the token of its session.
    pub(crate) fn sign_up(&self, name: &str) -> String {
        block_on(
            self.identity
                .create_account(name, PASSWORD, name == "alice"),
        )
        .unwrap();
        self.sign_in(name)
    }

    pub(crate) fn sign_in(&self, name: &str) -> String {
        let body = serde_json::json!({"name": name, "password": PASSWORD});
        let reply = self.request("POST", "/api/session", &[], body.to_string());
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// Creates an app's token.
    pub(crate) fn grant(&self, account: &str, scopes: &str) -> String {
        let account = account.parse().unwrap();
        block_on(
            self.identity
                .create_grant(&account, "test", scopes.parse().unwrap()),
        )
        .unwrap()
    }
}
