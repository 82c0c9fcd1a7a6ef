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

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use storage_adapter::memory::{Faults, MemoryStore};
use storage_adapter::{
    Change, DocumentRead, FolderRead, Item, Options, Storage, TreeError, Version, Waiting,
    WriteCondition,
};
use support::linear::{Event, is_linearizable};
use support::sequential::{Asked, Op, Refusal, Said, Sequential, Write};
use support::{Random, TestHost, alice, body, collect, document, folder};

type Tree = Storage<MemoryStore, TestHost>;

const PATHS: [&str; 7] = ["/m/a", "/m/f/b", "/m/f/c", "/m/f", "/m/f/c/d", "/r", "/r/x"];
const FOLDERS: [&str; 4] = ["/", "/m/", "/m/f/", "/r/"];
const QUOTA: u64 = 8;

fn refusal(error: &TreeError) -> Option<Refusal> {
    Some(match error {
        TreeError::NotFound => Refusal::NotFound,
        TreeError::Precondition { current } => Refusal::Precondition(current.clone()),
        TreeError::Conflict(_) => Refusal::Conflict,
        TreeError::Quota { .. } => Refusal::Quota,
        TreeError::Busy | TreeError::Store(_) => return None,
        other => panic!("not an answer to expect: {other}"),
    })
}

async fn ask(tree: &Tree, asked: &Asked) -> Said {
    let failed = |error: TreeError| refusal(&error).map_or(Said::Nothing, Said::Refused);
    match asked {
        Asked::Write(writes, quota) => {
            let result = match writes.as_slice() {
                [
                    Write {
                        path,
                        bytes: Some(bytes),
                        condition,
                    },
                ] => tree
                    .put(
                        &alice(),
                        &document(path),
                        "t",
                        body(bytes),
                        condition,
                        *quota,
                    )
                    .await
                    .map(|written| vec![(written.version, written.created)]),
                [
                    Write {
                        path,
                        bytes: None,
                        condition,
                    },
                ] => tree
                    .delete(&alice(), &document(path), condition)
                    .await
                    .map(|version| vec![(version, false)]),
                writes => {
                    let changes = writes.iter().cloned().map(|write| match write.bytes {
                        Some(bytes) => Change::Put {
                            path: document(write.path),
                            content_type: "t".to_owned(),
                            body: Bytes::from(bytes),
                            condition: write.condition,
                        },
                        None => Change::Delete {
                            path: document(write.path),
                            condition: write.condition,
                        },
                    });
                    tree.commit(&alice(), changes.collect(), *quota)
                        .await
                        .map(|all| {
                            all.into_iter()
                                .map(|one| (one.version, one.created))
                                .collect()
                        })
                }
            };
            result.map_or_else(failed, Said::Written)
        }
        Asked::Read(path) => match tree
            .read_document(&alice(), &document(path), &[], None)
            .await
        {
            Ok(DocumentRead::Found { info, body, .. }) => {
                Said::Read(Some((info.version, collect(body).await)))
            }
            Err(TreeError::NotFound) => Said::Read(None),
            Err(error) => failed(error),
            Ok(DocumentRead::NotModified(_)) => panic!("no condition was given"),
        },
        Asked::List(path) => match tree.read_folder(&alice(), &folder(path), &[]).await {
            Ok(FolderRead::Found(folder)) => {
                let items = folder.items.iter().map(|(name, item)| match item {
                    Item::Document(info) => (name.clone(), (info.version.clone(), false)),
                    Item::Folder(version) => (name.clone(), (version.clone(), true)),
                });
                Said::Listed(folder.version.clone(), items.collect())
            }
            Err(error) => failed(error),
            Ok(FolderRead::NotModified(_)) => panic!("no condition was given"),
        },
    }
}

/// What this run is like.
struct Plan {
    faults: Faults,
    /// In percent of the steps of a future.
    crash: usize,
    waiting: Waiting,
    quota: Option<u64>,
    clients: usize,
    operations: usize,
}

fn choose(random: &mut Random, quota: Option<u64>, known: &[Version]) -> Asked {
    let write = |random: &mut Random, path| Write {
        path,
        bytes: (random.below(3) > 0).then(|| vec![random.next() as u8; 1 + random.below(4)]),
        condition: match random.below(8) {
            0 => WriteCondition::IfAbsent,
            1 => WriteCondition::IfExists,
            2 if !known.is_empty() => {
                WriteCondition::IfMatch(vec![known[random.below(known.len())].clone()])
            }
            _ => WriteCondition::None,
        },
    };
    match random.below(10) {
        0..5 => {
            let path = PATHS[random.below(PATHS.len())];
            let write = write(random, path);
            // Deletions take no quota.
            let quota = quota.filter(|_| write.bytes.is_some());
            Asked::Write(vec![write], quota)
        }
        5 => {
            let paths: BTreeSet<&'static str> = (0..2).map(|_| PATHS[random.below(3)]).collect();
            let mut writes: Vec<Write> =
                paths.into_iter().map(|path| write(random, path)).collect();
            if let [only] = writes.as_slice() {
                writes = vec![
                    only.clone(),
                    Write {
                        path: "/m/a",
                        bytes: Some(vec![1]),
                        condition: WriteCondition::None,
                    },
                ];
            }
            Asked::Write(writes, quota)
        }
        6 | 7 => Asked::Read(PATHS[random.below(PATHS.len())]),
        _ => Asked::List(FOLDERS[random.below(FOLDERS.len())]),
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
                let asked = choose(&mut random, plan.quota, &known);
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
    for asked in PATHS
        .iter()
        .map(|path| Asked::Read(path))
        .chain(FOLDERS.iter().map(|path| Asked::List(path)))
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
            },
        );
    }
}
