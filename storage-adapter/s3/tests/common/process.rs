//! Programs that a test starts and stops.
#![allow(dead_code, unreachable_pub, reason = "not every test uses everything")]
#![allow(clippy::unwrap_used, reason = "tests may fail")]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long starting a program may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program that is killed when this is dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts a program; lines on both its outputs can be waited for.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let (sender, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // Reading continues, so that the program never blocks on its output.
                    let _nobody_listens = sender.send(line);
                }
            });
        }
        Self { child, lines }
    }

    /// Waits for a line with this text and returns what follows it.
    pub fn wait_for(&self, text: &str) -> String {
        let mut heard = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => match line.split_once(text) {
                    Some((_, rest)) => return rest.to_owned(),
                    None => heard.push(line),
                },
                Err(_) => panic!("it did not say {text:?} but {heard:#?}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _collected = self.child.wait();
    }
}

/// The path at which `cargo xtask` installs a program.
pub fn tool(folder: &str, name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .filter(|folder| !folder.is_empty())
        .map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
            PathBuf::from,
        );
    let program = cache
        .join("subspace/tools")
        .join(folder)
        .join("bin")
        .join(name);
    assert!(
        program.is_file(),
        "{} is not there; `cargo xtask setup` installs it",
        program.display()
    );
    program
}
