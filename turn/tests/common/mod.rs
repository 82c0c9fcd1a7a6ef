//! The server as a process, and coturn's tools against it.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test fails by panicking; not every test uses everything"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};

/// Time limit for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const SECRET: &str = "a secret for the tests";

/// A process that is ended when this value is dropped.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Running,
    lines: Vec<String>,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subspace-turn"));
    // The environment of the tests must not configure the server.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUBSPACE_")) {
        command.env_remove(name);
    }
    command.env("SUBSPACE_TURN_SECRET", SECRET);
    command
}

/// Otherwise it would take the usual TURN ports, and possibly another server's.
fn on_free_ports<'a>(command: &'a mut Command, flags: &[&str]) -> &'a mut Command {
    for (flag, value) in [
        ("--listen", "127.0.0.1:0"),
        ("--metrics", "127.0.0.1:0"),
        ("--relay-ip", "127.0.0.3,::1"),
    ] {
        if !flags.contains(&flag) {
            command.args([flag, value]);
        }
    }
    command
}

/// Starts the program with invalid flags; returns its one sentence.
pub(crate) fn refused(flags: &[&str]) -> String {
    let output = on_free_ports(&mut program(), flags)
        .args(flags)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        text.trim_end().lines().count(),
        1,
        "more than one sentence: {text}"
    );
    text
}

impl Server {
    /// Starts the server on free ports of 127.0.0.1, relaying on 127.0.0.3 and ::1, and waits until it is ready.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut command = program();
        on_free_ports(&mut command, flags)
            .args(["--log", "warn"])
            .args(flags)
            .stdout(Stdio::piped());
        let mut process = Running(command.spawn().unwrap());
        let mut lines = Vec::new();
        for line in BufReader::new(process.0.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line == "ready") {
                return Self { process, lines };
            }
        }
        panic!("the server did not start: {lines:?}");
    }

    /// The text it printed after a word.
    pub(crate) fn said(&self, word: &str) -> &str {
        self.lines
            .iter()
            .find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
            .unwrap()
    }

    pub(crate) fn address(&self, word: &str) -> SocketAddr {
        self.said(word).parse().unwrap()
    }

    /// Responses of the metrics port: status line and body.
    pub(crate) fn http(&self, path: &str) -> (String, String) {
        let address = self
            .said("metrics")
            .strip_prefix("http://")
            .unwrap()
            .strip_suffix("/metrics")
            .unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let (_, body) = self.http("/metrics");
        let line = body
            .lines()
            .find_map(|line| line.strip_prefix(&format!("subspace_turn_{name} ")));
        line.unwrap().parse().unwrap()
    }

    /// Waits until a metric has the expected value.
    pub(crate) fn wait_for(&self, name: &str, fits: impl Fn(u64) -> bool) {
        let begun = Instant::now();
        while !fits(self.metric(name)) {
            assert!(
                begun.elapsed() < LIMIT,
                "{name} stays {}",
                self.metric(name)
            );
            std::thread::yield_now();
        }
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.process.0), Signal::TERM).unwrap();
    }

    /// Suspends or resumes it.
    pub(crate) fn halt(&self, halted: bool) {
        let signal = if halted { Signal::STOP } else { Signal::CONT };
        kill_process(Pid::from_child(&self.process.0), signal).unwrap();
    }

    /// Waits for the end; returns whether it was successful.
    pub(crate) fn ended(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                return status.success();
            }
            assert!(begun.elapsed() < LIMIT, "the server does not stop");
            std::thread::yield_now();
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.0.try_wait().unwrap().is_none()
    }
}

/// coturn's echo peer, on a free port.
#[derive(Debug)]
pub(crate) struct Peer {
    _process: Running,
    pub(crate) port: u16,
}

impl Peer {
    pub(crate) fn start() -> Self {
        let [port] = free_ports::free_ports().unwrap();
        let mut command = Command::new("turnutils_peer");
        command
            .args(["-L", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let peer = Self {
            _process: Running(command.spawn().unwrap()),
            port,
        };
        // It echoes once it is running.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            let sent = socket.send_to(b"there?", ("127.0.0.1", port));
            if sent.is_ok() && socket.recv(&mut [0; 16]).is_ok() {
                return peer;
            }
        }
        panic!("turnutils_peer does not answer");
    }
}

/// The load client's output.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Outcome {
    /// Returns whether the last line about loss exists and says exactly none.
    pub(crate) fn lost_nothing(&self) -> bool {
        let last = self
            .text
            .lines()
            .rfind(|line| line.contains("Total lost packets"));
        self.code == Some(0)
            && last.is_some_and(|line| line.contains("Total lost packets 0 (0.000000%)"))
    }
}

/// Runs coturn's load client, for at most `limit`.
pub(crate) fn uclient(
    server: SocketAddr,
    credentials: &[&str],
    flags: &[&str],
    limit: Duration,
) -> Outcome {
    let mut command = Command::new("timeout");
    command
        .arg(limit.as_secs().to_string())
        .arg("turnutils_uclient")
        .args(credentials)
        .args(["-L", "127.0.0.2", "-p", &server.port().to_string()])
        .args(flags)
        .arg(server.ip().to_string());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Outcome {
        code: output.status.code(),
        text,
    }
}

/// A user name that expires in an hour; the same one throughout a test, since another one may not use its allocation.
pub(crate) fn username(name: &str) -> String {
    static BEGUN: LazyLock<u64> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap().as_secs()
    });
    format!("{}:{name}", *BEGUN + 3600)
}
