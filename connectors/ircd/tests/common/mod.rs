//! A server for tests, and a minimal client.
#![allow(dead_code, reason = "each test file uses a part")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ircd::{Accounts, Answered, Authentication, Ircd, IrcdConfig, Proof, Refusal};
use protocol::{AccountName, SessionRef};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// Maximum time for a test to wait for one thing.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Every account's password is `pw-` and its name.
#[derive(Debug, Default)]
pub(crate) struct TestAccounts {
    /// Accounts whose sessions have ended.
    pub ended: Mutex<Vec<AccountName>>,
}

impl Accounts for TestAccounts {
    fn authenticate<'a>(
        &'a self,
        name: &'a str,
        password: &'a str,
        _: Option<std::net::IpAddr>,
    ) -> Authentication<'a> {
        let right = password == format!("pw-{name}");
        let account = name.parse().ok().filter(|_| right);
        let proof = account.map(|account| Proof {
            account,
            grant: None,
            administrator: false,
        });
        Box::pin(std::future::ready(proof.ok_or(Refusal::Wrong)))
    }

    fn known(&self, _: Vec<AccountName>) -> Answered<'_, Vec<AccountName>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn version(&self) -> Answered<'_, String> {
        let ended = self.ended.lock().unwrap().len();
        Box::pin(std::future::ready(Ok(ended.to_string())))
    }

    fn ended(&self, sessions: Vec<SessionRef>) -> Answered<'_, Vec<SessionRef>> {
        let ended = self.ended.lock().unwrap();
        let over = sessions
            .into_iter()
            .filter(|session| ended.contains(&session.account));
        Box::pin(std::future::ready(Ok(over.collect())))
    }
}

pub(crate) fn config(data: &Path) -> IrcdConfig {
    IrcdConfig {
        data: data.to_owned(),
        ..IrcdConfig::default()
    }
}

pub(crate) async fn start(config: IrcdConfig) -> Ircd {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    ircd::start(config, listener, Arc::<TestAccounts>::default())
        .await
        .unwrap()
}

/// Sends lines, reads lines.
pub(crate) struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
        }
    }

    /// Registers, and returns once the welcome is over.
    pub(crate) async fn register(
        address: SocketAddr,
        nick: &str,
        password: Option<&str>,
        caps: &str,
    ) -> Self {
        let mut client = Self::connect(address).await;
        if let Some(password) = password {
            client.say(&format!("PASS {password}")).await;
        }
        client.say(&format!("CAP REQ :{caps}")).await;
        client.say(&format!("NICK {nick}")).await;
        client.say(&format!("USER {nick} 0 * :{nick}")).await;
        client.say("CAP END").await;
        client.expect(" 422 ").await;
        client
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.writer
            .write_all(format!("{line}\r\n").as_bytes())
            .await
            .unwrap();
    }

    /// Reads a line; returns `None` at the end of the connection.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(LIMIT, self.reader.read_line(&mut line))
            .await
            .expect("a line in time");
        match read {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    /// Reads up to a line that contains a text, and returns all lines.
    pub(crate) async fn until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let line = line.unwrap_or_else(|| panic!("ended before {text:?}: {lines:#?}"));
            let done = line.contains(text);
            lines.push(line);
            if done {
                return lines;
            }
        }
    }

    pub(crate) async fn expect(&mut self, text: &str) -> String {
        self.until(text).await.pop().unwrap()
    }
}
