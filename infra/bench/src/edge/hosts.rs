//! The hosts, each started with an account, documents and webhooks.

use std::cell::Cell;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use functions_suite::s3;
use serde_json::{Value, json};

use super::Options;
use crate::load::Target;
use crate::process::{Server, free_address};
use crate::servers::{fill, wait};
use crate::wire::{Answer, Connection, ask_once, request};

const SETUP: &str = "the-set-up-token";
const PASSWORD: &str = "a long enough password";
/// 16 connections and 1.
const HOOKS: usize = 17;
/// Requests of one kind, sent sequentially.
const ROUNDS: u32 = 50;
/// The same for large documents and for passwords.
const FEW_ROUNDS: u32 = 5;
/// Bytes of a large document.
const LARGE: usize = 10 << 20;

/// A listening host.
pub(super) struct Host {
    pub(super) name: &'static str,
    pub(super) server: Server,
    pub(super) target: Target,
    pub(super) start: Duration,
    pub(super) first: Duration,
    pub(super) second: Duration,
    used_hooks: Cell<usize>,
    _store: Store,
}

/// The store of a host.
struct Store {
    folder: tempfile::TempDir,
    bucket: Option<Bucket>,
}

/// An S3 server in this process. The server is dropped first.
struct Bucket {
    server: s3::Server,
    _runtime: tokio::runtime::Runtime,
}

impl Host {
    /// Returns hooks without any event yet.
    pub(super) fn hooks(&self, count: usize) -> Vec<String> {
        let used = self.used_hooks.replace(self.used_hooks.get() + count);
        let fresh = self.target.hooks.iter().skip(used).take(count);
        fresh.cloned().collect()
    }
}

/// Starts one by its name in the flag `--hosts`.
///
/// # Errors
///
/// If there is none of that name, it does not start, or it responds incorrectly.
pub(super) fn start(name: &str, options: &Options) -> Result<Host> {
    let name = match name {
        "fs" => "native, fs",
        "s3" => "native, S3",
        "spin" => "Spin, S3",
        "workers" => "Workers, R2",
        _ => bail!("--hosts {name}: expected fs, s3, spin or workers"),
    };
    let address = free_address()?;
    let folder = tempfile::tempdir()?;
    let bucket = if name.ends_with("S3") {
        Some(start_bucket()?)
    } else {
        None
    };
    let store = Store { folder, bucket };
    let mut variables = variables(address, &store)?;
    variables.push(("SUBSPACE_PASSWORD_COST", options.password_cost.clone()));
    let started = Instant::now();
    let server = launch(name, options, address, &variables, &store)?;
    let start = started.elapsed();
    let asked = || -> Result<Duration> {
        let before = Instant::now();
        let answer = wait(ask_once(address, &request("GET", "/api", &[], &[])))?;
        if answer.status != 200 {
            bail!("{name}: GET /api was answered with {}", answer.status);
        }
        Ok(before.elapsed())
    };
    let (first, second) = (asked()?, asked()?);
    let target = set_up(address).with_context(|| name)?;
    fill(&target)?;
    Ok(Host {
        name,
        server,
        target,
        start,
        first,
        second,
        used_hooks: Cell::new(0),
        _store: store,
    })
}

fn start_bucket() -> Result<Bucket> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let server = runtime.block_on(s3::Server::start(s3::Abilities {
        conditions: true,
        matches_nothing: false,
        conditions_of_parts: true,
    }));
    Ok(Bucket {
        server,
        _runtime: runtime,
    })
}

fn variables(address: SocketAddr, store: &Store) -> Result<Vec<(&'static str, String)>> {
    let mut variables = vec![
        ("SUBSPACE_ORIGIN", format!("http://{address}")),
        ("SUBSPACE_MASTER_KEY", "0f".repeat(32)),
        ("SUBSPACE_SETUP_TOKEN", SETUP.to_owned()),
    ];
    // The connector of the hooks' connection; nothing runs there, so events wait in its queue.
    let connector = json!([{
        "id": "irc-1", "url": "http://127.0.0.1:1", "platforms": ["irc"], "key": "0e".repeat(32),
    }]);
    let file = store.folder.path().join("connectors.json");
    std::fs::write(&file, connector.to_string())?;
    variables.push(("SUBSPACE_CONNECTORS", connector.to_string()));
    variables.push(("SUBSPACE_CONNECTORS_FILE", file.display().to_string()));
    if let Some(bucket) = &store.bucket {
        variables.extend([
            ("SUBSPACE_S3_ENDPOINT", bucket.server.endpoint()),
            ("SUBSPACE_S3_BUCKET", s3::BUCKET.to_owned()),
            ("SUBSPACE_S3_REGION", s3::REGION.to_owned()),
            ("SUBSPACE_S3_ACCESS_KEY_ID", s3::KEY_ID.to_owned()),
            ("SUBSPACE_S3_SECRET_ACCESS_KEY", s3::SECRET.to_owned()),
        ]);
    }
    Ok(variables)
}

fn launch(
    name: &str,
    options: &Options,
    address: SocketAddr,
    variables: &[(&'static str, String)],
    store: &Store,
) -> Result<Server> {
    let folder = store.folder.path();
    match name {
        "Spin, S3" => {
            let mut wasmtime = Command::new(&options.wasmtime);
            clean(&mut wasmtime);
            wasmtime
                .args(["serve", "-Wcomponent-model-async=y", "-Sp3=y,cli=y"])
                .arg(format!("--addr={address}"))
                .args(variables.iter().map(|(name, _)| format!("--env={name}")))
                .envs(variables.iter().cloned())
                .arg(&options.component);
            Server::start_until_said(&mut wasmtime, "Serving HTTP on")
        }
        "Workers, R2" => {
            let file = folder.join("variables");
            let lines = variables
                .iter()
                .map(|(name, value)| format!("{name}='{value}'\n"));
            std::fs::write(&file, lines.collect::<String>())?;
            let mut wrangler = Command::new(options.project.join("node_modules/.bin/wrangler"));
            clean(&mut wrangler);
            wrangler
                .current_dir(&options.project)
                .args(["dev", "--config", "wrangler.toml", "--ip", "127.0.0.1"])
                .args([
                    "--inspector-port",
                    "0",
                    "--show-interactive-dev-session=false",
                ])
                .args(["--port", &address.port().to_string()])
                .arg("--persist-to")
                .arg(folder.join("state"))
                .arg("--env-file")
                .arg(&file)
                .stderr(std::process::Stdio::null())
                .env("HOME", folder)
                .env("XDG_CONFIG_HOME", folder)
                .env("XDG_CACHE_HOME", folder)
                .env("CI", "true")
                .env("NO_COLOR", "1")
                .env("WRANGLER_SEND_METRICS", "false")
                .env("WRANGLER_SEND_ERROR_REPORTS", "false")
                .env("WRANGLER_LOG_PATH", folder.join("logs"))
                .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
                .env("SUBSPACE_WORKER_IS_BUILT", "1");
            Server::start_group(&mut wrangler, "workerd", "Ready on http")
        }
        _ => {
            let mut native = Command::new(&options.functions);
            clean(&mut native);
            let kind = if store.bucket.is_some() { "s3" } else { "fs" };
            native
                .args(["--store", kind, "--listen", &address.to_string(), "--data"])
                .arg(folder.join("data"))
                .envs(variables.iter().cloned());
            Ok(Server::start_until_line(&mut native, "ready")?.0)
        }
    }
}

/// Whoever runs this may have personal settings.
fn clean(command: &mut Command) {
    for (name, _) in std::env::vars() {
        if ["SUBSPACE_", "CLOUDFLARE_", "CF_", "WRANGLER_", "MINIFLARE_"]
            .iter()
            .any(|start| name.starts_with(start))
        {
            command.env_remove(name);
        }
    }
}

/// Creates the account, a token and the hooks.
fn set_up(address: SocketAddr) -> Result<Target> {
    let api = |path: &str, token: &str, body: &Value| -> Result<Value> {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![("Content-Type", "application/json")];
        if !token.is_empty() {
            headers.push(("Authorization", &authorization));
        }
        let body = body.to_string();
        let question = request("POST", path, &headers, body.as_bytes());
        let answer = wait(ask_once(address, &question))?;
        if answer.status != 201 {
            let text = String::from_utf8_lossy(&answer.body);
            bail!("POST {path} was answered with {}: {text}", answer.status);
        }
        Ok(serde_json::from_slice(&answer.body)?)
    };
    let text = |value: &Value, key: &str| {
        let text = value[key].as_str().map(str::to_owned);
        text.with_context(|| format!("an answer without {key}"))
    };
    let account = json!({"name": "bench", "password": PASSWORD, "setup": SETUP});
    let session = text(&api("/api/accounts", "", &account)?, "token")?;
    let grant = json!({"kind": "app", "client": "bench", "scopes": "bench:rw"});
    let token = text(&api("/api/grants", &session, &grant)?, "token")?;
    let connection = json!({
        "platform": "irc", "host": "127.0.0.1", "port": 1, "secure": false, "channels": ["#bench"],
    });
    let connection = api("/api/connections", &session, &connection)?;
    let hook = json!({"source": "json", "connection": connection["id"], "channel": "#bench"});
    let mut hooks = Vec::new();
    for _ in 0..HOOKS {
        let url = text(&api("/api/hooks", &session, &hook)?, "url")?;
        let (_, path) = url
            .split_once("/hooks/")
            .context("an address of another form")?;
        hooks.push(format!("/hooks/{path}"));
    }
    let folder = "/storage/bench/bench/documents/".to_owned();
    Ok(Target {
        address,
        listing: folder.clone(),
        folder,
        authorization: format!("Bearer {token}"),
        hooks,
    })
}

/// Sends infrequent kinds of requests, sequentially; returns processor time and elapsed time of each, in milliseconds.
///
/// # Errors
///
/// If a response was incorrect.
pub(super) fn singles(host: &Host) -> Result<Vec<(&'static str, f64, f64)>> {
    let target = &host.target;
    let large = vec![7_u8; LARGE];
    let path = format!("{}large", target.folder);
    let binary = ("Content-Type", "application/octet-stream");
    let sign_in = |password: &str| {
        let body = json!({"name": "bench", "password": password}).to_string();
        let json = ("Content-Type", "application/json");
        request("POST", "/api/session", &[json], body.as_bytes())
    };
    let put = target.request("PUT", &path, &[binary], &large);
    let kinds = [
        (
            "GET /healthz",
            ROUNDS,
            200,
            request("GET", "/healthz", &[], &[]),
        ),
        ("PUT, 10 MiB, the first", 1, 201, put.clone()),
        ("PUT, 10 MiB", FEW_ROUNDS, 200, put),
        (
            "GET, 10 MiB",
            FEW_ROUNDS,
            200,
            target.request("GET", &path, &[], &[]),
        ),
        // Too long to be hashed; every wrong password counts, and soon has to wait.
        (
            "sign in, refused unhashed",
            FEW_ROUNDS - 1,
            401,
            sign_in(&"x".repeat(2_000)),
        ),
        ("sign in", FEW_ROUNDS, 201, sign_in(PASSWORD)),
    ];
    let mut all = Vec::new();
    for (what, rounds, status, question) in kinds {
        let before = host.server.usage()?.processor;
        let start = Instant::now();
        wait(async {
            let mut connection = Connection::open(target.address).await?;
            let mut answer = Answer::default();
            for _ in 0..rounds {
                connection.ask(&question, &mut answer).await?;
                if answer.status != status {
                    let body = String::from_utf8_lossy(&answer.body);
                    bail!("{what} was answered with {}: {body}", answer.status);
                }
            }
            Ok(())
        })
        .with_context(|| host.name)?;
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / f64::from(rounds);
        let processor = host.server.usage()?.processor.saturating_sub(before);
        all.push((what, each(processor), each(start.elapsed())));
    }
    Ok(all)
}
