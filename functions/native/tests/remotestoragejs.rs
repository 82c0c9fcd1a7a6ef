//! The real remotestorage.js from npm, in Node, against a server that listens.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{PASSWORD, Server};
use tokio::process::Command;

/// Time for the whole suite, with installing.
const LIMIT: Duration = Duration::from_secs(180);

async fn run(program: &str, arguments: &[&str], folder: &Path) {
    let child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, child)
        .await
        .unwrap_or_else(|_| panic!("{program} took longer than {LIMIT:?}"))
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}{}",
        output.status,
        readable(&output.stdout),
        readable(&output.stderr)
    );
}

/// Leaves out what node shows of minified sources.
fn readable(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().filter(|line| line.len() < 400);
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_stay_in_step() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/remotestoragejs");
    if !folder.join("node_modules/remotestoragejs").exists() {
        run("npm", &["ci", "--no-audit", "--no-fund"], &folder).await;
    }
    let server = Server::start().await;
    let user = format!("alice@{}", server.address);
    run(
        "node",
        &["sync.mjs", &user, PASSWORD, &server.origin],
        &folder,
    )
    .await;
}
