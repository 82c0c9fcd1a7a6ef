//! Moves that are interrupted at any point, over failing stores, with concurrent writers.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use protocol::AccountName;
use serde_json::Value;
use storage_adapter::memory::Faults;

use super::{Alice, bucket};
use crate::kernel::body::Body;
use crate::kernel::guard::ClientAddress;
use crate::testing::{TestFunctions, block_on};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// What a document may contain; `None` stands for what was there before.
#[derive(Debug, Default)]
struct Possible {
    accepted: Option<u64>,
    later: Vec<u64>,
}

/// Writes `n` to a document; true if it was accepted.
async fn write(functions: &TestFunctions, app: &str, path: String, n: u64) -> bool {
    let answer = answer(functions, app, path, n).await;
    let success = answer.status().is_success();
    let _read = answer.into_body().collect().await;
    success
}

async fn answer(functions: &TestFunctions, app: &str, path: String, n: u64) -> Response<Body> {
    let mut request = Request::new(Full::new(Bytes::from(n.to_string())));
    *request.method_mut() = Method::PUT;
    *request.uri_mut() = format!("/storage/alice{path}").parse().unwrap();
    for (name, value) in [("authorization", app), ("content-type", "text/plain")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let client = ClientAddress::parse("192.0.2.1");
    functions.handle(request, client).await
}

/// Polls a mover and two writers in random order; the mover is dropped and restarted now and then.
fn run(seed: u64, fail: u8) -> Result<(), TestCaseError> {
    let mut random = Random(seed);
    let alice = Alice::new();
    let mine = alice.functions.add_bucket("mine");
    for n in 0..6 {
        alice.put(&format!("/m{}/{n}", n % 2), "old");
    }
    assert_eq!(alice.api("PUT", "/api/store", bucket("mine")).status, 200);
    let account: AccountName = "alice".parse().unwrap();
    let processes = [
        TestFunctions::reopened(&alice.functions),
        TestFunctions::reopened(&alice.functions),
    ];
    let faults = |random: &mut Random| Faults {
        seed: random.below(u64::MAX),
        refuse: fail,
        lose_reply: fail,
        delay: 2,
        break_off: 0,
    };
    alice.functions.memory().set_faults(faults(&mut random));
    mine.set_faults(faults(&mut random));
    let mut context = Context::from_waker(Waker::noop());
    alice
        .functions
        .host()
        .time_passes
        .store(true, Ordering::Relaxed);
    // Possible contents: the last accepted one, or any later one whose outcome is unknown.
    let mut possible: BTreeMap<String, Possible> = BTreeMap::new();
    let (mut number, mut rounds, mut moved) = (0, 0, false);
    while !moved {
        rounds += 1;
        prop_assert!(rounds < 300, "it never ends");
        let mover = TestFunctions::reopened(&alice.functions);
        let mut moving = pin!(mover.files.move_on(&account, None));
        let mut writers: Vec<(String, u64, _)> = Vec::new();
        for process in &processes {
            let path = format!("/m{}/{}", random.below(8), random.below(3));
            // One writer per document at a time, so that the expected content is known.
            if writers.iter().any(|(other, ..)| *other == path) {
                continue;
            }
            number += 1;
            let writing = Box::pin(write(process, &alice.app, path.clone(), number));
            writers.push((path, number, writing));
        }
        for (path, n, _) in &writers {
            possible.entry(path.clone()).or_default().later.push(*n);
        }
        // The mover is stopped after a while; the writers always finish.
        let patience = 50 + random.below(3_000);
        let (mut steps, mut done) = (0, false);
        while !writers.is_empty() || (!done && steps < patience) {
            steps += 1;
            prop_assert!(steps < 5_000_000, "it never ends");
            let turn = random.below(3) as usize;
            if turn == 0 && !done && steps < patience {
                if let Poll::Ready(result) = moving.as_mut().poll(&mut context) {
                    done = true;
                    moved = result.is_ok_and(|report| report.done);
                }
            } else if let Some((_, _, writing)) = writers.get_mut(turn.saturating_sub(1))
                && let Poll::Ready(accepted) = writing.as_mut().poll(&mut context)
            {
                let (path, n, _) = writers.remove(turn.saturating_sub(1));
                if accepted && let Some(possible) = possible.get_mut(&path) {
                    possible.accepted = Some(n);
                    possible.later.retain(|other| *other > n);
                }
            } else if writers.is_empty() && done {
                break;
            }
            if random.below(50) == 0 {
                alice.functions.host().advance(300);
            }
        }
    }
    alice.functions.memory().set_faults(Faults::default());
    mine.set_faults(Faults::default());
    alice.functions.host().advance(10_000);
    let view = alice.api("GET", "/api/store", Value::Null).json();
    prop_assert_eq!(&view["place"]["bucket"], "mine");
    for (path, possible) in &possible {
        let read = alice.storage("GET", path, "");
        let found = match read.status.as_u16() {
            200 => read.text().parse::<u64>().ok(),
            404 => None,
            status => return Err(TestCaseError::fail(format!("{path}: {status}"))),
        };
        let fits = found == possible.accepted || found.is_some_and(|n| possible.later.contains(&n));
        prop_assert!(fits, "{}: {:?} of {:?}", path, found, possible);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_accepted_during_a_move_is_there(seed in any::<u64>(), fail in 0_u8..4) {
        run(seed, fail)?;
    }
}

/// A writer who had started before the move created a module after all heads had been marked.
#[test]
fn a_module_that_comes_late_does_not_keep_a_move_from_its_end() {
    run(14_528_147_049_159_951_116, 0).unwrap();
}

/// Every write that starts before a whole move and continues after it, wherever it was paused.
#[test]
fn whoever_writes_during_a_move_is_told_that_there_is_one() {
    let (mut accepted, mut refused) = (0, 0);
    for polls in 0.. {
        assert!(polls < 1_000, "the write does not come to an end");
        let alice = Alice::new();
        alice.functions.add_bucket("mine");
        alice.put("/notes/a", "1");
        assert_eq!(alice.api("PUT", "/api/store", bucket("mine")).status, 200);
        alice.functions.memory().set_faults(Faults {
            delay: 2,
            ..Faults::default()
        });
        let writer = TestFunctions::reopened(&alice.functions);
        let mut writing = pin!(answer(&writer, &alice.app, "/notes/b".to_owned(), 2));
        let mut context = Context::from_waker(Waker::noop());
        if (0..polls).any(|_| writing.as_mut().poll(&mut context).is_ready()) {
            break;
        }
        // The move waits until no process has the open account cached.
        let time_passes = &alice.functions.host().time_passes;
        time_passes.store(true, Ordering::Relaxed);
        let account: AccountName = "alice".parse().unwrap();
        let mover = TestFunctions::reopened(&alice.functions);
        let moved = block_on(mover.files.move_on(&account, None)).unwrap();
        assert!(moved.done);
        let (parts, body) = block_on(writing).into_parts();
        let read = alice.storage("GET", "/notes/b", "");
        if parts.status.is_success() {
            accepted += 1;
            assert_eq!((read.status.as_u16(), read.text()), (200, "2"));
            continue;
        }
        refused += 1;
        assert_eq!(read.status, 404);
        assert_eq!(parts.status, 503);
        assert_eq!(parts.headers["retry-after"], "1");
        let body = block_on(body.collect()).unwrap().to_bytes();
        let problem = String::from_utf8_lossy(&body);
        assert!(
            problem.contains("the account's storage is being moved to another place"),
            "after {polls} polls: {problem}"
        );
    }
    assert!(accepted > 0 && refused > 0, "{accepted} {refused}");
}
