//! The gateway with a small chat network behind it and real clients, in Node, before it.

mod common;

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use common::functions::{Functions, ID, KEY, assignment, ticket};
use common::network::Network;
use common::{TIME_LIMIT, until};
use connector::{Gateway, GatewayConfig};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A gateway that serves.
struct Running {
    url: String,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(origin: &str, spool: &Path, network: &Arc<Network>) -> Self {
        let mut config = GatewayConfig::new(ID, KEY, origin, spool);
        config.limits.refresh = Duration::from_millis(100);
        config.limits.publish_interval = Duration::from_millis(5);
        config.limits.retry = Duration::from_millis(50);
        config.limits.flush = Duration::from_millis(500);
        let gateway = Gateway::start(config, vec![Arc::clone(network) as _]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(connector::serve(listener, gateway, async {
            let _ = stopped.await;
        }));
        Self { url, stop, task }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(TIME_LIMIT, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// Runs a script of `tests/node`, installing what it needs before.
async fn node(script: &str, url: &str, more: serde_json::Value) {
    static INSTALLED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    let install = || async {
        if !dir.join("node_modules/socket.io-client").exists() {
            let mut npm = tokio::process::Command::new("npm");
            let npm = npm
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&dir);
            assert!(
                npm.status().await.expect("npm is needed").success(),
                "npm ci failed"
            );
        }
    };
    INSTALLED.get_or_init(install).await;
    let scenario = serde_json::json!({
        "url": url,
        "tickets": {
            "alice": ticket("alice", ID, 60_000), "bob": ticket("bob", ID, 60_000),
            "carol": ticket("carol", ID, 60_000), "brief": ticket("alice", ID, 14_000),
            "expired": ticket("alice", ID, -1), "elsewhere": ticket("alice", "irc2", 60_000),
        },
        "more": more,
    });
    let child = tokio::process::Command::new("node")
        .arg(script)
        .current_dir(&dir)
        .env("SCENARIO", scenario.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is needed");
    let output = tokio::time::timeout(TIME_LIMIT, child.wait_with_output()).await;
    let output = output.expect("the script ends in time").unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{script}:\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// A gateway with two accounts.
struct World {
    functions: Functions,
    network: Arc<Network>,
    running: Running,
    dir: tempfile::TempDir,
}

async fn world() -> World {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    functions.state.lock().unwrap().assignments = vec![
        assignment("alice", "alice", &[]),
        assignment("bob", "bob", &[]),
    ];
    let network = Network::new();
    let running = Running::start(&functions.origin, dir.path(), &network).await;
    World {
        functions,
        network,
        running,
        dir,
    }
}

async fn script(name: &str) -> World {
    let world = world().await;
    node(name, &world.running.url, serde_json::Value::Null).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_dialect() {
    let world = script("current.mjs").await;
    let published = |text: &str| {
        world.functions.stored().iter().any(|event| {
            matches!(&event.body, model::EventBody::Message { message, .. } if message.text == text)
        })
    };
    until("everything is published", || {
        ["hello", "psst", "New"].into_iter().all(published)
    })
    .await;
    world.running.stop().await;
    assert!(
        world
            .network
            .log()
            .contains(&"quit alice: the server is shutting down".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mode_full() {
    let world = script("full.mjs").await;
    // With the last socket gone, the connection is told that nobody looks.
    until("away", || {
        world
            .network
            .log()
            .last()
            .is_some_and(|line| line.ends_with(" 0"))
    })
    .await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_dialect() {
    script("old.mjs").await.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_without_a_ticket() {
    script("refused.mjs").await.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input() {
    script("bad.mjs").await.running.stop().await;
}
