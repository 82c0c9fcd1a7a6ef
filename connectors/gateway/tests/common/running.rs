//! A running gateway, and Node scripts that use it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gateway::{Gateway, GatewayConfig};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::TIME_LIMIT;
use super::functions::{ID, KEY, ticket};
use super::network::Network;

/// A running gateway.
pub struct Running {
    pub url: String,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub async fn start(origin: &str, spool: &Path, network: &Arc<Network>) -> Self {
        Self::start_with(origin, spool, network, |_| {}).await
    }

    pub async fn start_with(
        origin: &str,
        spool: &Path,
        network: &Arc<Network>,
        change: impl FnOnce(&mut GatewayConfig),
    ) -> Self {
        let mut config = GatewayConfig::new(ID, KEY, origin, spool);
        config.limits.refresh = Duration::from_millis(100);
        config.limits.publish_interval = Duration::from_millis(5);
        config.limits.publish_age = Duration::from_millis(10);
        config.limits.retry = Duration::from_millis(50);
        config.limits.flush = Duration::from_secs(2);
        change(&mut config);
        let gateway = Gateway::start(config, vec![Arc::clone(network) as _]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async {
            let stopped = async { drop(stopped.await) };
            gateway::serve(listener, gateway, stopped).await.unwrap();
        });
        Self { url, stop, task }
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(TIME_LIMIT, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// Runs a script of `tests/node`, installing its dependencies first.
pub async fn node(script: &str, url: &str, more: serde_json::Value) -> String {
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
    text(&output.stdout)
}

/// Runs `probe.mjs`; returns what it prints.
pub async fn probe(url: &str, more: serde_json::Value) -> serde_json::Value {
    let printed = node("probe.mjs", url, more).await;
    serde_json::from_str(&printed).unwrap()
}
