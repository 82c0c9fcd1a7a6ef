//! The binary as an operator meets it: ready lines, commands beside the server, clear refusals, a clean stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const LIMIT: Duration = Duration::from_secs(30);

fn subspace(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subspace"));
    // The environment of whoever runs the tests must not configure the server.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUBSPACE_")) {
        command.env_remove(name);
    }
    command.current_dir(data.parent().unwrap());
    command
}

struct Server {
    child: Child,
    lines: Vec<String>,
    _errors: ChildStderr,
}

impl Server {
    fn start(data: &Path, flags: &[&str]) -> Self {
        let mut child = subspace(data)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--irc",
                "127.0.0.1:0",
                "--log",
                "warn",
                "--data",
            ])
            .arg(data)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().unwrap().starts_with("ready ") {
                return Self {
                    child,
                    lines,
                    _errors: errors,
                };
            }
        }
        let mut text = String::new();
        errors.read_to_string(&mut text).unwrap();
        panic!("the server did not start: {text}");
    }

    fn line(&self, word: &str) -> Option<&str> {
        self.lines
            .iter()
            .find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
    }

    fn origin(&self) -> &str {
        self.line("ready").unwrap()
    }

    /// One HTTP request; returns status and body.
    fn request(&self, head: &str, body: &str) -> (u16, String) {
        let address = self.origin().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let (first, rest) = head.split_once('\n').unwrap_or((head, ""));
        let rest: String = rest.lines().map(|line| format!("{line}\r\n")).collect();
        write!(
            stream,
            "{first} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n{rest}\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }

    /// Asks the server to stop and returns whether it ended well.
    fn stop(mut self) -> bool {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(begun.elapsed() < LIMIT, "the server does not stop");
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        text.trim_end().lines().count(),
        1,
        "more than one sentence: {text}"
    );
    text
}

fn add(data: &Path, name: &str, password: &str) -> Output {
    let mut child = subspace(data)
        .args(["account", "add", name, "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may refuse the name before it reads.
    let _ = writeln!(child.stdin.take().unwrap(), "{password}");
    child.wait_with_output().unwrap()
}

#[test]
fn commands_work_while_the_server_runs_and_it_stops_cleanly() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let server = Server::start(&data, &[]);
    assert!(server.line("irc").unwrap().starts_with("127.0.0.1:"));
    let set_up = format!("{}/#/setup/", server.origin());
    assert!(server.line("set-up").unwrap().starts_with(&set_up));
    assert_eq!(server.request("GET /healthz", "").0, 200);

    let added = add(&data, "alice", "correct horse");
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let printed = subspace(&data)
        .args(["token", "alice", "--scope", "notes:rw", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(
        printed.status.success(),
        "{}",
        String::from_utf8_lossy(&printed.stderr)
    );
    let token = String::from_utf8(printed.stdout).unwrap();
    let token = format!("authorization: Bearer {}", token.trim());
    let put = format!("PUT /storage/alice/notes/a\n{token}\ncontent-type: text/plain");
    assert_eq!(server.request(&put, "hello").0, 201);
    let get = format!("GET /storage/alice/notes/a\n{token}");
    assert_eq!(server.request(&get, ""), (200, "hello".to_owned()));
    let other = format!("GET /storage/alice/photos/a\n{token}");
    assert_eq!(server.request(&other, "").0, 403);

    assert!(server.stop());
    let again = Server::start(&data, &[]);
    assert_eq!(again.request(&get, ""), (200, "hello".to_owned()));
}

#[test]
fn bad_commands_are_refused_in_one_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    for (name, password, says) in [
        ("Alice", "correct horse", "cannot be an account name"),
        ("alice", "short", "10"),
    ] {
        let output = add(&data, name, password);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(says), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    }
    assert!(add(&data, "alice", "correct horse").status.success());
    let taken = add(&data, "alice", "correct horse");
    assert!(String::from_utf8(taken.stderr).unwrap().contains("alice"));
    let token = |name: &str, scope: &str| {
        refused(
            subspace(&data)
                .args(["token", name, "--scope", scope, "--data"])
                .arg(&data),
        )
    };
    assert!(token("bob", "*:rw").contains("bob"));
    assert!(token("alice", "everything").contains("is no scope"));
}

#[test]
fn a_wrong_start_is_refused_in_one_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let serve = |flags: &[&str]| {
        refused(
            subspace(&data)
                .args(["serve", "--irc", "off", "--data"])
                .arg(&data)
                .args(flags),
        )
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = serve(&["--listen", &address]);
    assert!(
        text.contains(&address) && text.contains("in use") && text.contains("--listen"),
        "{text}"
    );
    let text = serve(&["--listen", "everywhere"]);
    assert!(
        text.contains("listen: found \"everywhere\", expected"),
        "{text}"
    );
    let text = serve(&["--listen", "127.0.0.1:0", "--turn", "127.0.0.1:3478"]);
    assert!(text.contains("turn: found"), "{text}");

    let running = Server::start(&data, &[]);
    let text = serve(&["--listen", "127.0.0.1:0"]);
    assert!(text.contains("another subspace serve"), "{text}");
    assert!(running.stop());

    std::fs::write(data.join("version"), "99\n").unwrap();
    let text = serve(&["--listen", "127.0.0.1:0"]);
    assert!(
        text.contains("format version 99") && text.contains("newer"),
        "{text}"
    );
}
