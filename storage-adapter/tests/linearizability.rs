//! Random operations by several concurrent writers and readers, over a store that refuses, loses responses and delays,
//! with futures dropped in between: every result is valid for some instant between call and return.
//!
//! Two instances of the tree share one store, like two processes; each commits its waiting writes in groups. The test's
//! own scheduler polls futures in an order drawn from a seed, without any clock. A failure prints its seed; `SEED`
//! repeats it, `RUNS` tries more.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

mod support;

use storage_adapter::Waiting;
use storage_adapter::memory::Faults;
use support::scheduled::{Plan, judge, run};

const QUOTA: u64 = 8;

fn check(name: &str, runs: u64, plan: &Plan) {
    let chosen = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let more = std::env::var("RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    let runs = more.unwrap_or(runs);
    let seeds = chosen.map_or(0..runs, |seed| seed..seed + 1);
    let (mut answered, mut unknown) = (0, 0);
    for seed in seeds {
        let (some, none) = judge(run(seed, plan)).unwrap_or_else(|history| {
            panic!("{name}: no order explains these answers; repeat with SEED={seed}\n{history}")
        });
        (answered, unknown) = (answered + some, unknown + none);
    }
    println!("{name}: {answered} answers explained, {unknown} writes without an answer");
    assert!(
        chosen.is_some() || answered > unknown,
        "most operations are answered"
    );
}

const DELAYS: Faults = Faults {
    seed: 0,
    refuse: 0,
    lose_reply: 0,
    delay: 3,
    break_off: 0,
};
const FAILURES: Faults = Faults {
    seed: 0,
    refuse: 5,
    lose_reply: 5,
    delay: 3,
    break_off: 0,
};

#[test]
fn concurrent_operations() {
    check(
        "concurrent",
        400,
        &Plan {
            faults: DELAYS,
            crash: 0,
            waiting: Waiting::Woken,
            quota: None,
            clients: 6,
            operations: 30,
            paged: false,
        },
    );
}

#[test]
fn an_unreliable_store() {
    check(
        "unreliable",
        400,
        &Plan {
            faults: FAILURES,
            crash: 0,
            waiting: Waiting::Woken,
            quota: None,
            clients: 5,
            operations: 25,
            paged: false,
        },
    );
}

#[test]
fn crashes_at_any_point() {
    check(
        "crashes",
        80,
        &Plan {
            faults: FAILURES,
            crash: 3,
            waiting: Waiting::Woken,
            quota: None,
            clients: 5,
            operations: 25,
            paged: false,
        },
    );
}

#[test]
fn the_quota_over_all_modules() {
    check(
        "quota",
        400,
        &Plan {
            faults: DELAYS,
            crash: 0,
            waiting: Waiting::Woken,
            quota: Some(QUOTA),
            clients: 5,
            operations: 25,
            paged: false,
        },
    );
}

#[test]
fn the_quota_with_failures_and_crashes() {
    check(
        "quota, failing",
        80,
        &Plan {
            faults: FAILURES,
            crash: 2,
            waiting: Waiting::Woken,
            quota: Some(QUOTA),
            clients: 5,
            operations: 25,
            paged: false,
        },
    );
}

/// Requests that do not wake each other, of which some are frozen while they lead.
#[test]
fn polling_writers_and_frozen_leaders() {
    for (name, runs, faults, crash) in [
        ("polling", 200, DELAYS, 0),
        ("polling, freezing", 150, FAILURES, 3),
    ] {
        check(
            name,
            runs,
            &Plan {
                faults,
                crash,
                waiting: Waiting::Polling,
                quota: None,
                clients: 6,
                operations: 25,
                paged: false,
            },
        );
    }
}

#[test]
fn concurrent_operations_on_pages() {
    check(
        "pages, concurrent",
        150,
        &Plan {
            faults: DELAYS,
            waiting: Waiting::Woken,
            crash: 0,
            quota: None,
            clients: 6,
            operations: 30,
            paged: true,
        },
    );
}

#[test]
fn pages_with_failures_crashes_and_a_quota() {
    for quota in [None, Some(QUOTA)] {
        check(
            "pages, failing",
            40,
            &Plan {
                faults: FAILURES,
                waiting: Waiting::Woken,
                crash: 2,
                quota,
                clients: 5,
                operations: 20,
                paged: true,
            },
        );
    }
}
