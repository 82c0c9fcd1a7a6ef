//! The contract over a real Garage, which ignores conditions: this process decides them.
#![allow(clippy::unwrap_used, reason = "tests may fail")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use common::process::{PATIENCE, Running, free_ports, tool};
use common::{Machine, body, open, read, settings};
use futures_util::future::join_all;
use model::AccountName;
use storage_adapter::{
    DocumentPath, DocumentRead, ObjectStore, PutMode, Storage, WriteCondition, contract,
};
use storage_s3::{Commits, S3Settings};

/// As `cargo xtask setup` installs it.
const GARAGE: &str = "garage-2.5.0";
const KEY_ID: &str = "GK31c2f218a2e44f485b94239e";
const SECRET: &str = "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835";

struct Garage {
    _running: Running,
    folder: tempfile::TempDir,
    endpoint: String,
}

fn garage() -> PathBuf {
    tool(GARAGE, "garage")
}

/// Runs an admin command; what it says, if it worked.
fn admin(config: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(garage())
        .arg("-c")
        .arg(config)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{arguments:?}: {}", text(&output.stderr)))
    }
}

impl Garage {
    /// One node with one bucket and one key.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [rpc, s3] = free_ports();
        let config = folder.path().join("garage.toml");
        let at = folder.path().display();
        let text = format!(
            "metadata_dir = \"{at}/meta\"\ndata_dir = \"{at}/data\"\ndb_engine = \"sqlite\"\n\
             replication_factor = 1\nrpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\n\
             rpc_secret = \"{SECRET}\"\n[s3_api]\ns3_region = \"garage\"\napi_bind_addr = \"127.0.0.1:{s3}\"\n"
        );
        std::fs::write(&config, text).unwrap();
        let running = Running::start(Command::new(garage()).arg("-c").arg(&config).arg("server"));
        running.wait_for("S3 API server listening");
        let begun = Instant::now();
        let id = loop {
            match admin(&config, &["node", "id", "-q"]) {
                Ok(id) => break id.trim().split('@').next().unwrap().to_owned(),
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
        };
        for arguments in [
            &["layout", "assign", "-z", "here", "-c", "1G", &id][..],
            &["layout", "apply", "--version", "1"],
            &["key", "import", "--yes", "-n", "test", KEY_ID, SECRET],
            &["bucket", "create", "chat"],
            &[
                "bucket", "allow", "--read", "--write", "chat", "--key", KEY_ID,
            ],
        ] {
            admin(&config, arguments).unwrap();
        }
        Self {
            _running: running,
            folder,
            endpoint: format!("http://127.0.0.1:{s3}"),
        }
    }

    fn settings(&self, more: &[(&str, &str)]) -> S3Settings {
        let mut variables = more.to_vec();
        variables.extend([
            ("BUCKET", "chat"),
            ("REGION", "garage"),
            ("ENDPOINT", &self.endpoint),
            ("ACCESS_KEY_ID", KEY_ID),
            ("SECRET_ACCESS_KEY", SECRET),
        ]);
        settings(&variables)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_keeps_the_contract() {
    let garage = Garage::start();
    let refused = open(&garage.settings(&[])).await.unwrap_err().to_string();
    assert!(refused.contains("does not decide conditions"), "{refused}");
    let alone = [("SINGLE_WRITER", "true"), ("PREFIX", "team")];
    let store = open(&garage.settings(&alone)).await.unwrap();
    assert_eq!(store.commits(), Commits::SingleWriter);
    contract::run_all(Arc::new(store.clone()), "c").await;

    let large = vec![b'x'; 11 << 20];
    store
        .put("large", body(&large), PutMode::IfAbsent)
        .await
        .unwrap();
    assert!(read(&store, "large").await.unwrap() == large);
    assert_eq!(store.tidy(0).await, Ok(0));
    ten_writers(store).await;

    let wrong = [("SECRET_ACCESS_KEY", "guessed"), ("SINGLE_WRITER", "true")];
    let mut variables = wrong.to_vec();
    variables.extend([
        ("BUCKET", "chat"),
        ("REGION", "garage"),
        ("ENDPOINT", &garage.endpoint),
        ("ACCESS_KEY_ID", KEY_ID),
    ]);
    let denied = open(&settings(&variables)).await.unwrap_err().to_string();
    assert!(
        denied.contains("this access key may not do that"),
        "{denied}"
    );
    assert!(garage.folder.path().join("meta").is_dir());
}

/// Ten clients write to one module of the tree at once, and all are heard.
async fn ten_writers(store: common::Store) {
    let tree = Storage::new(Arc::new(store), Arc::new(Machine));
    let alice: AccountName = "alice".parse().unwrap();
    let path = |writer: usize| {
        DocumentPath::from_segments(vec!["notes".into(), format!("n{writer}")]).unwrap()
    };
    let write = |writer: usize| {
        let (tree, alice) = (&tree, &alice);
        async move {
            let bytes = format!("from {writer}");
            tree.put(
                alice,
                &path(writer),
                "text/plain",
                body(bytes.as_bytes()),
                &WriteCondition::None,
                Some(1 << 30),
            )
            .await
            .unwrap();
        }
    };
    join_all((0..10).map(write)).await;
    for writer in 0..10 {
        let found = tree.read_document(&alice, &path(writer), &[], None).await;
        assert!(matches!(found, Ok(DocumentRead::Found { .. })), "{writer}");
    }
}
