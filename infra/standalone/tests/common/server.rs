//! The binary: started, stopped, killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use super::{LIMIT, http};

/// The program, configured by flags only.
pub(crate) fn subspace(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subspace"));
    // The environment of the developer must not configure the server.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUBSPACE_")) {
        command.env_remove(name);
    }
    command.current_dir(data.parent().unwrap());
    command
}

/// A free loopback address that is kept for a restart.
pub(crate) fn free_address() -> String {
    let [port] = free_ports::free_ports().unwrap();
    format!("127.0.0.1:{port}")
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    lines: Vec<String>,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts the program and waits until it is ready. Free ports are used unless the flags name them.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Self {
        Self::started(spawn(data, flags))
    }

    /// The same, where the system allows the program only this many file descriptors.
    pub(crate) fn start_with_few(data: &Path, flags: &[&str], descriptors: u32) -> Self {
        Self::start_after(data, flags, &format!("ulimit -n {descriptors}"))
    }

    /// The same, where exceeding the file size limit is an error instead of ending the process, as on a full disk.
    pub(crate) fn start_without_signals_of_size(data: &Path, flags: &[&str]) -> Self {
        Self::start_after(data, flags, "trap '' XFSZ")
    }

    fn start_after(data: &Path, flags: &[&str], prepare: &str) -> Self {
        let script = format!("{prepare}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]);
        shell.arg(subspace(data).get_program());
        Self::started(serve(shell, data, flags))
    }

    /// Limits the size of files from now on; existing ones do not shrink.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let pid = Some(Pid::from_child(&self.child));
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    }

    fn started(mut child: Child) -> Self {
        let log = Arc::new(Mutex::new(String::new()));
        let (mut errors, into) = (child.stderr.take().unwrap(), Arc::clone(&log));
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(size @ 1..) = errors.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..size]);
                into.lock().unwrap().push_str(&text);
            }
        });
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().unwrap().starts_with("ready ") {
                return Self { child, lines, log };
            }
        }
        reader.join().unwrap();
        child.wait().unwrap();
        panic!("the server did not start: {}", log.lock().unwrap());
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its output after a word.
    pub(crate) fn line(&self, word: &str) -> Option<&str> {
        self.lines
            .iter()
            .find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
    }

    pub(crate) fn origin(&self) -> &str {
        self.line("ready").unwrap()
    }

    /// One HTTP request; returns status and body.
    pub(crate) fn request(&self, head: &str, body: &str) -> (u16, String) {
        let address = self.origin().strip_prefix("http://").unwrap();
        http::request(address, head, body).unwrap()
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the server to stop and returns whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
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
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log.lock().unwrap());
        }
    }
}

/// Starts the program without waiting for anything.
pub(crate) fn spawn(data: &Path, flags: &[&str]) -> Child {
    serve(subspace(data), data, flags)
}

fn serve(mut command: Command, data: &Path, flags: &[&str]) -> Child {
    command.args(["serve", "--data"]).arg(data);
    if !flags.contains(&"--log") {
        command.args(["--log", "warn"]);
    }
    for flag in [
        "--listen",
        "--ircd-listen",
        "--mail-listen",
        "--turn-listen",
    ] {
        if !flags.contains(&flag) {
            command.args([flag, "127.0.0.1:0"]);
        }
    }
    command
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// `subspace account add`.
pub(crate) fn add(data: &Path, name: &str, password: &str, flags: &[&str]) -> Output {
    account(data, &[&["add", name], flags].concat(), password)
}

/// `subspace account …`; a password goes to its standard input.
pub(crate) fn account(data: &Path, words: &[&str], password: &str) -> Output {
    let mut child = subspace(data)
        .arg("account")
        .args(words)
        .arg("--data")
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

/// `subspace token`.
pub(crate) fn printed_token(data: &Path, name: &str, scope: &str, flags: &[&str]) -> String {
    let output = subspace(data)
        .args(["token", name, "--scope", scope, "--data"])
        .arg(data)
        .args(flags)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
