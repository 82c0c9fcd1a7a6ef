//! A real server on a free port, over a folder of files, stopped when it is dropped.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by suites of which none uses everything"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use functions_core::{Config, Connector, Functions};
use functions_native::{Limits, NativeHost, serve_with};
use storage_adapter::Storage;
use storage_fs::FsStore;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The functions over a folder.
pub type NativeFunctions = Functions<FsStore, NativeHost>;

/// The password of every account.
pub const PASSWORD: &str = "correct horse";
/// The key of the connector.
pub const KEY: &[u8] = b"connector-key-of-the-tests";

/// A server that is listening.
pub struct Server {
    pub address: SocketAddr,
    pub origin: String,
    pub functions: Arc<NativeFunctions>,
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
            id: "irc-1".into(),
            url: "http://127.0.0.1:1".into(),
            platforms: vec!["irc".into()],
            key: KEY.to_vec(),
        }];
        change(&mut config);
        let store = FsStore::open(folder.path()).unwrap();
        let storage = Storage::new(Arc::new(store), Arc::new(NativeHost::new(true)));
        let functions = Arc::new(Functions::new(storage, config));
        functions
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
            stop: Some(stop),
            running: Some(running),
            _folder: folder,
        }
    }

    /// Makes a token of an app of alice's.
    pub async fn token(&self, scopes: &str) -> String {
        let account = "alice".parse().unwrap();
        self.functions
            .create_grant(&account, "tests", scopes.parse().unwrap())
            .await
            .unwrap()
    }

    /// Returns the address of something in alice's storage.
    pub fn storage(&self, path: &str) -> String {
        format!("{}/storage/alice{path}", self.origin)
    }

    /// Tells the server to stop; returns what waits for its end.
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
