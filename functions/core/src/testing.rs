//! What unit tests need: a store in memory, a host with a clock that is set by hand, requests.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use model::Timestamp;
use serde_json::Value;
use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Host, Object, ObjectStore, PutMode, Storage, StoreError,
};

use crate::{ClientAddress, Config, Connector, DefaultNetwork, Functions};

/// Runs a future to its end; nothing in these tests waits for anything outside.
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

#[derive(Debug, Default)]
pub(crate) struct TestStore {
    objects: Mutex<BTreeMap<String, (u64, Bytes)>>,
    versions: AtomicU64,
    /// Every request fails while this is set.
    pub(crate) down: AtomicBool,
}

impl TestStore {
    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("down".into()));
        }
        Ok(())
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    /// Returns all bytes of all objects, to look for secrets.
    pub(crate) fn dump(&self) -> String {
        let objects = self.objects.lock().unwrap();
        let text = |(_, bytes): &(u64, Bytes)| String::from_utf8_lossy(bytes).into_owned();
        objects.values().map(text).collect()
    }
}

impl ObjectStore for TestStore {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        self.up()?;
        let objects = self.objects.lock().unwrap();
        let (version, bytes) = objects.get(key).ok_or(StoreError::NotFound)?;
        let etag = ETag(version.to_string());
        if options.if_none_match.as_ref() == Some(&etag) {
            return Err(StoreError::NotModified);
        }
        let length = bytes.len() as u64;
        let range = options.range.unwrap_or(0..length);
        let (start, end) = (range.start.min(length), range.end.min(length));
        let part = bytes.slice(start as usize..end.max(start) as usize);
        Ok(Object {
            etag,
            length,
            body: Box::pin(futures_util::stream::iter([Ok(part)])),
        })
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        self.up()?;
        let bytes = crate::body::collect(body, u64::MAX).await?;
        let mut objects = self.objects.lock().unwrap();
        let current = objects
            .get(key)
            .map(|(version, _)| ETag(version.to_string()));
        let fits = match mode {
            PutMode::IfAbsent => current.is_none(),
            PutMode::IfMatch(etag) => current == Some(etag),
            PutMode::Overwrite => true,
        };
        if !fits {
            return Err(StoreError::Precondition);
        }
        let version = self.versions.fetch_add(1, Ordering::Relaxed);
        objects.insert(key.to_owned(), (version, bytes));
        Ok(ETag(version.to_string()))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.up()?;
        self.objects.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        self.up()?;
        let objects = self.objects.lock().unwrap();
        let after = |key: &&String| start_after.is_none_or(|after| key.as_str() > after);
        Ok(objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after(key))
            .take(1000)
            .map(|(key, (version, bytes))| Entry {
                key: key.clone(),
                etag: ETag(version.to_string()),
                length: bytes.len() as u64,
            })
            .collect())
    }
}

#[derive(Debug)]
pub(crate) struct TestHost {
    now: AtomicI64,
    random: AtomicU64,
}

impl TestHost {
    pub(crate) fn advance(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Host for TestHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::Relaxed))
    }

    fn random(&self, bytes: &mut [u8]) {
        // splitmix64: different every time, the same in every run.
        for byte in bytes {
            let mut z = self
                .random
                .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (z >> 56) as u8;
        }
    }

    async fn sleep(&self, _: u64) {}
}

pub(crate) type TestFunctions = Functions<TestStore, TestHost>;

pub(crate) const ORIGIN: &str = "https://chat.example.org";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const SETUP: &str = "set-up-token";
pub(crate) const KEY: &[u8] = b"connector-key";

/// Makes functions over an empty store, at 2026-01-15T10:00:00Z.
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
    };
    let mut config = Config::new(ORIGIN, [7; 32]).unwrap();
    config.setup_token = Some(SETUP.into());
    config.connectors = vec![Connector {
        id: "irc-1".into(),
        url: "https://irc.example.org".into(),
        platforms: vec!["irc".into()],
        key: KEY.to_vec(),
    }];
    config.network = Some(DefaultNetwork {
        name: "Home".into(),
        server: "chat.example.org".into(),
        host: "127.0.0.1".into(),
        port: 6667,
        secure: false,
        channels: vec!["#lobby".into()],
    });
    change(&mut config);
    Functions::new(
        Storage::new(Arc::new(TestStore::default()), Arc::new(host)),
        config,
    )
}

/// An answer that was read to its end.
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

    /// Returns the sentence of a problem.
    pub(crate) fn detail(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl TestFunctions {
    pub(crate) fn host(&self) -> &TestHost {
        self.storage.host()
    }

    pub(crate) fn request(
        &self,
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
        let client = ClientAddress::parse("192.0.2.1");
        let (parts, body) = block_on(self.handle(request, client)).into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: block_on(body.collect()).unwrap().to_bytes(),
        }
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

    /// Makes an account; returns the token of its session.
    pub(crate) fn sign_up(&self, name: &str) -> String {
        block_on(self.create_account(name, PASSWORD, name == "alice")).unwrap();
        self.sign_in(name)
    }

    pub(crate) fn sign_in(&self, name: &str) -> String {
        let body = serde_json::json!({"name": name, "password": PASSWORD});
        let reply = self.request("POST", "/api/session", &[], body.to_string());
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// Makes a token of an app.
    pub(crate) fn grant(&self, account: &str, scopes: &str) -> String {
        let account = account.parse().unwrap();
        block_on(self.create_grant(&account, "test", scopes.parse().unwrap())).unwrap()
    }
}
