//! A real server on a free port, over a folder of files and with a clock that can be advanced; stopped when dropped.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by suites of which none uses everything"
)]

pub mod away;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use functions_core::{
    BucketError, BucketSettings, Config, Connector, FetchError, FetchLimits, Functions, Host,
    OpenedBucket,
};
use functions_native::{NativeHost, serve_with};
use functions_suite::{CONNECTOR, KEY, PASSWORD};
use http::{Request, Response};
use http_server::Limits;
use protocol::Timestamp;
use reqwest::RequestBuilder;
use storage_adapter::{Host as _, Storage};
use storage_fs::FsStore;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The functions over a folder.
pub type NativeFunctions = Functions<FsStore, TestHost>;

/// This machine, with a clock that can be advanced.
#[derive(Clone, Debug)]
pub struct TestHost {
    machine: NativeHost,
    ahead: Arc<AtomicI64>,
}

impl Host for TestHost {
    async fn fetch(
        &self,
        request: Request<Bytes>,
        limits: FetchLimits,
    ) -> Result<Response<Bytes>, FetchError> {
        self.machine.fetch(request, limits).await
    }

    async fn open_bucket(
        &self,
        settings: &BucketSettings,
        parts: Option<bool>,
    ) -> Result<OpenedBucket, BucketError> {
        self.machine.open_bucket(settings, parts).await
    }

    fn opens_buckets(&self) -> bool {
        self.machine.opens_buckets()
    }
}

impl storage_adapter::Host for TestHost {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        self.machine.now().plus_millis(ahead)
    }

    fn random(&self, bytes: &mut [u8]) {
        self.machine.random(bytes);
    }

    async fn sleep(&self, millis: u64) {
        self.machine.sleep(millis).await;
    }
}

/// A server that is listening.
pub struct Server {
    pub address: SocketAddr,
    pub origin: String,
    pub functions: Arc<NativeFunctions>,
    host: TestHost,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<std::io::Result<()>>>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts one with the account alice.
    pub async fn start() -> Self {
        Self::start_with(Limits::default(), |_| {}).await
    }

    /// Starts one with other limits or another configuration.
    pub async fn start_with(limits: Limits, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let origin = format!("http://{address}");
        let mut config = Config::new(&origin, [7; 32]).unwrap();
        config.connectors = vec![Connector {
            id: CONNECTOR.into(),
            kind: functions_core::ConnectorKind::Gateway,
            url: "http://127.0.0.1:1".into(),
            platforms: vec!["irc".into()],
            key: KEY.to_vec(),
        }];
        change(&mut config);
        let store = FsStore::open(folder.path()).unwrap();
        let host = TestHost {
            machine: NativeHost::new(true),
            ahead: Arc::default(),
        };
        let storage = Storage::new(Arc::new(store), Arc::new(host.clone()));
        let functions = Arc::new(Functions::new(storage, config));
        functions
            .identity()
            .create_account("alice", PASSWORD, true)
            .await
            .unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&functions);
        let running = tokio::spawn(serve_with(listener, serving, limits, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            origin,
            functions,
            host,
            stop: Some(stop),
            running: Some(running),
            _folder: folder,
        }
    }

    /// Advances its clock.
    pub fn advance(&self, seconds: u64) {
        let millis = i64::try_from(seconds * 1_000).unwrap();
        self.host.ahead.fetch_add(millis, Ordering::Relaxed);
    }

    /// Creates a signed request of the connector.
    pub fn signed(&self, method: &str, path: &str, body: &str) -> RequestBuilder {
        let now = self.host.now();
        functions_suite::signed(&self.origin, (method, path), body, KEY, now)
    }

    /// Creates an app's token for alice.
    pub async fn token(&self, scopes: &str) -> String {
        let account = "alice".parse().unwrap();
        self.functions
            .identity()
            .create_grant(&account, "tests", scopes.parse().unwrap())
            .await
            .unwrap()
    }

    /// Returns the address of something in alice's storage.
    pub fn storage(&self, path: &str) -> String {
        format!("{}/storage/alice{path}", self.origin)
    }

    /// Tells the server to stop; returns a handle to wait for its end.
    pub fn stop(&mut self) -> JoinHandle<std::io::Result<()>> {
        drop(self.stop.take());
        self.running.take().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}
