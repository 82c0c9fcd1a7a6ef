//! Memory used for a moment is returned to the system: a password is hashed in 19 MiB, on whichever thread is free.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

mod common;

use common::server::Server;
use common::{Space, until_or};

/// Concurrent sign-ins.
const AT_ONCE: usize = 8;
/// How often each of them signs in.
const TIMES: usize = 25;
/// How much of it may be left, in kB. An allocator that keeps an arena per thread leaves 158 MB.
const MOST: u64 = 64_000;
/// The least that it takes in between, in kB: the hashes of two at a time.
const LEAST_PEAK: u64 = 2 * 19_456;

/// A line of the system's report about the server's memory, in kB.
fn memory(server: &Server, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|found| found.strip_prefix(line));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

#[test]
fn what_200_sign_ins_took_is_given_back() {
    let space = Space::new(&[]);
    space.add("alice");
    let server = space.start();
    let before = memory(&server, "VmRSS");
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    space.sign_in("alice");
                }
            });
        }
    });
    let (after, peak) = (memory(&server, "VmRSS"), memory(&server, "VmHWM"));
    let left = until_or(|| {
        // There is some activity, as in every server.
        assert_eq!(server.request("GET /healthz", "").0, 200);
        let now = memory(&server, "VmRSS");
        (now <= before + MOST).then_some(now)
    });
    println!(
        "before: {before} kB, at most: {peak} kB, after 200 sign-ins: {after} kB, then: {left:?} kB"
    );
    assert!(
        peak >= before + LEAST_PEAK,
        "{peak} kB at most: nothing was hashed"
    );
    let now = memory(&server, "VmRSS");
    assert!(
        left.is_some(),
        "{before} kB before, {now} kB after 200 sign-ins and a while"
    );
}
