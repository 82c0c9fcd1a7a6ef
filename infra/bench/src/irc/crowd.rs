//! Plain IRC clients by the thousand: they register, join, answer pings, and note when marked messages arrive.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mutex::lock;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpSocket;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;

use super::marks::{Marks, mark_in, marked};

/// Clients of one address.
const OF_ADDRESS: usize = 12;
/// Clients that register at the same time.
const AT_ONCE: usize = 64;
/// How long a client may take to be let in, and a message to reach everyone.
const LIMIT: Duration = Duration::from_secs(60);
/// How often a count is looked at.
const LOOK: Duration = Duration::from_millis(5);

type Lines = tokio::io::Lines<BufReader<OwnedReadHalf>>;

/// Clients of one server.
#[derive(Debug)]
pub(super) struct Crowd {
    writers: Vec<OwnedWriteHalf>,
    marks: Arc<Mutex<Marks>>,
    start: Instant,
}

/// How the clients introduce themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// The password of a client by its number, if they have one.
    pub(super) password: Option<fn(usize) -> String>,
    /// What all join.
    pub(super) channel: Option<&'static str>,
}

impl Crowd {
    /// Nobody yet.
    pub(super) fn new(start: Instant) -> Self {
        Self {
            writers: Vec::new(),
            marks: Arc::default(),
            start,
        }
    }

    /// Connects more clients until there are that many. They come from several addresses of this machine.
    ///
    /// # Errors
    ///
    /// If one is not let in.
    pub(super) async fn come_until(
        &mut self,
        count: usize,
        server: SocketAddr,
        manner: Manner,
    ) -> Result<()> {
        let mut coming = JoinSet::new();
        let mut next = self.writers.len();
        while next < count || !coming.is_empty() {
            while next < count && coming.len() < AT_ONCE {
                coming.spawn(tokio::time::timeout(LIMIT, register(next, server, manner)));
                next += 1;
            }
            let Some(came) = coming.join_next().await else {
                break;
            };
            let (lines, writer) = came?.context("a client was not let in in time")??;
            let (marks, start) = (Arc::clone(&self.marks), self.start);
            tokio::spawn(read(lines, marks, start));
            self.writers.push(writer);
        }
        Ok(())
    }

    /// Lets one say something in a channel and waits until all others have it, that often; returns how long it was on
    /// its way to each.
    ///
    /// # Errors
    ///
    /// If it does not reach everyone in time.
    pub(super) async fn say(&mut self, channel: &str, times: usize) -> Result<Marks> {
        let others = self.writers.len().saturating_sub(1);
        for time in 1..=times {
            let line = format!("PRIVMSG {channel} :{}\r\n", marked(self.start));
            let first = self.writers.first_mut().context("nobody is there")?;
            first.write_all(line.as_bytes()).await?;
            let begun = Instant::now();
            while self.arrived() < others * time {
                if begun.elapsed() > LIMIT {
                    bail!("{} of {} messages arrived", self.arrived(), others * time);
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(lock(&self.marks).take())
    }

    /// What was noted so far.
    pub(super) fn marks(&self) -> Arc<Mutex<Marks>> {
        Arc::clone(&self.marks)
    }

    fn arrived(&self) -> usize {
        lock(&self.marks).len()
    }
}

async fn register(
    number: usize,
    server: SocketAddr,
    manner: Manner,
) -> Result<(Lines, OwnedWriteHalf)> {
    let socket = TcpSocket::new_v4()?;
    let place = u32::try_from(number / OF_ADDRESS)?;
    // 127.1.0.1 and up.
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + place);
    socket.bind(SocketAddr::from((address, 0)))?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::with_capacity(512, reader).lines();
    let mut hello = String::new();
    if let Some(password) = manner.password {
        hello.push_str(&format!("PASS :{}\r\n", password(number)));
    }
    hello.push_str(&format!(
        "NICK u{number}\r\nUSER u{number} 0 * :u{number}\r\n"
    ));
    writer.write_all(hello.as_bytes()).await?;
    // After the welcome, 376 or 422 say that all was said.
    wait_for(&mut lines, &mut writer, &["376", "422"]).await?;
    if let Some(channel) = manner.channel {
        let join = format!("JOIN {channel}\r\n");
        writer.write_all(join.as_bytes()).await?;
        wait_for(&mut lines, &mut writer, &["366"]).await?;
    }
    Ok((lines, writer))
}

async fn wait_for(lines: &mut Lines, writer: &mut OwnedWriteHalf, numerics: &[&str]) -> Result<()> {
    while let Some(line) = lines.next_line().await? {
        if let Some(token) = line.strip_prefix("PING ") {
            writer
                .write_all(format!("PONG {token}\r\n").as_bytes())
                .await?;
        }
        let mut words = line.split(' ');
        let first = words.next().unwrap_or_default();
        let word = words.next().unwrap_or_default();
        if numerics.contains(&word) {
            return Ok(());
        }
        if first == "ERROR" || word.starts_with('4') && word != "422" {
            bail!("a client was refused: {line}");
        }
    }
    bail!("the server closed the connection")
}

async fn read(mut lines: Lines, marks: Arc<Mutex<Marks>>, start: Instant) {
    // The end of the server is the end of its clients.
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(sent) = mark_in(&line) {
            lock(&marks).note(sent, start);
        }
    }
}

/// Connects one client and returns how many channels the server lists.
///
/// # Errors
///
/// If it is not let in.
pub(super) async fn listed(server: SocketAddr) -> Result<usize> {
    let manner = Manner {
        password: None,
        channel: None,
    };
    let (mut lines, mut writer) = register(1 << 20, server, manner).await?;
    writer.write_all(b"LIST\r\n").await?;
    let mut count = 0;
    while let Some(line) = lines.next_line().await? {
        match line.split(' ').nth(1) {
            Some("322") => count += 1,
            Some("323") => return Ok(count),
            _ => {}
        }
    }
    bail!("the server closed the connection")
}
