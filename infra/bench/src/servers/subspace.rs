//! Our native host: `subspace serve` without the IRC server.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{Ready, fill};
use crate::load::Target;
use crate::process::Server;

/// Starts it with an account and the documents.
///
/// # Errors
///
/// If it could not be started or responded incorrectly.
pub(crate) fn start(binary: &Path, folder: &Path) -> Result<Ready> {
    let data = folder.join("subspace");
    let mut serve = Command::new(binary);
    serve.arg("serve").arg("--data").arg(&data);
    serve.args(["--listen", "127.0.0.1:0", "--ircd-listen", "off"]);
    serve.args([
        "--mail-listen",
        "off",
        "--turn-listen",
        "off",
        "--log",
        "warn",
    ]);
    let (server, origin) = Server::start_until_line(&mut serve, "ready")?;
    let address = origin
        .strip_prefix("http://")
        .context("the ready line names no address")?
        .parse()?;
    let mut add = Command::new(binary);
    add.args(["account", "add", "bench", "--data"]).arg(&data);
    output(&mut add, "a long enough password\n")?;
    let mut token = Command::new(binary);
    token.args(["token", "bench", "--scope", "bench:rw", "--data"]);
    let token = output(token.arg(&data), "")?;
    let folder = "/storage/bench/bench/documents/".to_owned();
    let target = Target {
        address,
        listing: folder.clone(),
        folder,
        authorization: format!("Bearer {}", token.trim()),
        hooks: Vec::new(),
    };
    fill(&target)?;
    Ok(Ready {
        name: "subspace",
        server,
        target,
    })
}

fn output(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "{} failed ({})",
            command.get_program().display(),
            output.status
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
