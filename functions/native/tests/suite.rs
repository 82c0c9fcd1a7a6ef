//! The suite of all hosts, over the native server.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;

use functions_core::Functions;
use functions_core::variables::Variables;
use functions_native::{NativeHost, serve_with};
use functions_suite::{Server, Settings};
use http_server::Limits;
use storage_adapter::Storage;
use storage_fs::FsStore;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

functions_suite::suite!(start);

async fn start(settings: Settings) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let set = settings.variables(&format!("http://{address}"));
    let variables = Variables::read(&|name| {
        let found = set.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.clone())
    })
    .unwrap();
    let host = Arc::new(NativeHost::new(variables.any_network));
    let store = Arc::new(FsStore::open(folder.path()).unwrap());
    let functions = Functions::new(Storage::new(store, host), variables.config);
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(serve_with(
        listener,
        Arc::new(functions),
        Limits::default(),
        async {
            // Dropped with the suite's server.
            let _ = stopped.await;
        },
    ));
    Server::ready(address, (stop, folder)).await
}
