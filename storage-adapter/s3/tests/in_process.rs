//! The contract and the tree over a server in this process that decides conditions atomically and fails on demand.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

mod common;
mod server;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use common::{Machine, Store, body, limits, open, read, settings};
use futures_util::future::join_all;
use futures_util::stream;
use server::{Abilities, Faults, Server};
use storage_adapter::{BodyError, GetOptions, ObjectStore, PutMode, Storage, StoreError, contract};
use storage_s3::{Commits, Conditions, S3Settings, S3Store, native_http};
use support::Random;
use support::asking::{FOLDERS, PATHS, ask, choose};
use support::linear::{Event, is_linearizable};
use support::sequential::{Asked, Op, Said, Sequential};

const ALL: Abilities = Abilities {
    conditions: true,
    conditions_of_parts: true,
    matches_nothing: false,
};

fn at(server: &Server, more: &[(&str, &str)]) -> S3Settings {
    let endpoint = server.endpoint();
    let mut variables = more.to_vec();
    variables.extend([
        ("BUCKET", server::BUCKET),
        ("REGION", server::REGION),
        ("ENDPOINT", &endpoint),
        ("ACCESS_KEY_ID", server::KEY_ID),
        ("SECRET_ACCESS_KEY", server::SECRET),
    ]);
    settings(&variables)
}

async fn start() -> (Server, Store) {
    let server = Server::start(ALL).await;
    let store = open(&at(&server, &[])).await.unwrap();
    (server, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let (server, store) = start().await;
    assert_eq!(store.commits(), Commits::Server(Conditions { parts: true }));
    assert_eq!(
        server.state.lock().unwrap().objects.len(),
        0,
        "the probe tidies up"
    );
    contract::run_all(Arc::new(store.clone()), "contract").await;
    assert_eq!(
        server.state.lock().unwrap().uploads.len(),
        0,
        "nothing is left of what broke off"
    );
    let requests = store.take_requests();
    assert_eq!(requests.retries, 0);
}

/// Keys that XML cannot represent are deleted one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_deleted_in_one_request() {
    let (server, store) = start().await;
    let mut keys: Vec<String> = (0..20).map(|n| format!("many/{n} & <more>")).collect();
    keys.push("many/line\nend".to_owned());
    for key in &keys {
        let put = store.put(key, body(b"x"), PutMode::New).await;
        put.unwrap();
    }
    store.take_requests();
    store.delete_many(&keys).await.unwrap();
    assert_eq!(store.take_requests().delete, 2);
    assert_eq!(store.list("many/", None).await, Ok(Vec::new()));
    // A server that does not support the request.
    for key in &keys {
        store.put(key, body(b"x"), PutMode::New).await.unwrap();
    }
    server.state.lock().unwrap().no_groups = true;
    store.delete_many(&keys).await.unwrap();
    assert_eq!(store.list("many/", None).await, Ok(Vec::new()));
}

/// A server may be anyone's, and its responses are held in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_read_whole_have_a_bound() {
    let (server, store) = start().await;
    let large = vec![b'x'; 20 << 20];
    store.put("a", body(&large), PutMode::New).await.unwrap();
    let pad = |bytes| server.state.lock().unwrap().padding = bytes;
    pad(15 << 20);
    assert_eq!(store.list("", None).await.unwrap().len(), 1);
    pad(17 << 20);
    let refused = store.list("", None).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    // Errors are responses as well: a missing object is not found, however long the message, or the outcome is unknown.
    let missing = store.get("b", GetOptions::default()).await;
    assert!(
        matches!(
            missing,
            Err(StoreError::Unavailable(_) | StoreError::NotFound)
        ),
        "{:?}",
        missing.err()
    );
    // Documents have any length, and come in one piece.
    let gets = || server.state.lock().unwrap().requests["GET"];
    let before = gets();
    assert!(read(&store, "a").await.unwrap() == large);
    assert_eq!(gets() - before, 1);
}

/// Whoever takes that for a listing without entries takes accounts for removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_that_is_not_found_is_not_empty() {
    let (server, store) = start().await;
    assert_eq!(store.list("", None).await, Ok(Vec::new()));
    server.state.lock().unwrap().lost = true;
    let listed = store.list("", None).await;
    assert!(
        matches!(listed, Err(StoreError::Unavailable(_))),
        "{listed:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_below_a_prefix() {
    let (server, _) = start().await;
    let below = open(&at(&server, &[("PREFIX", "team/a b/")]))
        .await
        .unwrap();
    let beside = open(&at(&server, &[("PREFIX", "team/a b+")]))
        .await
        .unwrap();
    beside
        .put("x", body(b"x"), PutMode::IfAbsent)
        .await
        .unwrap();
    contract::run_all(Arc::new(below.clone()), "contract").await;
    contract::long_listing(&below, "other").await;
    let listed = beside.list("", None).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
}

/// Everything whose outcome is certain is retried until the contract is fulfilled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_while_the_server_is_busy() {
    let (server, store) = start().await;
    server.set_faults(Faults {
        seed: 1,
        slow_down: 10,
        conflict: 10,
        truncate: 10,
        ..Faults::default()
    });
    contract::run_all(Arc::new(store.clone()), "contract").await;
    assert!(store.take_requests().retries > 100);
}

/// What may have happened and cannot be distinguished from another writer's action is `Unavailable`; with a single
/// writer it can be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_replies_are_found_again() {
    let (server, store) = start().await;
    for seed in 0..4 {
        server.set_faults(Faults {
            seed,
            slow_down: 5,
            internal: 10,
            conflict: 5,
            cut_before: 5,
            lose_reply: 10,
            truncate: 5,
        });
        let prefix = format!("lost/{seed}");
        contract::put_get_delete(&store, &format!("{prefix}/basic")).await;
        contract::new_keys(&store, &format!("{prefix}/new")).await;
        contract::ranges(&store, &format!("{prefix}/ranges")).await;
        contract::conditional_reads(&store, &format!("{prefix}/reads")).await;
        contract::bodies(&store, &format!("{prefix}/bodies")).await;
        contract::names(&store, &format!("{prefix}/names")).await;
        contract::listing(&store, &format!("{prefix}/listing")).await;
        // A single writer swaps: every swap is its own, however many responses are lost.
        let key = format!("{prefix}/swapped");
        let mut version = store
            .put(&key, body(b"0"), PutMode::IfAbsent)
            .await
            .unwrap();
        for number in 1..50 {
            let next = number.to_string();
            let mode = PutMode::IfMatch(version);
            version = store.put(&key, body(next.as_bytes()), mode).await.unwrap();
        }
        assert_eq!(read(&store, &key).await.unwrap(), b"49");
    }
    assert!(store.take_requests().retries > 100);
}

/// Several writers increment one number while responses are lost: `Precondition` means that nothing happened, success
/// that it happened, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_added_twice() {
    const WRITERS: usize = 4;
    const EACH: usize = 15;
    let (server, store) = start().await;
    store
        .put("marks", body(b""), PutMode::IfAbsent)
        .await
        .unwrap();
    server.set_faults(Faults {
        seed: 7,
        internal: 10,
        conflict: 10,
        cut_before: 5,
        lose_reply: 15,
        ..Faults::default()
    });
    let add = |writer: usize| {
        let store = &store;
        async move {
            let (mut done, mut unknown) = (Vec::new(), Vec::new());
            for number in 0..EACH {
                for attempt in 0.. {
                    // Every attempt leaves a unique mark.
                    let mark = format!("{writer}.{number}.{attempt} ");
                    let object = store.get("marks", Default::default()).await.unwrap();
                    let version = object.etag.clone();
                    let mut marks = support::collect(object.body).await;
                    marks.extend_from_slice(mark.as_bytes());
                    match store
                        .put("marks", body(&marks), PutMode::IfMatch(version))
                        .await
                    {
                        Ok(_) => {
                            done.push(mark);
                            break;
                        }
                        Err(StoreError::Precondition) => {}
                        Err(StoreError::Unavailable(_)) => unknown.push(mark),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            (done, unknown)
        }
    };
    let said = join_all((0..WRITERS).map(add)).await;
    server.set_faults(Faults::default());
    let marks = String::from_utf8(read(&store, "marks").await.unwrap()).unwrap();
    let there: Vec<&str> = marks.split_inclusive(' ').collect();
    let mut expected = 0;
    for (done, unknown) in &said {
        for mark in done {
            assert_eq!(
                there.iter().filter(|found| *found == mark).count(),
                1,
                "{mark}"
            );
        }
        let late = unknown.iter().filter(|mark| there.contains(&mark.as_str()));
        expected += done.len() + late.count();
    }
    assert_eq!(there.len(), expected, "what was refused did not happen");
    let unknown: usize = said.iter().map(|(_, unknown)| unknown.len()).sum();
    println!("{} done, {unknown} in doubt", WRITERS * EACH);
}

#[tokio::test]
async fn a_server_without_conditions_needs_to_be_alone() {
    let server = Server::start(Abilities::default()).await;
    let refused = open(&at(&server, &[])).await.unwrap_err().to_string();
    assert!(
        refused.starts_with("bucket \"chat\" at http://127.0.0.1:")
            && refused.contains("SUBSPACE_S3_SINGLE_WRITER"),
        "{refused}"
    );
    let store = open(&at(&server, &[("SINGLE_WRITER", "true")]))
        .await
        .unwrap();
    assert_eq!(store.commits(), Commits::SingleWriter);
    contract::run_all(Arc::new(store), "contract").await;
}

/// A deleted head would be created again, with only what one writer knew of it.
#[tokio::test]
async fn a_server_that_matches_what_is_not_there_has_no_conditions() {
    let server = Server::start(Abilities {
        matches_nothing: true,
        ..ALL
    })
    .await;
    let refused = open(&at(&server, &[])).await.unwrap_err().to_string();
    assert!(refused.contains("SUBSPACE_S3_SINGLE_WRITER"), "{refused}");
    assert_eq!(server.state.lock().unwrap().objects.len(), 0);
}

#[tokio::test]
async fn conditions_for_whole_objects_only() {
    let server = Server::start(Abilities {
        conditions: true,
        ..Abilities::default()
    })
    .await;
    let store = open(&at(&server, &[])).await.unwrap();
    assert_eq!(
        store.commits(),
        Commits::Server(Conditions { parts: false })
    );
    contract::conditional_writes(&store, "writes").await;
    let large = vec![b'x'; 11 << 20];
    for mode in [PutMode::New, PutMode::IfAbsent] {
        store.put("large", body(&large), mode).await.unwrap();
        let again = store.put("large", body(&large), PutMode::IfAbsent).await;
        assert_eq!(again, Err(StoreError::Precondition));
        assert!(read(&store, "large").await.unwrap() == large);
        store.delete("large").await.unwrap();
    }
}

#[tokio::test]
async fn large_bodies_have_conditions_too() {
    let (server, store) = start().await;
    let mut large = vec![b'x'; 11 << 20];
    let first = store
        .put("large", body(&large), PutMode::IfAbsent)
        .await
        .unwrap();
    assert!(first.0.ends_with("-3"), "{first:?}");
    large[0] = b'y';
    for mode in [PutMode::IfAbsent, PutMode::New] {
        let again = store.put("large", body(&large), mode).await;
        assert_eq!(again, Err(StoreError::Precondition));
    }
    // A lost response to the last request of an upload is recovered, and the next stale swap is refused.
    server.set_faults(Faults {
        seed: 3,
        lose_reply: 40,
        ..Faults::default()
    });
    let swap = PutMode::IfMatch(first.clone());
    let second = store
        .put("large", body(&large), swap.clone())
        .await
        .unwrap();
    server.set_faults(Faults::default());
    assert_ne!(first, second);
    let stale = store.put("large", body(b"z"), swap).await;
    assert_eq!(stale, Err(StoreError::Precondition));
    assert!(read(&store, "large").await.unwrap() == large);
}

#[tokio::test]
async fn what_was_begun_and_left_is_swept() {
    let (server, store) = start().await;
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 1 << 20])));
    let mut limits = limits();
    limits.largest_object = 12 << 20;
    let http = native_http(&at(&server, &[]));
    let small: Store = S3Store::new(
        &at(&server, &[]),
        http,
        Arc::new(Machine),
        limits,
        store.commits(),
    );
    let refused = small.put("endless", Box::pin(endless), PutMode::New).await;
    let limit = 12 << 20;
    assert_eq!(refused, Err(BodyError::TooLarge { limit }.into()));
    assert_eq!(server.state.lock().unwrap().uploads.len(), 0);
    // A writer vanishes in the middle.
    let (sent, first_part) = tokio::sync::oneshot::channel::<()>();
    let mut sent = Some(sent);
    let mut left = 6;
    let stuck = stream::poll_fn(move |_| {
        if left == 0 {
            drop(sent.take());
            return std::task::Poll::Pending;
        }
        left -= 1;
        std::task::Poll::Ready(Some(Ok(Bytes::from(vec![0; 1 << 20]))))
    });
    let writing = store.put("stuck", Box::pin(stuck), PutMode::New);
    tokio::select! {
        _ = writing => panic!("it cannot end"),
        _ = first_part => {}
    }
    assert_eq!(server.state.lock().unwrap().uploads.len(), 1);
    assert_eq!(store.tidy(1 << 50).await, Ok(0));
    assert_eq!(store.tidy(0).await, Ok(1));
    assert_eq!(server.state.lock().unwrap().uploads.len(), 0);
}

#[tokio::test]
async fn refusals_are_sentences() {
    let server = Server::start(ALL).await;
    let said =
        async |changes: &[(&str, &str)]| open(&at(&server, changes)).await.unwrap_err().to_string();
    let wrong = said(&[("SECRET_ACCESS_KEY", "guessed")]).await;
    assert!(
        wrong.contains("secret access key") && !wrong.contains("guessed"),
        "{wrong}"
    );
    assert!(
        said(&[("ACCESS_KEY_ID", "X")])
            .await
            .contains("access key id is unknown")
    );
    assert!(
        said(&[("BUCKET", "other")])
            .await
            .contains("there is no bucket \"other\"")
    );
    assert!(
        said(&[("REGION", "us-east-1")])
            .await
            .contains("another region")
    );
    let gone = server.endpoint();
    drop(server);
    let nobody = said_at(&gone).await;
    assert!(
        nobody.contains("unavailable: it cannot be reached"),
        "{nobody}"
    );
}

async fn said_at(endpoint: &str) -> String {
    let settings = settings(&[
        ("BUCKET", "chat"),
        ("ENDPOINT", endpoint),
        ("ACCESS_KEY_ID", "x"),
        ("SECRET_ACCESS_KEY", "x"),
    ]);
    open(&settings).await.unwrap_err().to_string()
}

/// Two instances of the tree over one bucket, with several clients each, while the server fails: every response is
/// valid for some instant between request and response. `SEED` repeats a run, as far as the machine's own timing
/// permits; `RUNS` makes more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_is_linearizable() {
    const CLIENTS: usize = 4;
    const OPERATIONS: usize = 6;
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text: String| text.parse().ok())
    };
    let runs: u64 = number("RUNS").unwrap_or(6);
    let seeds = number("SEED").map_or(0..runs, |seed| seed..seed + 1);
    let (mut answered, mut unknown) = (0, 0);
    for seed in seeds {
        let (server, _) = start().await;
        server.set_faults(Faults {
            seed,
            slow_down: 4,
            internal: 4,
            conflict: 4,
            cut_before: 4,
            lose_reply: 6,
            truncate: 4,
        });
        let clock = Arc::new(AtomicU64::new(0));
        let quota = seed.is_multiple_of(2).then_some(8);
        let mut trees = Vec::new();
        for _ in 0..2 {
            let mut limits = limits();
            // Now and then it gives up, and the tree has to find out.
            limits.attempts = 2;
            let settings = at(&server, &[]);
            let commits = Commits::Server(Conditions { parts: true });
            let http = native_http(&settings);
            let store: Store = S3Store::new(&settings, http, Arc::new(Machine), limits, commits);
            trees.push(Storage::new(Arc::new(store), Arc::new(Machine)));
        }
        let clients = (0..CLIENTS).map(|client| {
            let tree = trees[client % 2].clone();
            let clock = Arc::clone(&clock);
            tokio::spawn(async move {
                let mut random = Random(seed * 100 + client as u64);
                let (mut events, mut known) = (Vec::<Event<Op>>::new(), Vec::new());
                for _ in 0..OPERATIONS {
                    let asked = choose(&mut random, quota, &known);
                    let called = clock.fetch_add(1, Ordering::SeqCst);
                    let said = ask(&tree, &asked).await;
                    let returned = clock.fetch_add(1, Ordering::SeqCst);
                    match &said {
                        Said::Written(all) => known.extend(all.iter().map(|(v, _)| v.clone())),
                        Said::Read(Some((version, _))) => known.push(version.clone()),
                        _ => {}
                    }
                    events.push(Event {
                        called,
                        returned: (!matches!(said, Said::Nothing)).then_some(returned),
                        op: (asked, said),
                    });
                }
                events
            })
        });
        let mut history = Vec::new();
        for client in join_all(clients).await {
            history.extend(client.unwrap());
        }
        server.set_faults(Faults::default());
        let everything = PATHS.iter().map(|path| Asked::Read(path));
        for asked in everything.chain(FOLDERS.iter().map(|path| Asked::List(path))) {
            let called = clock.fetch_add(1, Ordering::SeqCst);
            let said = ask(&trees[0], &asked).await;
            let returned = Some(clock.fetch_add(1, Ordering::SeqCst));
            history.push(Event {
                op: (asked, said),
                called,
                returned,
            });
        }
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
                println!("{:>5} {:?} {:?}", event.called, event.returned, event.op);
            }
            panic!("no order explains these answers; SEED={seed}");
        }
    }
    println!("{answered} answers explained, {unknown} writes without an answer");
    assert!(answered > unknown * 3, "most operations are answered");
}
