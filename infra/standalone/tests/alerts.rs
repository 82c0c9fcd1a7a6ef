//! A webhook with its real sender: Prometheus' Alertmanager, from Debian, posts an alert to a channel.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::{Child, Command, Stdio};

use common::hooks::Channel;
use common::server::free_address;
use common::{http, until};
use serde_json::{Value, json};

/// Alertmanager; killed with the test.
#[derive(Debug)]
struct Alertmanager {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    /// Starts it with one receiver, and waits until it accepts alerts.
    fn start(url: &str, secret: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "route": {
                "receiver": "team",
                "group_by": ["alertname"],
                "group_wait": "0s",
                "group_interval": "1s",
            },
            "receivers": [{"name": "team", "webhook_configs": [{
                "url": url,
                "http_config": {"authorization": {"credentials": secret}},
            }]}],
        });
        // YAML is a superset of JSON.
        let file = folder.path().join("alertmanager.yml");
        std::fs::write(&file, config.to_string()).unwrap();
        let address = free_address();
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self {
            child,
            address,
            _folder: folder,
        };
        until("alertmanager is ready", || {
            let answer = http::request(&started.address, "GET /-/ready", "");
            answer.filter(|(status, _)| *status == 200)
        });
        started
    }

    fn post(&self, alerts: &Value) {
        let head = "POST /api/v2/alerts\ncontent-type: application/json";
        let (status, body) = http::request(&self.address, head, &alerts.to_string()).unwrap();
        assert_eq!(status, 200, "{body}");
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn alertmanager_tells_the_channel() {
    let channel = Channel::start();
    let hook = channel.hook("alertmanager", Some("a-secret-of-the-test"));
    let guest = &channel.guest;
    let sender = Alertmanager::start(&hook.url, "a-secret-of-the-test");
    let disk = json!({
        "labels": {"alertname": "DiskFull", "instance": "db1", "severity": "critical"},
        "annotations": {"summary": "The disk of db1 is full\r\nQUIT :injected"},
        "generatorURL": "http://prometheus.example/graph",
    });
    sender.post(&json!([disk]));
    let line = guest.expect("[Alertmanager] [FIRING] DiskFull");
    assert!(
        line.contains("The disk of db1 is full")
            && line.ends_with("http://prometheus.example/graph"),
        "{line}"
    );
    let mut over = disk;
    over["endsAt"] = json!("2020-01-01T00:00:00Z");
    over["startsAt"] = json!("2019-01-01T00:00:00Z");
    sender.post(&json!([over]));
    guest.expect("[Alertmanager] [RESOLVED] DiskFull");
    until("both deliveries are said", || {
        let deliveries = hook.deliveries();
        let said = |delivery: &Value| delivery["outcome"] == "delivered";
        (deliveries.len() == 2 && deliveries.iter().all(said)).then_some(())
    });

    // A sender without the secret posts nothing.
    let other = Alertmanager::start(&hook.url, "another-secret");
    other.post(&json!([{"labels": {"alertname": "Forged"}}]));
    until("the forged one is refused", || {
        let (_, text) = http::request(&other.address, "GET /metrics", "")?;
        text.lines()
            .find(|line| {
                line.starts_with("alertmanager_notifications_failed_total{")
                    && line.contains("webhook")
                    && !line.ends_with(" 0")
            })
            .map(str::to_owned)
    });
    assert!(!guest.lines.all().iter().any(|line| line.contains("Forged")));
    assert!(channel.server.stop());
}
