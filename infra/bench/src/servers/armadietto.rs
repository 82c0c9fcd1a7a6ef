//! armadietto with file storage, started like its own start script does.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Ready, fill, wait};
use crate::load::Target;
use crate::process::{Server, free_address};
use crate::wire::{Answer, ask_once, request};

const PASSWORD: &str = "a-long-enough-password";

/// Starts it, signs up, authorises, and writes the documents.
///
/// # Errors
///
/// If it could not be started or responded incorrectly.
pub(crate) fn start(package: &Path, folder: &Path) -> Result<Ready> {
    let address = free_address()?;
    let folder = folder.join("armadietto");
    let (storage, logs) = (folder.join("storage"), folder.join("logs"));
    std::fs::create_dir_all(&storage)?;
    std::fs::create_dir_all(&logs)?;
    // Logging every request would slow it down, so it is off.
    let config = format!(
        r#"{{"allow_signup":true,"storage_path":{storage:?},"cache_views":true,"basePath":"",
"http":{{"host":"127.0.0.1","port":{}}},
"logging":{{"log_dir":{logs:?},"stdout":[],"log_files":["error"]}}}}"#,
        address.port()
    );
    let file = folder.join("config.json");
    std::fs::write(&file, config)?;
    let mut node = Command::new("node");
    node.arg(package.join("bin/armadietto.js"))
        .arg("-c")
        .arg(&file)
        .current_dir(&folder)
        .env("NODE_ENV", "production");
    let server = Server::start_until_listening(&mut node, address)?;
    let token = wait(authorise(address))?;
    let folder = "/storage/bench/bench/documents/".to_owned();
    let target = Target {
        address,
        listing: folder.clone(),
        folder,
        authorization: format!("Bearer {token}"),
        hooks: Vec::new(),
    };
    fill(&target)?;
    Ok(Ready {
        name: "armadietto",
        server,
        target,
    })
}

async fn authorise(address: SocketAddr) -> Result<String> {
    let form = format!("username=bench&email=bench%40example.test&password={PASSWORD}");
    let answer = post(address, "/signup", &form).await?;
    if answer.status != 201 {
        bail!("armadietto answered the sign-up with {}", answer.status);
    }
    let form = format!(
        "username=bench&password={PASSWORD}&allow=Allow&response_type=token&scope=bench%3Arw\
         &client_id=http%3A%2F%2Fbench.test&redirect_uri=http%3A%2F%2Fbench.test%2F"
    );
    let answer = post(address, "/oauth", &form).await?;
    let location = answer.header("location").unwrap_or_default();
    let token = location
        .split(['#', '&'])
        .find_map(|pair| pair.strip_prefix("access_token="))
        .with_context(|| format!("armadietto gave no token ({})", answer.status))?;
    // Tokens are base64; armadietto itself decodes the header.
    Ok(token.to_owned())
}

async fn post(address: SocketAddr, path: &str, form: &str) -> Result<Answer> {
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    ask_once(address, &request("POST", path, &[kind], form.as_bytes())).await
}
