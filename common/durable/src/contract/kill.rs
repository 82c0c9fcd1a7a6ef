//! SIGKILL: the test starts itself as a process, and kills it while it writes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Keeper, assert_whole, open, sorted};

/// Tells a test that it is the process to be killed, and its folder.
const FOLDER: &str = "SUBSPACE_TEST_KILLED_FOLDER";
/// How often a process is killed.
const ROUNDS: u32 = 4;
/// The prefix of the number of an accepted item.
const ACCEPTED: &str = "accepted ";

/// Starts this test as a separate process, kills that while it writes, and checks that everything it reported is there.
/// `name` is the full name of the calling test, which must do nothing else.
///
/// # Panics
/// If an item is missing.
pub fn a_killed_process_loses_nothing<K: Keeper>(name: &str) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        keep_for_ever::<K>(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0;
    for round in 1..=ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut accepted = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            // The test's own name may precede it.
            let Some((_, number)) = line.split_once(ACCEPTED) else {
                continue;
            };
            accepted.push(number.parse::<u32>().unwrap());
            if accepted.len() == usize::try_from(7 * round).unwrap() {
                // Its output until it ends counts as well.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let last = accepted.last().copied();
        let last = last.expect("the test is named as it is called");
        assert_eq!(accepted, (next..=last).collect::<Vec<_>>());
        let keeper: K = open(folder.path());
        let there = sorted(&keeper);
        // One more may have been accepted, or started.
        next = u32::try_from(there.len()).unwrap();
        assert_eq!(there, (0..next).collect::<Vec<_>>());
        assert!(next == last + 1 || next == last + 2, "{next}, {last}");
        assert_whole(folder.path());
    }
}

/// The child process.
fn keep_for_ever<K: Keeper>(folder: &Path) -> ! {
    let mut keeper: K = open(folder);
    let mut item = u32::try_from(keeper.kept().len()).unwrap();
    let mut out = std::io::stdout();
    loop {
        keeper.keep(item).unwrap();
        // Nobody reads any more: the test has failed.
        if writeln!(out, "{ACCEPTED}{item}").is_err() {
            std::process::exit(1);
        }
        keeper.tidy().unwrap();
        item += 1;
    }
}
