//! Ten writers to a module through two instances, with all kinds of faults: `cargo xtask chaos storage`.
//!
//! A short run is in the suite; `CHAOS_SECONDS` makes it longer, from a seed derived from the time of day, which is
//! printed. `SEED` starts with that one: each history depends on its seed alone.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

mod support;

use std::time::{Duration, Instant, SystemTime};

use storage_adapter::Waiting;
use storage_adapter::memory::Faults;
use support::scheduled::{Plan, judge, run};

/// The number of histories in the suite.
const SHORT: u64 = 24;

#[test]
fn ten_writers_with_faults_and_crashes() {
    let number = |name| {
        let text: Option<String> = std::env::var(name).ok();
        text.and_then(|text| text.parse::<u64>().ok())
    };
    let seconds = number("CHAOS_SECONDS");
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let random = seconds.and_then(|_| time.ok()).map(|time| time.as_secs());
    let first = number("SEED").or(random).unwrap_or(1);
    let limit = seconds.map(Duration::from_secs);
    println!("in memory: the first seed is {first}");
    let (start, mut seed) = (Instant::now(), first);
    let (mut answered, mut unknown) = (0, 0);
    while limit.map_or(seed < first + SHORT, |limit| start.elapsed() < limit) {
        // Fewer faults of one kind if there are more of another: operations in doubt make the check slow.
        let plan = Plan {
            faults: Faults {
                seed: 0,
                refuse: [3, 6, 0][seed as usize % 3],
                lose_reply: [3, 0, 4][seed as usize % 3],
                delay: 3,
                break_off: 0,
            },
            crash: [0, 0, 0, 0, 1, 0][seed as usize % 6],
            waiting: [Waiting::Woken, Waiting::Polling][usize::from(seed.is_multiple_of(5))],
            quota: seed.is_multiple_of(4).then_some(8),
            clients: 10,
            operations: 20,
            paged: !seed.is_multiple_of(3),
        };
        let (some, none) = judge(run(seed, &plan)).unwrap_or_else(|history| {
            panic!("no order explains these answers; repeat with SEED={seed}\n{history}")
        });
        (answered, unknown) = (answered + some, unknown + none);
        seed += 1;
    }
    let count = seed - first;
    println!(
        "in memory: {count} histories with {answered} answers explained, {unknown} writes in doubt"
    );
    assert!(answered > unknown, "most operations are answered");
}
