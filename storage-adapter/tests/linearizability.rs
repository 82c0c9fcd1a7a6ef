//! Random operations by several writers and readers at once, over a store that refuses, loses
//! replies and delays, with futures dropped in between: every answer is the answer of some
//! instant between call and return.
//!
//! Two instances of the tree share one store, as two processes do; each commits the waiting
//! writes of its own in groups. The test's own scheduler polls futures in an order drawn from a
//! seed: nothing depends on a clock. A failure prints its seed; `SEED` repeats it, `RUNS` tries more.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use storage_adapter::memory::{Faults, MemoryStore};
use storage_adapter::{Options, Storage, Version, Waiting};
use support::asking::{FOLDERS, MANY_FOLDERS, MANY_PATHS, PATHS, ask, choose_among};
use support::linear::{Event, is_linearizable};
use support::sequential::{Asked, Op, Said, Sequential};
use support::{Random, TestHost};

const QUOTA: u64 = 8;

/// What this run is like.
struct Plan {
    faults: Faults,
    /// In percent of the steps of a future.
    crash: usize,
    waiting: Waiting,
    quota: Option<u64>,
    clients: usize,
    operations: usize,
    /// Pages of one document or two, so that every commit divides and joins some.
    paged: bool,
}

impl Plan {
    fn paths(&self) -> &'static [&'static str] {
        if self.paged { &MANY_PATHS } else { &PATHS }
    }

    fn folders(&self) -> &'static [&'static str] {
        if self.paged { &MANY_FOLDERS } else { &FOLDERS }
    }
}

type Running = Pin<Box<dyn Future<Output = Said>>>;

/// Runs clients in an order drawn from the seed; returns what was asked and said, with times.
fn run(seed: u64, plan: &Plan) -> Vec<Event<Op>> {
    let mut random = Random(seed);
    let store = MemoryStore::with_faults(Faults {
        seed: random.next(),
        ..plan.faults
    });
    // S3's versions are digests, those of others are not: the tree must do with both.
    let store = Arc::new(if seed.is_multiple_of(2) {
        store.with_digests()
    } else {
        store
    });
    let mut options = Options::default();
    options.waiting = plan.waiting;
    if plan.paged {
        options.head_bytes = 0;
        options.page_bytes = [100, 300, 600][seed as usize % 3];
        // Now and then nothing is in memory.
        options.page_cache_bytes *= usize::from(seed.is_multiple_of(2));
    }
    let instance =
        |seed| Storage::with_options(Arc::clone(&store), Arc::new(TestHost::new(seed)), options);
    let mut trees = [instance(random.next()), instance(random.next())];
    let mut clients: Vec<Option<(Running, Asked, u64)>> = (0..plan.clients).map(|_| None).collect();
    let (mut history, mut time, mut started) = (Vec::new(), 0, 0);
    let mut known: Vec<Version> = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = 0;
    while started < plan.operations || clients.iter().any(Option::is_some) {
        steps += 1;
        assert!(steps < 1_000_000, "seed {seed}: nobody gets on");
        time += 1;
        let turn = random.below(clients.len());
        // Clients stay with their instance.
        let at = turn % trees.len();
        let Some((running, asked, called)) = &mut clients[turn] else {
            if started < plan.operations {
                started += 1;
                let asked = choose_among(
                    &mut random,
                    plan.paths(),
                    plan.folders(),
                    plan.quota,
                    &known,
                );
                let (tree, question) = (trees[at].clone(), asked.clone());
                let running: Running = Box::pin(async move { ask(&tree, &question).await });
                clients[turn] = Some((running, asked, time));
            }
            continue;
        };
        if let Poll::Ready(said) = running.as_mut().poll(&mut context) {
            match &said {
                Said::Written(all) => known.extend(all.iter().map(|(version, _)| version.clone())),
                Said::Read(Some((version, _))) => known.push(version.clone()),
                _ => {}
            }
            let returned = (!matches!(said, Said::Nothing)).then_some(time);
            history.push(Event {
                op: (asked.clone(), said),
                called: *called,
                returned,
            });
            clients[turn] = None;
        } else if random.below(100) < plan.crash {
            // A client goes away, or a whole process dies with all that it was doing.
            let whole = random.below(4) == 0;
            for (other, client) in clients.iter_mut().enumerate() {
                if (other == turn || (whole && other % trees.len() == at))
                    && let Some((running, asked, called)) = client.take()
                {
                    if plan.waiting == Waiting::Polling {
                        // There it is not dropped: it is never heard of again.
                        std::mem::forget(running);
                    }
                    history.push(Event {
                        op: (asked, Said::Nothing),
                        called,
                        returned: None,
                    });
                }
            }
            if whole {
                trees[at] = instance(random.next());
            }
        }
    }
    // In the end all is said once more, without faults.
    store.set_faults(Faults::default());
    for asked in plan
        .paths()
        .iter()
        .map(|path| Asked::Read(path))
        .chain(plan.folders().iter().map(|path| Asked::List(path)))
    {
        let tree = instance(random.next());
        let mut running: Running = Box::pin({
            let asked = asked.clone();
            async move { ask(&tree, &asked).await }
        });
        let Poll::Ready(said) = running.as_mut().poll(&mut context) else {
            panic!("seed {seed}: a store without delays answers at once");
        };
        time += 1;
        history.push(Event {
            op: (asked, said),
            called: time,
            returned: Some(time),
        });
        time += 1;
    }
    history
}

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
        // Reads without an answer say nothing.
        let mut history = run(seed, plan);
        history
            .retain(|event| !matches!(event.op, (Asked::Read(_) | Asked::List(_), Said::Nothing)));
        unknown += history
            .iter()
            .filter(|event| event.returned.is_none())
            .count();
        answered += history
            .iter()
            .filter(|event| event.returned.is_some())
            .count();
        if !is_linearizable(&Sequential::default(), &history) {
            history.sort_by_key(|event| event.called);
            for event in &history {
                println!(
                    "{:>5} {:>5} {:?}",
                    event.called,
                    event.returned.unwrap_or(0),
                    event.op
                );
            }
            panic!("{name}: no order explains these answers; repeat with SEED={seed}");
        }
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
};
const FAILURES: Faults = Faults {
    seed: 0,
    refuse: 5,
    lose_reply: 5,
    delay: 3,
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
