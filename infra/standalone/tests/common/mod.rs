//! Shared by the end-to-end tests: a server in a separate folder, and clients for it.
#![allow(dead_code, unused_imports, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

pub(crate) mod archives;
pub(crate) mod dkim;
pub(crate) mod hooks;
pub(crate) mod http;
pub(crate) mod irc;
pub(crate) mod mail;
pub(crate) mod postfix;
pub(crate) mod programs;
pub(crate) mod random;
pub(crate) mod server;
pub(crate) mod sink;
pub(crate) mod socket;
pub(crate) mod watch;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use self::http::request;
use self::server::{Server, add, printed_token};
use self::socket::Socket;

/// The longest wait for one thing.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How often a condition is polled.
const PAUSE: Duration = Duration::from_millis(10);

/// The private IRC server's name without a domain.
pub(crate) const IRC: &str = "irc.localhost";

/// The password of every account.
pub(crate) const PASSWORD: &str = "correct horse";

/// Polls until there is something.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_or(look).unwrap_or_else(|| panic!("never happened: {what}"))
}

/// Polls until there is something or the time is over.
pub(crate) fn until_or<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if begun.elapsed() > LIMIT {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Writes a self-signed `certificate.pem` and `key.pem` for a name; returns their paths.
pub(crate) fn certificate(folder: &Path, name: &str) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    [
        ("certificate.pem", made.cert.pem()),
        ("key.pem", made.signing_key.serialize_pem()),
    ]
    .map(|(name, pem)| {
        let path = folder.join(name);
        std::fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

/// A data folder with two ports that stay the same however often the server is restarted.
#[derive(Debug)]
pub(crate) struct Space {
    temp: TempDir,
    pub(crate) web: String,
    pub(crate) irc: String,
    more: Vec<String>,
}

impl Drop for Space {
    fn drop(&mut self) {
        // For debugging.
        if std::thread::panicking() && std::env::var_os("TEST_KEEP").is_some() {
            self.temp.disable_cleanup(true);
            eprintln!("kept: {}", self.temp.path().display());
        }
    }
}

impl Space {
    pub(crate) fn new(more: &[&str]) -> Self {
        Self {
            temp: tempfile::tempdir().unwrap(),
            web: server::free_address(),
            irc: server::free_address(),
            more: more.iter().map(|flag| (*flag).to_owned()).collect(),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.temp.path().join("data")
    }

    pub(crate) fn flags(&self) -> Vec<&str> {
        let mut flags = vec!["--listen", &self.web, "--ircd-listen", &self.irc];
        flags.extend(self.more.iter().map(String::as_str));
        flags
    }

    pub(crate) fn start(&self) -> Server {
        Server::start(&self.data(), &self.flags())
    }

    /// Creates an account, like the operator.
    pub(crate) fn add(&self, name: &str) {
        self.add_with(name, &[]);
    }

    pub(crate) fn add_admin(&self, name: &str) {
        self.add_with(name, &["--admin"]);
    }

    fn add_with(&self, name: &str, more: &[&str]) {
        let flags = [&self.flags(), more].concat();
        let added = add(&self.data(), name, PASSWORD, &flags);
        let said = String::from_utf8_lossy(&added.stderr);
        assert!(added.status.success(), "{said}");
    }

    /// A token for all of an account's storage.
    pub(crate) fn storage_token(&self, name: &str) -> String {
        printed_token(&self.data(), name, "*:rw", &self.flags())
    }

    /// A request with a JSON body and a bearer token.
    pub(crate) fn call(&self, what: &str, token: &str, body: &Value) -> (u16, Value) {
        let head = format!("{what}\nauthorization: Bearer {token}\ncontent-type: application/json");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, body) = request(&self.web, &head, &body).unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Signs in; returns the token.
    pub(crate) fn sign_in(&self, name: &str) -> String {
        let body = json!({"name": name, "password": PASSWORD});
        let head = "POST /api/session\ncontent-type: application/json";
        let (status, body) = request(&self.web, head, &body.to_string()).unwrap();
        assert!(status < 300, "{status} {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    /// A ticket for the gateway.
    pub(crate) fn ticket(&self, session: &str) -> String {
        let (status, answer) = self.call("POST /api/tickets", session, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        let connectors = answer["connectors"].as_array().unwrap();
        let gateway = connectors.iter().find(|c| c["platforms"][0] == "irc");
        gateway.unwrap()["ticket"].as_str().unwrap().to_owned()
    }

    /// A socket in mode full that is attached to the account's private connection.
    pub(crate) fn attach(&self, name: &str, session: &str, since: Option<&str>) -> Option<Socket> {
        let mut auth = json!({"ticket": self.ticket(session), "mode": "full"});
        if let Some(since) = since {
            auth["since"] = json!(since);
        }
        let socket = Socket::open(&self.web, &auth)?;
        let ack = socket.ask(&socket::act("connect", name, json!({})))?;
        assert_eq!(ack.get("error"), None, "{ack}");
        Some(socket)
    }
}
