//! Large modules: indexes in pages, with pages so small that they are constantly divided and joined.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use storage_adapter::memory::{Faults, MemoryStore};
use storage_adapter::{
    Change, DocumentRead, GetOptions, Host, Item, ObjectStore, Options, Storage, TreeError,
    Version, WriteCondition,
};
use support::requests::{Tree, delete, get, list, now, put};
use support::{Random, TestHost, alice, collect, document, folder};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn paged(head: usize, page: usize) -> Options {
    let mut options = Options::default();
    (options.head_bytes, options.page_bytes) = (head, page);
    options
}

fn instance(store: &Arc<MemoryStore>, seed: u64, options: Options) -> Tree {
    Storage::with_options(Arc::clone(store), Arc::new(TestHost::new(seed)), options)
}

fn object(store: &MemoryStore, key: &str) -> String {
    let object = now(store.get(key, GetOptions::default())).unwrap();
    String::from_utf8(now(collect(object.body))).unwrap()
}

fn pages(store: &MemoryStore) -> Vec<String> {
    let keys = store.keys().into_iter();
    keys.filter(|key| key.contains("/pages/")).collect()
}

/// The documents as a simple map, and the folders' versions at the last check.
#[derive(Default)]
struct Simple {
    documents: BTreeMap<String, (Version, Vec<u8>)>,
}

impl Simple {
    fn clashes(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let under = self.documents.keys().any(|one| one.starts_with(&below));
        under
            || self
                .documents
                .keys()
                .any(|one| path.starts_with(&format!("{one}/")))
    }

    fn folders(&self) -> BTreeSet<String> {
        let paths = self.documents.keys();
        paths
            .flat_map(|path| {
                path.match_indices('/')
                    .skip(1)
                    .map(|(at, _)| path[..=at].to_owned())
            })
            .collect()
    }

    fn items(&self, folder: &str) -> BTreeMap<String, Option<Version>> {
        let below = self.documents.iter();
        below
            .filter_map(|(path, (version, _))| Some((path.strip_prefix(folder)?, version)))
            .map(|(rest, version)| match rest.split_once('/') {
                Some((name, _)) => (name.to_owned(), None),
                None => (rest.to_owned(), Some(version.clone())),
            })
            .collect()
    }

    /// Compares everything that can be read.
    fn check(&self, tree: &Tree, versions: &mut BTreeMap<String, Version>, changed: &[String]) {
        for (path, (_, bytes)) in &self.documents {
            assert_eq!(get(tree, path).as_ref(), Some(bytes), "{path}");
        }
        let folders = self.folders();
        let mut after = BTreeMap::new();
        for path in &folders {
            let found = list(tree, path);
            let mut items = BTreeMap::new();
            for (name, item) in &found.items {
                let version = match item {
                    Item::Document(info) => Some(info.version.clone()),
                    Item::Folder(version) => {
                        let below = list(tree, &format!("{path}{name}/"));
                        assert_eq!(below.version, *version, "{path}{name}/ as listed");
                        None
                    }
                };
                items.insert(name.clone(), version);
            }
            assert_eq!(items, self.items(path), "{path}");
            let touched = changed.iter().any(|one| one.starts_with(path.as_str()));
            if let Some(before) = versions.get(path) {
                assert_eq!(*before != found.version, touched, "the version of {path}");
            }
            after.insert(path.clone(), found.version.clone());
        }
        *versions = after;
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<String>),
    Delete(Vec<String>),
    /// Several at once.
    Many(Vec<(String, bool)>),
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => (0..40_u8).prop_map(|n| format!("d{n:02}")),
        1 => "[a-c]".prop_map(|name| name),
    ];
    prop::collection::vec(prop_oneof!["[a-c]", "[a-c]", "f"], 0..4)
        .prop_flat_map(move |folders| (Just(folders), name.clone()))
        .prop_map(|(folders, name)| {
            let mut path = "/m".to_owned();
            for folder in folders {
                path = format!("{path}/{folder}");
            }
            format!("{path}/{name}")
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prop::collection::vec(path(), 1..12).prop_map(Step::Put),
        2 => prop::collection::vec(path(), 1..12).prop_map(Step::Delete),
        1 => prop::collection::vec((path(), any::<bool>()), 2..20).prop_map(Step::Many),
    ];
    prop::collection::vec(step, 1..14)
}

fn write(tree: &Tree, simple: &mut Simple, path: &str, random: &mut Random) -> bool {
    let bytes = vec![random.next() as u8; random.below(5)];
    let result = now(tree.put(
        &alice(),
        &document(path),
        "text/plain",
        support::body(&bytes),
        &WriteCondition::None,
        None,
    ));
    match result {
        Ok(written) => {
            assert!(!simple.clashes(path), "{path}");
            let old = simple
                .documents
                .insert(path.to_owned(), (written.version, bytes));
            assert_eq!(written.created, old.is_none());
            true
        }
        Err(TreeError::Conflict(_)) => {
            assert!(simple.clashes(path), "{path}");
            false
        }
        Err(other) => panic!("{path}: {other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever is written and deleted, one by one or at once, from two instances in turn: reads, listings and counts
    /// agree with a simple map, and no object exceeds its limit, except those that cannot be divided.
    #[test]
    fn a_paged_module_is_a_map(steps in steps(), page in 150_usize..1500, seed: u64) {
        let store = Arc::new(MemoryStore::new());
        let options = paged(page / 2, page);
        let trees = [instance(&store, seed, options), instance(&store, !seed, options)];
        let mut random = Random(seed);
        let (mut simple, mut versions) = (Simple::default(), BTreeMap::new());
        for (turn, step) in steps.into_iter().enumerate() {
            let tree = &trees[turn % 2];
            let mut changed = Vec::new();
            match step {
                Step::Put(paths) => for path in paths {
                    if write(tree, &mut simple, &path, &mut random) {
                        changed.push(path);
                    }
                },
                Step::Delete(paths) => for path in paths {
                    let known = simple.documents.remove(&path);
                    let deleted = delete(tree, &path);
                    prop_assert_eq!(deleted.as_ref().ok(), known.as_ref().map(|(version, _)| version));
                    if deleted.is_ok() {
                        changed.push(path);
                    }
                },
                Step::Many(all) => {
                    let changes: Vec<Change> = all.iter().map(|(path, put)| match put {
                        true => Change::Put {
                            path: document(path),
                            content_type: "t".to_owned(),
                            body: path.clone().into(),
                            condition: WriteCondition::None,
                        },
                        false => Change::Delete { path: document(path), condition: WriteCondition::None },
                    }).collect();
                    let before = simple.documents.clone();
                    let mut fits = true;
                    for (path, put) in &all {
                        fits = fits && match put {
                            true if simple.clashes(path) => false,
                            true => {
                                let version = Version(String::new());
                                let bytes = path.clone().into_bytes();
                                simple.documents.insert(path.clone(), (version, bytes));
                                true
                            }
                            false => simple.documents.remove(path).is_some(),
                        };
                    }
                    match now(tree.commit(&alice(), changes, None)) {
                        Ok(written) => {
                            prop_assert!(fits);
                            for ((path, put), written) in all.iter().zip(written) {
                                if let Some(document) = simple.documents.get_mut(path).filter(|_| *put) {
                                    document.0 = written.version;
                                }
                                changed.push(path.clone());
                            }
                        }
                        Err(TreeError::Conflict(_) | TreeError::NotFound) => {
                            prop_assert!(!fits);
                            simple.documents = before;
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
            }
            // Emptied folders and the like are forgotten.
            simple.check(tree, &mut versions, &changed);
        }
        let used: u64 = simple.documents.values().map(|(_, bytes)| bytes.len() as u64).sum();
        if used > 0 {
            let head = object(&store, "accounts/alice/index/m");
            let counted = format!("\"bytes\":{used},");
            prop_assert!(head.contains(&counted), "{counted} {head}");
        }
        for page_key in pages(&store) {
            let length = object(&store, &page_key).len();
            prop_assert!(length <= page + 600, "{page_key} has {length} bytes");
        }
        // Unneeded objects are swept; everything needed stays.
        let later = trees[0].host().now().plus_millis(2 * DAY);
        now(trees[0].sweep(&alice(), later)).unwrap();
        let cold = instance(&store, 99, options);
        simple.check(&cold, &mut versions, &[]);
        let live = pages(&store).len();
        let report = now(cold.sweep(&alice(), later)).unwrap();
        prop_assert_eq!((report.pages, pages(&store).len()), (0, live));
    }
}

/// An index written by an older version is divided by the first commit, and an index that became small is one object
/// again that older versions can read.
#[test]
fn old_heads_become_paged_and_small_ones_are_old_again() {
    let store = Arc::new(MemoryStore::new());
    let old = instance(&store, 1, paged(usize::MAX, 4096));
    for n in 0..300 {
        put(&old, &format!("/m/{n:03}"), b"x");
        put(&old, &format!("/m/f{}/g/{n:03}", n % 10), b"x");
    }
    let head = || object(&store, "accounts/alice/index/m");
    assert!(head().starts_with("{\"format\":1,") && head().len() > 60_000);
    assert!(pages(&store).is_empty());
    let before = list(&old, "/m/f1/").version.clone();
    let tree = instance(&store, 2, paged(8192, 4096));
    assert_eq!(list(&tree, "/m/").items.len(), 310);
    put(&tree, "/m/150", b"new");
    assert!(head().starts_with("{\"format\":2,"), "{}", head());
    // It contains the superseded document, too.
    assert!(head().len() < 6000, "{}", head().len());
    let longest = pages(&store)
        .iter()
        .map(|key| object(&store, key).len())
        .max();
    assert!(
        pages(&store).len() > 15 && longest < Some(5000),
        "{longest:?}"
    );
    for other in [&tree, &old, &instance(&store, 3, Options::default())] {
        assert_eq!(list(other, "/m/").items.len(), 310);
        assert_eq!(
            list(other, "/m/f1/").version,
            before,
            "nothing changed there"
        );
        assert_eq!(list(other, "/m/f1/g/").items.len(), 30);
        assert_eq!(get(other, "/m/150").as_deref(), Some(&b"new"[..]));
        assert_eq!(get(other, "/m/f7/g/107").as_deref(), Some(&b"x"[..]));
    }
    for n in 0..300 {
        delete(&tree, &format!("/m/{n:03}")).unwrap();
        if n > 3 {
            delete(&tree, &format!("/m/f{}/g/{n:03}", n % 10)).unwrap();
        }
    }
    assert!(head().starts_with("{\"format\":1,"), "{}", head());
    assert_eq!(list(&old, "/m/").items.len(), 4);
}

/// A reader or writer has the head and is about to read its pages; then there is a commit, and everything no longer
/// needed is swept.
#[test]
fn pages_may_be_swept_while_somebody_reads_or_writes() {
    let mut swept = 0;
    for at in 0..60 {
        let store = Arc::new(MemoryStore::new());
        let options = paged(100, 400);
        let writer = instance(&store, 1, options);
        for n in 0..30 {
            put(&writer, &format!("/m/f/{n:02}"), b"old");
        }
        store.set_faults(Faults {
            delay: 2,
            seed: at,
            ..Faults::default()
        });
        let reader = instance(&store, 2, options);
        let (account, there) = (alice(), document("/m/f/07"));
        let mut read = pin!(async {
            match reader.read_document(&account, &there, &[], None).await {
                Ok(DocumentRead::Found { body, .. }) => collect(body).await,
                other => panic!("{:?}", other.err()),
            }
        });
        let other = document("/m/f/08");
        let condition = WriteCondition::None;
        let also = instance(&store, 3, options);
        let mut write = pin!(also.put(
            &account,
            &other,
            "t",
            support::body(b"also"),
            &condition,
            None
        ));
        let mut context = Context::from_waker(Waker::noop());
        let (mut was_read, mut was_written) = (None, None);
        let mut poll = |times: usize| {
            for _ in 0..times {
                if was_read.is_none()
                    && let Poll::Ready(bytes) = read.as_mut().poll(&mut context)
                {
                    was_read = Some(bytes);
                }
                if was_written.is_none()
                    && let Poll::Ready(result) = write.as_mut().poll(&mut context)
                {
                    was_written = Some(result);
                }
            }
            (was_read.clone(), was_written.clone())
        };
        poll(at as usize);
        store.set_faults(Faults::default());
        put(&writer, "/m/f/07", b"new");
        let later = writer.host().now().plus_millis(1);
        // The replaced page is old; what is being written is new.
        let mut short = options;
        short.grace_millis = 0;
        let sweeper = instance(&store, 4, short);
        let keys = pages(&store).len();
        swept += now(sweeper.sweep(&alice(), later)).map_or(0, |_| keys - pages(&store).len());
        let (read, written) = poll(1000);
        let read = read.expect("the reader has an answer");
        assert!(read == b"old" || read == b"new", "{at}");
        // Bytes that were not referenced yet are swept with a grace period of zero; everything else is intact.
        written.expect("the writer has an answer").unwrap();
        assert_eq!(get(&writer, "/m/f/07").as_deref(), Some(&b"new"[..]));
        assert_eq!(list(&writer, "/m/f/").items.len(), 30);
    }
    assert!(swept > 60, "{swept}");
}

#[test]
fn a_missing_or_damaged_page_is_named() {
    let store = Arc::new(MemoryStore::new());
    let options = paged(100, 400);
    let tree = instance(&store, 1, options);
    for n in 0..30 {
        put(&tree, &format!("/m/{n:02}"), b"x");
    }
    now(tree.sweep(&alice(), tree.host().now().plus_millis(2 * DAY))).unwrap();
    for key in pages(&store) {
        now(store.delete(&key)).unwrap();
    }
    let cold = instance(&store, 2, options);
    let path = document("/m/07");
    let read = now(cold.document_info(&alice(), &path)).unwrap_err();
    let wrote = support::requests::put_if(&cold, "/m/07", b"y", WriteCondition::None, None);
    let listed = now(cold.read_folder(&alice(), &folder("/m/"), &[])).unwrap_err();
    for error in [read, wrote.unwrap_err(), listed] {
        let text = error.to_string();
        assert!(
            text.contains("accounts/alice/pages/m/") && text.contains("missing"),
            "{text}"
        );
    }
}
