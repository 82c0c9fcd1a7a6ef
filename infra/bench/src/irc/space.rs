//! The functions and the connector of a space, with accounts that are on a network, as processes of their own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::network::{Network, channels};
use crate::process::{Server, free_address};
use crate::wire::{Answer, Connection, request};

const SETUP: &str = "the-set-up-token";
/// The password of every account.
pub(super) const PASSWORD: &str = "a long enough password";
const KEY: &str = "0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e";
/// How long all accounts may take to be in their channels.
const JOINING: Duration = Duration::from_secs(300);

/// A running space.
#[derive(Debug)]
pub(super) struct Space {
    // The connector is stopped before the functions, and the folder goes last.
    connector: Option<Server>,
    _functions: Server,
    pub(super) gateway: SocketAddr,
    pub(super) bouncer: SocketAddr,
    functions: SocketAddr,
    folder: TempDir,
    admin: String,
    sessions: Vec<String>,
    members: usize,
    network: SocketAddr,
}

impl Space {
    /// Starts the functions.
    ///
    /// # Errors
    ///
    /// If they do not start, or respond incorrectly.
    pub(super) async fn start(program: &Path, network: &Network, members: usize) -> Result<Self> {
        let (functions, gateway, bouncer) = (free_address()?, free_address()?, free_address()?);
        let folder = tempfile::tempdir()?;
        let connectors = json!([{
            "id": "irc", "url": format!("http://{gateway}"), "platforms": ["irc"], "key": KEY,
        }]);
        let mut command = command(program);
        command
            .args(["--networks", "any", "--password-cost", "light"])
            .arg("--data")
            .arg(folder.path().join("data"))
            .args(["--listen", &functions.to_string()])
            .env("SUBSPACE_MASTER_KEY", "0f".repeat(32))
            .env("SUBSPACE_SETUP_TOKEN", SETUP)
            .env("SUBSPACE_CONNECTORS", connectors.to_string());
        let server = Server::start_until_listening(&mut command, functions)?;
        let mut space = Self {
            connector: None,
            _functions: server,
            gateway,
            bouncer,
            functions,
            folder,
            admin: String::new(),
            sessions: Vec::new(),
            members,
            network: network.address,
        };
        let mut wire = Connection::open(functions).await?;
        let admin = json!({"name": "admin", "password": PASSWORD, "setup": SETUP});
        let admin = post(&mut wire, "/api/accounts", "", &admin).await?;
        space.admin = text(&admin, "token")?;
        Ok(space)
    }

    /// Creates accounts until there are that many, each with a connection to the network in its channels.
    ///
    /// # Errors
    ///
    /// If the functions refuse one.
    pub(super) async fn add_until(&mut self, count: usize) -> Result<()> {
        let mut wire = Connection::open(self.functions).await?;
        for number in self.sessions.len()..count {
            let invite = post(&mut wire, "/api/invites", &self.admin, &json!({})).await?;
            let invite = text(&invite, "token")?;
            let account =
                json!({"name": format!("u{number}"), "password": PASSWORD, "invite": invite});
            let account = post(&mut wire, "/api/accounts", "", &account).await?;
            let session = text(&account, "token")?;
            let connection = json!({
                "platform": "irc", "name": "bench", "host": "127.0.0.1", "port": self.network.port(),
                "secure": false, "nick": format!("u{number}"), "channels": channels(number, self.members),
            });
            post(&mut wire, "/api/connections", &session, &connection).await?;
            self.sessions.push(session);
        }
        Ok(())
    }

    /// Starts the connector, and waits until all accounts are in their channels; returns how long that took.
    ///
    /// # Errors
    ///
    /// If it does not start, or they do not get there.
    pub(super) async fn connect(
        &mut self,
        program: &Path,
        network: &Network,
        joins: usize,
    ) -> Result<Duration> {
        let begun = Instant::now();
        let mut command = command(program);
        command
            .args(["--listen", &self.gateway.to_string()])
            .args(["--bouncer-listen", &self.bouncer.to_string()])
            .args(["--functions-url", &format!("http://{}", self.functions)])
            .args(["--allow", &network.address.to_string()])
            .arg("--spool")
            .arg(self.folder.path().join("spool"))
            .env("SUBSPACE_CONNECTOR_KEY", KEY);
        self.connector = Some(Server::start_until_listening(&mut command, self.gateway)?);
        network.joined(joins, JOINING).await?;
        Ok(begun.elapsed())
    }

    /// The connector.
    ///
    /// # Errors
    ///
    /// If it is not running.
    pub(super) fn connector(&self) -> Result<&Server> {
        self.connector
            .as_ref()
            .context("the connector is not running")
    }

    /// Stops the connector, which first hands over what it has; returns how long that took.
    pub(super) fn stop_connector(&mut self) -> Duration {
        let begun = Instant::now();
        self.connector = None;
        begun.elapsed()
    }

    /// Returns a ticket for a socket of an account.
    ///
    /// # Errors
    ///
    /// If the functions give none.
    pub(super) async fn ticket(&self, account: usize) -> Result<String> {
        let session = self.sessions.get(account).context("no such account")?;
        let mut wire = Connection::open(self.functions).await?;
        let tickets = post(&mut wire, "/api/tickets", session, &json!({})).await?;
        text(&tickets["connectors"][0], "ticket")
    }

    /// Returns a number from the connector's metrics.
    ///
    /// # Errors
    ///
    /// If it has no such metric.
    pub(super) async fn metric(&self, name: &str) -> Result<f64> {
        let mut answer = Answer::default();
        let mut wire = Connection::open(self.gateway).await?;
        wire.ask(&request("GET", "/metrics", &[], &[]), &mut answer)
            .await?;
        let text = String::from_utf8_lossy(&answer.body);
        let value = text.lines().find_map(|line| {
            let (found, value) = line.rsplit_once(' ')?;
            (found == name).then(|| value.parse().ok())?
        });
        value.with_context(|| format!("the metrics have no {name}"))
    }
}

/// A program of ours without settings of whoever runs this.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SUBSPACE_") {
            command.env_remove(name);
        }
    }
    command.args(["--log", "warn"]);
    command
}

async fn post(wire: &mut Connection, path: &str, token: &str, body: &Value) -> Result<Value> {
    let authorization = format!("Bearer {token}");
    let mut headers = vec![("Content-Type", "application/json")];
    if !token.is_empty() {
        headers.push(("Authorization", &authorization));
    }
    let body = body.to_string();
    let question = request("POST", path, &headers, body.as_bytes());
    let mut answer = Answer::default();
    wire.ask(&question, &mut answer).await?;
    if !matches!(answer.status, 200 | 201) {
        let text = String::from_utf8_lossy(&answer.body);
        bail!("POST {path} was answered with {}: {text}", answer.status);
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

fn text(value: &Value, key: &str) -> Result<String> {
    let text = value[key].as_str().map(str::to_owned);
    text.with_context(|| format!("an answer without {key}"))
}
