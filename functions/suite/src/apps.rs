//! The real remotestorage.js from npm, in Node.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::{PASSWORD, Server};

/// The time limit for all of it, including installation.
const APPS_LIMIT: Duration = Duration::from_secs(180);

/// Discovery, the consent page, two devices, both directions, a conflict, a deletion, a revoked token.
pub async fn remotestorage_js_keeps_two_devices_in_step(server: Server) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("remotestoragejs");
    if !folder.join("node_modules/remotestoragejs").exists() {
        run("npm", &["ci", "--no-audit", "--no-fund"], &folder).await;
    }
    let user = format!("alice@{}", server.address);
    let arguments = ["sync.mjs", &user, PASSWORD, &server.origin];
    run("node", &arguments, &folder).await;
}

async fn run(program: &str, arguments: &[&str], folder: &Path) {
    let child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(APPS_LIMIT, child)
        .await
        .unwrap_or_else(|_| panic!("{program} took longer than {APPS_LIMIT:?}"))
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}{}",
        output.status,
        readable(&output.stdout),
        readable(&output.stderr)
    );
}

/// Removes the excerpts of minified sources from node's output.
fn readable(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().filter(|line| line.len() < 400);
    lines.flat_map(|line| [line, "\n"]).collect()
}
