//! An account's tree copied to another store: identical in every version, whatever is interrupted in the meantime.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests may fail")]

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use storage_adapter::memory::{Faults, MemoryStore};
use storage_adapter::{
    AnyStore, DocumentRead, FolderRead, GetOptions, ObjectStore, Options, PutMode, Storage,
    StoreError, TreeError, WriteCondition,
};
use support::requests::now;
use support::{Random, TestHost, alice, body, collect, document, folder};

type Tree = Storage<AnyStore, TestHost>;

fn tree(store: &Arc<MemoryStore>, seed: u64) -> Tree {
    let mut options = Options::default();
    // So small that even the index of a few documents has pages.
    (options.head_bytes, options.page_bytes) = (4096, 2048);
    let any = AnyStore::new(Arc::clone(store));
    Storage::with_options(Arc::new(any), Arc::new(TestHost::new(seed)), options)
}

/// Writes, overwrites and deletes at random; fails only because of injected faults.
async fn fill(tree: &Tree, random: &mut Random, writes: usize) {
    for n in 0..writes {
        let module = ["m", "n", "public/p", "r"][random.below(4)];
        let path = match random.below(4) {
            0 => format!("/{module}/deep/er/{}", random.below(40)),
            _ => format!("/{module}/{}", random.below(60)),
        };
        let path = document(&path);
        if random.below(5) == 0 {
            let _may_be_missing = tree.delete(&alice(), &path, &WriteCondition::None).await;
        } else {
            let bytes = vec![n as u8; random.below(3000)];
            let quota = (random.below(2) == 0).then_some(10 << 20);
            tree.put(
                &alice(),
                &path,
                "text/plain",
                body(&bytes),
                &WriteCondition::None,
                quota,
            )
            .await
            .unwrap();
        }
    }
    tree.put(
        &alice(),
        &document("/single"),
        "a/b",
        body(b"1"),
        &WriteCondition::None,
        None,
    )
    .await
    .unwrap();
}

/// Everything that can be read: folders with their versions, documents with their bytes.
async fn everything(tree: &Tree) -> Vec<String> {
    let mut all = Vec::new();
    let mut waiting = vec!["/".to_owned()];
    while let Some(path) = waiting.pop() {
        let read = tree
            .read_folder(&alice(), &folder(&path), &[])
            .await
            .unwrap();
        let FolderRead::Found(found) = read else {
            panic!("nothing was asked about")
        };
        all.push(format!("{path} {found:?}"));
        for (name, item) in &found.items {
            let below = format!("{path}{name}");
            if matches!(item, storage_adapter::Item::Folder(_)) {
                waiting.push(format!("{below}/"));
                continue;
            }
            let read = tree
                .read_document(&alice(), &document(&below), &[], None)
                .await;
            let Ok(DocumentRead::Found { info, body, .. }) = read else {
                panic!("{below} is listed")
            };
            all.push(format!("{below} {info:?} {:?}", collect(body).await));
        }
    }
    all
}

async fn copy_all(from: &Tree, to: &Tree) -> Result<(), TreeError> {
    let mut after = None;
    loop {
        let missing = from.missing_in(&alice(), to, after.as_deref()).await?;
        for entry in &missing.entries {
            from.copy_object(to, &entry.key).await?;
        }
        after = missing.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn relocate(from: &Tree, to: &Tree) -> Result<(), TreeError> {
    copy_all(from, to).await?;
    from.fence(&alice(), "01mark").await?;
    loop {
        copy_all(from, to).await?;
        if from.copy_heads(&alice(), to, "01mark").await? {
            break;
        }
    }
    from.compare(&alice(), to).await.map(drop)
}

/// Polls a future this many times; returns its result, or `None` if it is dropped before.
fn drive<T>(future: impl Future<Output = T>, steps: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..steps).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A copying process is stopped at random points, repeatedly, over stores that fail; at the end both trees read the
    /// same, in every version.
    #[test]
    fn a_moved_account_reads_identically(seed in any::<u64>(), writes in 1_usize..120) {
        let (old, new) = (Arc::new(MemoryStore::new().with_digests()), Arc::new(MemoryStore::new()));
        let mut random = Random(seed);
        now(fill(&tree(&old, seed), &mut random, writes));
        let before = now(everything(&tree(&old, 2)));
        let faults = |seed| Faults { seed, refuse: 3, lose_reply: 3, delay: 2, break_off: 0 };
        let mut rounds = 0;
        loop {
            old.set_faults(faults(random.next()));
            new.set_faults(faults(random.next()));
            let (from, to) = (tree(&old, random.next()), tree(&new, random.next()));
            let steps = 200 + random.below(400) * (1 + rounds);
            rounds += 1;
            prop_assert!(rounds < 500, "it never ends");
            match drive(relocate(&from, &to), steps) {
                Some(Ok(())) => break,
                Some(Err(TreeError::Store(_) | TreeError::Busy)) | None => {}
                Some(Err(error)) => prop_assert!(false, "{error}"),
            }
        }
        old.set_faults(Faults::default());
        new.set_faults(Faults::default());
        prop_assert_eq!(&now(everything(&tree(&old, 3))), &before);
        prop_assert_eq!(&now(everything(&tree(&new, 4))), &before);
        // Overwritten versions can still be restored there.
        let root = folder("/");
        let kept = |tree: &Tree| now(tree.list_superseded(&alice(), &root)).unwrap();
        prop_assert_eq!(kept(&tree(&old, 5)), kept(&tree(&new, 6)));
    }
}

#[test]
fn a_swap_that_was_on_its_way_fails() {
    let store = Arc::new(MemoryStore::new());
    let tree = tree(&store, 1);
    now(fill(&tree, &mut Random(3), 20));
    let before = now(everything(&tree));
    let head = |key| now(store.get(key, GetOptions::default())).unwrap().etag;
    let read = head("accounts/alice/index/m");
    now(tree.fence(&alice(), "01mark")).unwrap();
    let late = PutMode::IfMatch(read);
    let swap = now(store.put("accounts/alice/index/m", body(b"{}"), late));
    assert_eq!(swap, Err(StoreError::Precondition));
    assert_eq!(
        now(everything(&tree)),
        before,
        "the mark changes no version"
    );
    let marked = head("accounts/alice/index/m");
    now(tree.fence(&alice(), "01mark")).unwrap();
    assert_eq!(head("accounts/alice/index/m"), marked);
}

#[test]
fn a_head_that_is_created_after_the_others_are_marked_is_copied_with_a_mark() {
    let (old, new) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let (from, to) = (tree(&old, 1), tree(&new, 2));
    now(fill(&from, &mut Random(3), 20));
    now(from.fence(&alice(), "01mark")).unwrap();
    for path in ["/late/a", "/late-single", "/public/late/a"] {
        let (path, condition) = (document(path), WriteCondition::None);
        now(from.put(&alice(), &path, "a/b", body(b"1"), &condition, None)).unwrap();
    }
    now(copy_all(&from, &to)).unwrap();
    let before = now(everything(&from));
    assert!(!now(from.copy_heads(&alice(), &to, "01mark")).unwrap());
    assert!(
        !new.keys().iter().any(|key| key.contains("/index/")),
        "no head is there before all that they refer to"
    );
    assert!(now(from.copy_heads(&alice(), &to, "01mark")).unwrap());
    now(from.compare(&alice(), &to)).unwrap();
    assert_eq!(now(everything(&from)), before);
    assert_eq!(now(everything(&to)), before);
}

#[test]
fn what_differs_is_found() {
    let (old, new) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let (from, to) = (tree(&old, 1), tree(&new, 2));
    assert!(now(from.is_apart(&alice(), &to)).unwrap());
    assert!(!now(from.is_apart(&alice(), &tree(&old, 3))).unwrap());
    assert!(now(from.is_vacant(&alice())).unwrap());
    now(fill(&from, &mut Random(7), 50));
    assert!(!now(from.is_vacant(&alice())).unwrap());
    assert!(now(from.compare(&alice(), &to)).is_err());
    now(relocate(&from, &to)).unwrap();
    assert_eq!(
        now(from.used_bytes(&alice())).unwrap(),
        now(to.used_bytes(&alice())).unwrap()
    );
    let data = new
        .keys()
        .into_iter()
        .find(|key| key.contains("/data/single@"))
        .unwrap();
    now(new.delete(&data)).unwrap();
    let said = now(from.compare(&alice(), &to)).unwrap_err().to_string();
    assert!(said.contains("\"/single\" are missing"), "{said}");
    now(relocate(&from, &to)).unwrap();
    // A foreign object there is not overwritten.
    now(to.put(
        &alice(),
        &document("/m/z"),
        "a/b",
        body(b"1"),
        &WriteCondition::None,
        None,
    ))
    .unwrap();
    assert!(matches!(
        now(from.copy_heads(&alice(), &to, "01mark")),
        Err(TreeError::Conflict(_))
    ));
    now(to.remove_tree(&alice())).unwrap();
    assert!(now(to.is_vacant(&alice())).unwrap() && new.keys().is_empty());
}
