//! SIGKILL: everything that anyone was shown is in the history after the restart.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::Client;
use tempfile::TempDir;

const CAPS: &str = "draft/chathistory batch message-tags server-time";

/// How often the server is killed.
const ROUNDS: usize = 5;

/// The program, killed when the test ends.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_subspace-ircd"))
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let address = ready
            .trim()
            .strip_prefix("ready irc://")
            .expect("a ready line")
            .parse()
            .unwrap();
        Self { child, address }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_shown_is_in_the_history_after_a_kill() {
    let data = TempDir::new().unwrap();
    let mut shown: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let mut program = Program::start(data.path());
        let mut reader = Client::register(program.address, "reader", None, CAPS).await;
        reader.say("JOIN #general").await;
        reader.expect(" 366 ").await;
        let address = program.address;
        let sender = tokio::spawn(async move {
            let mut sender = Client::register(address, "sender", None, "batch").await;
            sender.say("JOIN #general").await;
            for number in 0..190 {
                sender
                    .say(&format!("PRIVMSG #general :round {round} number {number}"))
                    .await;
            }
            // Stays until the end: closing with unread responses would reset the connection.
            while sender.line().await.is_some() {}
        });
        // The kill happens in the middle of the stream.
        let until = 20 + 30 * round;
        let mut count = 0;
        while let Some(line) = reader.line().await {
            if let Some((_, text)) = line.split_once(" PRIVMSG #general :") {
                shown.push(text.to_owned());
                count += 1;
                if count == until {
                    program.kill();
                }
            }
        }
        assert!(count >= until);
        let _ = sender.await;

        let program = Program::start(data.path());
        let mut reader = Client::register(program.address, "reader", None, CAPS).await;
        reader.say("JOIN #general").await;
        reader.expect(" 366 ").await;
        reader.say("CHATHISTORY LATEST #general * 1000").await;
        reader.say("PING over").await;
        let kept: Vec<String> = reader
            .until(" PONG ")
            .await
            .into_iter()
            .filter_map(|line| Some(line.split_once(" PRIVMSG #general :")?.1.to_owned()))
            .collect();
        let mut rest = kept.iter();
        for text in &shown {
            assert!(
                rest.any(|other| other == text),
                "{text:?} is missing or out of order"
            );
        }
    }
}
