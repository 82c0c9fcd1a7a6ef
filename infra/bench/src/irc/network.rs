//! An IRC network for connectors: it answers as little as they need, so that it costs next to nothing beside them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mutex::lock;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::CHANNELS;

/// How often a count is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A listening network.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// How many members each channel has.
    members: usize,
    joined: AtomicUsize,
    clients: Mutex<HashMap<String, Arc<tokio::sync::Mutex<OwnedWriteHalf>>>>,
}

/// The names of the channels of an account: it shares them with the others of its group.
pub(super) fn channels(account: usize, members: usize) -> Vec<String> {
    let group = account / members;
    (0..CHANNELS)
        .map(|number| format!("#c{}", group * CHANNELS + number))
        .collect()
}

impl Network {
    /// Starts one, in the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// If it cannot listen.
    pub(super) async fn start(members: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            members,
            joined: AtomicUsize::new(0),
            clients: Mutex::default(),
        });
        let own = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&own)));
            }
        });
        Ok(Self { address, inner })
    }

    /// Waits until channels were joined that often, all in all.
    ///
    /// # Errors
    ///
    /// If it takes longer than `limit`.
    pub(super) async fn joined(&self, count: usize, limit: Duration) -> Result<()> {
        let begun = Instant::now();
        while self.inner.joined.load(Ordering::Relaxed) < count {
            if begun.elapsed() > limit {
                let joined = self.inner.joined.load(Ordering::Relaxed);
                bail!("{joined} of {count} channels were joined in {limit:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Says a line to an account in its channel of this number.
    ///
    /// # Errors
    ///
    /// If the account is not there.
    pub(super) async fn say(&self, account: usize, channel: usize, text: &str) -> Result<()> {
        let name = format!("u{account}");
        let writer = lock(&self.inner.clients).get(&name).map(Arc::clone);
        let writer = writer.with_context(|| format!("{name} is not there"))?;
        let group = account / self.inner.members;
        let line = format!(
            ":somebody!user@host.test PRIVMSG #c{} :{text}\r\n",
            group * CHANNELS + channel
        );
        writer.lock().await.write_all(line.as_bytes()).await?;
        Ok(())
    }
}

/// Serves a client until it leaves.
async fn serve(stream: TcpStream, inner: Arc<Inner>) {
    let (reader, writer) = stream.into_split();
    // A client that goes away is the end of its connection, nothing more.
    let _ = converse(reader, Arc::new(tokio::sync::Mutex::new(writer)), &inner).await;
}

async fn converse(
    reader: OwnedReadHalf,
    writer: Arc<tokio::sync::Mutex<OwnedWriteHalf>>,
    inner: &Inner,
) -> Result<()> {
    // Small: thousands of these are open.
    let mut lines = BufReader::with_capacity(512, reader).lines();
    let (mut nick, mut user) = (String::new(), false);
    while let Some(line) = lines.next_line().await? {
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match command {
            "CAP" if rest.starts_with("LS") => ":irc.test CAP * LS :\r\n".to_owned(),
            "NICK" if nick.is_empty() => {
                rest.trim_start_matches(':').clone_into(&mut nick);
                welcome(&nick, user)
            }
            "USER" => {
                user = true;
                welcome(&nick, user)
            }
            "PING" => format!(":irc.test PONG irc.test {rest}\r\n"),
            "JOIN" => join(&nick, rest, inner),
            "QUIT" => return Ok(()),
            _ => continue,
        };
        writer.lock().await.write_all(answer.as_bytes()).await?;
        match command {
            "JOIN" => {
                let count = rest
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .count();
                inner.joined.fetch_add(count, Ordering::Relaxed);
            }
            "USER" | "NICK" if !nick.is_empty() && user => {
                lock(&inner.clients).insert(nick.clone(), Arc::clone(&writer));
            }
            _ => {}
        }
    }
    Ok(())
}

fn welcome(nick: &str, user: bool) -> String {
    if nick.is_empty() || !user {
        return String::new();
    }
    format!(
        ":irc.test 001 {nick} :Welcome\r\n:irc.test 002 {nick} :Your host is irc.test\r\n\
         :irc.test 004 {nick} irc.test bench iosw bklmnopstv\r\n\
         :irc.test 005 {nick} CASEMAPPING=rfc1459 CHANTYPES=# PREFIX=(ov)@+ CHANMODES=b,k,l,imnpst NICKLEN=30 \
         NETWORK=Bench :are supported by this server\r\n:irc.test 422 {nick} :No message of the day\r\n"
    )
}

fn join(nick: &str, rest: &str, inner: &Inner) -> String {
    let mut answer = String::new();
    for channel in rest.split(' ').next().unwrap_or_default().split(',') {
        let number: usize = channel.trim_start_matches("#c").parse().unwrap_or_default();
        let first = number / CHANNELS * inner.members;
        let names: Vec<_> = (first..first + inner.members)
            .map(|account| format!("u{account}"))
            .collect();
        answer.push_str(&format!(":{nick}!user@host.test JOIN {channel}\r\n"));
        for some in names.chunks(40) {
            let names = some.join(" ");
            answer.push_str(&format!(":irc.test 353 {nick} = {channel} :{names}\r\n"));
        }
        answer.push_str(&format!(":irc.test 366 {nick} {channel} :End of NAMES\r\n"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_a_group_share_their_channels() {
        assert_eq!(channels(9, 10), channels(0, 10));
        assert_eq!(channels(10, 10)[0], "#c10");
        let inner = Inner {
            members: 2,
            joined: AtomicUsize::new(0),
            clients: Mutex::default(),
        };
        let answer = join("u3", "#c10,#c11", &inner);
        assert!(
            answer.contains(":irc.test 353 u3 = #c11 :u2 u3\r\n"),
            "{answer}"
        );
    }
}
