//! Retained overwritten and deleted documents, and what they cost.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests may fail")]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use storage_adapter::memory::MemoryStore;
use storage_adapter::{
    Change, GiveWay, Host as _, Kept, ObjectStore, Options, Storage, TreeError, WriteCondition,
};
use support::requests::{Tree, delete, get, now, put, tree};
use support::{TestHost, alice, document, folder};

const MINUTE: i64 = 60 * 1000;
const LARGE: usize = 1 << 20;

/// The number of all documents, including old versions, and their bytes.
fn at_rest(tree: &Tree) -> (usize, u64) {
    let listed = now(tree.store().list("accounts/alice/data/", None)).unwrap();
    (listed.len(), listed.iter().map(|entry| entry.length).sum())
}

fn kept(tree: &Tree) -> usize {
    let Kept { versions, .. } = now(tree.kept(&alice())).unwrap();
    let listed = now(tree.list_superseded(&alice(), &folder("/"))).unwrap();
    assert_eq!(versions, listed.len());
    versions
}

#[test]
fn of_a_burst_of_writes_only_the_last_stays() {
    let tree = tree();
    for n in 0..20 {
        put(&tree, "/n/a", &vec![n; LARGE]);
    }
    assert_eq!(at_rest(&tree), (1, LARGE as u64));
    delete(&tree, "/n/a").unwrap();
    assert_eq!((kept(&tree), at_rest(&tree)), (1, (1, LARGE as u64)));
    for n in 0..20 {
        put(&tree, "/n/a", &vec![n; LARGE]);
        delete(&tree, "/n/a").unwrap();
    }
    assert_eq!((kept(&tree), at_rest(&tree)), (1, (1, LARGE as u64)));
}

#[test]
fn what_was_there_before_a_burst_stays_with_one_version_of_each_slot() {
    let tree = tree();
    let first = put(&tree, "/n/a", b"first");
    tree.host().advance(7 * MINUTE);
    for minute in 0..60 {
        put(&tree, "/n/a", format!("{minute}").as_bytes());
        tree.host().advance(MINUTE);
    }
    let listed = now(tree.list_superseded(&alice(), &folder("/n/"))).unwrap();
    assert_eq!(listed[0].info.version, first);
    assert!((11..=13).contains(&listed.len()), "{}", listed.len());
    // An earlier version survives both a burst of writes and a deletion within it.
    let last = put(&tree, "/n/b", b"kept");
    tree.host().advance(7 * MINUTE);
    put(&tree, "/n/b", b"1");
    put(&tree, "/n/b", b"2");
    let deleted = delete(&tree, "/n/b").unwrap();
    let listed = now(tree.list_superseded(&alice(), &folder("/n/"))).unwrap();
    let versions: Vec<_> = listed
        .iter()
        .filter(|entry| entry.path == document("/n/b"))
        .map(|entry| entry.info.version.clone())
        .collect();
    assert_eq!(versions, [last, deleted]);
}

#[test]
fn the_oldest_go_first_where_there_is_a_bound_and_all_can_go() {
    let mut options = Options::default();
    options.slot_millis = 0;
    let (store, host) = (MemoryStore::new(), TestHost::new(1));
    let tree = Storage::with_options(Arc::new(store), Arc::new(host), options);
    let mut versions = Vec::new();
    for n in 0..300_u32 {
        versions.push(put(&tree, "/n/a", &n.to_le_bytes()));
        tree.host().advance(10);
    }
    let left = tree.left_since_sweep(&alice());
    assert!(left > 299 * 4096 && left < 300 * 4200, "{left}");
    let sweep = |most| now(tree.sweep_to(&alice(), tree.host().now(), most)).unwrap();
    assert_eq!(sweep(None).trimmed, 0);
    assert_eq!(tree.left_since_sweep(&alice()), 0);
    // A version of four bytes counts as much as its file and its entry take.
    assert_eq!(sweep(Some(100 * 4100)).trimmed, 199);
    assert_eq!((kept(&tree), at_rest(&tree).0), (100, 101));
    let (path, none) = (document("/n/a"), WriteCondition::None);
    let restore = |n: usize| now(tree.restore(&alice(), &path, &versions[n], &none, None));
    assert!(matches!(restore(198), Err(TreeError::NotFound)));
    restore(199).unwrap();
    assert_eq!(get(&tree, "/n/a").unwrap(), 199_u32.to_le_bytes());
    assert_eq!(sweep(Some(0)).trimmed, 101);
    assert_eq!((kept(&tree), at_rest(&tree)), (0, (1, 4)));
    tree.host().advance(2 * 60 * MINUTE);
    sweep(None);
    let lists = now(tree.store().list("accounts/alice/superseded/", None)).unwrap();
    assert!(lists.is_empty(), "{lists:?}");
}

/// A writer that appends leaves nothing behind and reads nothing that it knows.
#[test]
fn appending_costs_two_writes_and_keeps_nothing() {
    let tree = tree();
    let mut version = None;
    let mut total = storage_adapter::memory::Requests::default();
    for n in 0..200 {
        tree.host().advance(10 * MINUTE);
        let condition = match version.take() {
            None => WriteCondition::IfAbsent,
            Some(version) => WriteCondition::IfMatch(vec![version]),
        };
        let change = Change::Put {
            path: document("/n/a"),
            content_type: "text/plain".to_owned(),
            body: Bytes::from(vec![b'x'; 10 * n + 1]),
            condition,
        };
        tree.store().take_requests();
        let written = now(tree.append(&alice(), vec![change])).unwrap();
        let requests = tree.store().take_requests();
        if n > 0 {
            assert_eq!(
                (requests.get, requests.put, requests.list),
                (0, 2, 0),
                "{n}"
            );
        }
        total.delete += requests.delete;
        version = Some(written[0].version.clone());
        let (_, bytes) = at_rest(&tree);
        assert!(bytes <= 10 * n as u64 + 1 + (66 << 10), "{n}: {bytes}");
        tree.store().take_requests();
    }
    assert_eq!(kept(&tree), 0);
    assert!(total.delete <= 199, "{total:?}");
    // A concurrent change by another writer is noticed nevertheless.
    let other = Storage::new(tree.shared_store(), Arc::new(TestHost::new(9)));
    put(&other, "/n/a", b"other");
    let change = Change::Put {
        path: document("/n/a"),
        content_type: "text/plain".to_owned(),
        body: Bytes::from_static(b"mine"),
        condition: WriteCondition::IfMatch(version.into_iter().collect()),
    };
    // It waits a little before it looks again.
    let alice = alice();
    let mut lost = std::pin::pin!(tree.append(&alice, vec![change]));
    let lost = loop {
        if let Some(lost) = lost.as_mut().now_or_never() {
            break lost;
        }
    };
    assert!(
        matches!(lost, Err(TreeError::Precondition { .. })),
        "{lost:?}"
    );
    assert_eq!(get(&tree, "/n/a").unwrap(), b"other");
}

#[test]
fn the_oldest_give_way_if_that_makes_enough_room() {
    let mut options = Options::default();
    options.slot_millis = 0;
    let (store, host) = (MemoryStore::new(), TestHost::new(1));
    let tree = Storage::with_options(Arc::new(store), Arc::new(host), options);
    let mut versions = Vec::new();
    for n in 0..10 {
        versions.push(put(&tree, "/n/a", &[n; 100]));
        tree.host().advance(MINUTE);
    }
    put(&tree, "/n/other", &[b'x'; 1_000]);
    let start = tree.host().now().plus_millis(-10 * MINUTE);
    // Each was superseded when the next one was written.
    let give = |minutes: i64, least, most| {
        let before = start.plus_millis(minutes * MINUTE);
        let wanted = GiveWay {
            before,
            least,
            most,
        };
        let given = now(tree.give_way(&alice(), wanted)).unwrap();
        (given.versions, given.bytes)
    };
    // It would not be enough.
    assert_eq!(give(4, 301, 500), (0, 0));
    assert_eq!(give(4, 300, 500), (3, 300));
    assert_eq!(give(100, 1, 101), (2, 200));
    assert_eq!(kept(&tree), 4);
    let restore = |n: usize| {
        let (path, none) = (document("/n/a"), WriteCondition::None);
        now(tree.restore(&alice(), &path, &versions[n], &none, None))
    };
    assert!(matches!(restore(4), Err(TreeError::NotFound)));
    restore(5).unwrap();
    assert_eq!(get(&tree, "/n/a").unwrap(), [5; 100]);
    assert_eq!(get(&tree, "/n/other").unwrap(), [b'x'; 1_000]);
    assert_eq!(give(100, 0, 0), (0, 0));
    assert_eq!(give(100, 0, u64::MAX), (5, 500));
    assert_eq!(
        (kept(&tree), get(&tree, "/n/a").unwrap()),
        (0, vec![5; 100])
    );
}
