//! Writers that do not wake each other: they share commits nevertheless, and continue without a leader that was frozen.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests may fail")]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use storage_adapter::memory::{Faults, MemoryStore};
use storage_adapter::{Options, Storage, TreeError, Waiting, WriteCondition, Written};
use support::{TestHost, alice, body, document};

type Tree = Storage<MemoryStore, TestHost>;
type Writing = Pin<Box<dyn Future<Output = Result<Written, TreeError>>>>;

/// How many polls the store's response takes.
const SLOW: Faults = Faults {
    seed: 1,
    refuse: 0,
    lose_reply: 0,
    delay: 3,
    break_off: 0,
};

fn tree() -> Tree {
    let mut options = Options::default();
    options.waiting = Waiting::Polling;
    let store = Arc::new(MemoryStore::with_faults(SLOW));
    Storage::with_options(store, Arc::new(TestHost::new(1)), options)
}

fn write(tree: &Tree, number: usize) -> Writing {
    let tree = tree.clone();
    Box::pin(async move {
        let path = document(&format!("/m/{number}"));
        let none = WriteCondition::None;
        tree.put(&alice(), &path, "t", body(b"x"), &none, None)
            .await
    })
}

#[test]
fn writers_share_commits() {
    let tree = tree();
    let mut writers: Vec<Writing> = (0..10).map(|number| write(&tree, number)).collect();
    tree.store().take_requests();
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        writers.retain_mut(|writer| match writer.as_mut().poll(&mut context) {
            Poll::Ready(written) => {
                written.unwrap();
                false
            }
            Poll::Pending => true,
        });
    }
    assert!(writers.is_empty(), "all are answered");
    let commits = tree.store().take_requests().put - 10;
    assert!(commits <= 4, "{commits} commits of 10 writes");
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_frozen_leader_is_replaced_and_nobody_wakes_another() {
    // However far the first one gets.
    for steps in 1..12 {
        let tree = tree();
        let mut frozen = write(&tree, 1);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        for _ in 0..steps {
            if frozen.as_mut().poll(&mut context).is_ready() {
                break;
            }
        }
        // Not dropped: it simply never continues.
        std::mem::forget(frozen);
        let before = wakes.0.load(Ordering::Relaxed);
        let mut other = write(&tree, 2);
        let mut own = Context::from_waker(Waker::noop());
        let answered = (0..10_000).any(|_| match other.as_mut().poll(&mut own) {
            Poll::Ready(written) => written.is_ok(),
            Poll::Pending => false,
        });
        assert!(answered, "{steps}: the other writer goes on");
        assert_eq!(wakes.0.load(Ordering::Relaxed), before, "{steps}: woken");
    }
}
