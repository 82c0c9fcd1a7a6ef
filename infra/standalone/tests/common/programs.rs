//! The parts as separate programs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A process that is killed with the test.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where cargo puts the programs of the other packages. Testing the whole workspace builds them; here they are built
/// only if one is missing, since cargo would rebuild a part of the workspace with other features.
pub(crate) fn programs() -> PathBuf {
    let own = Path::new(env!("CARGO_BIN_EXE_subspace"));
    let folder = own.parent().unwrap().to_owned();
    let all = [
        "subspace-functions",
        "subspace-irc-connector",
        "subspace-ircd",
    ];
    if !all.iter().all(|name| folder.join(name).exists()) {
        let built = Command::new(env!("CARGO"))
            .args(["build", "-q", "--bins", "--target-dir"])
            .arg(folder.parent().unwrap())
            .args([
                "-p",
                "functions-native",
                "-p",
                "irc-connector",
                "-p",
                "ircd",
            ])
            .status()
            .unwrap();
        assert!(built.success());
    }
    folder
}

/// Starts a program and waits until it reports that it is ready.
pub(crate) fn start(mut command: Command) -> Process {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let process = Process(child);
    let ready = lines
        .map_while(Result::ok)
        .any(|line| line.starts_with("ready "));
    assert!(ready, "{command:?} ended");
    process
}
