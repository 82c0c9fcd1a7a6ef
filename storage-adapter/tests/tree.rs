//! The effects of single requests to the tree.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

mod support;

use storage_adapter::{
    ByteRange, Change, DocumentRead, FolderRead, GetOptions, ObjectStore, Options, PutMode,
    TreeError, Version, WriteCondition,
};
use support::requests::{delete, get, list, listed, names, now, put, put_if, tree};
use support::{alice, body, collect, document, folder};

#[test]
fn documents_are_written_read_and_deleted() {
    let tree = tree();
    assert_eq!(get(&tree, "/notes/a"), None);
    let first = put_if(&tree, "/notes/a", b"one", WriteCondition::None, None).unwrap();
    assert!(first.created);
    assert_eq!(get(&tree, "/notes/a").as_deref(), Some(&b"one"[..]));
    let again = put_if(&tree, "/notes/a", b"one", WriteCondition::None, None).unwrap();
    assert!(!again.created && again.version != first.version);
    assert_eq!(delete(&tree, "/notes/a").unwrap(), again.version);
    assert!(matches!(
        delete(&tree, "/notes/a"),
        Err(TreeError::NotFound)
    ));
    assert_eq!(get(&tree, "/notes/a"), None);
    let third = put(&tree, "/notes/a", b"one");
    assert!(third != first.version && third != again.version);
}

#[test]
fn every_folder_above_changes_and_no_other() {
    let tree = tree();
    for path in [
        "/notes/a/b/c",
        "/notes/a/x",
        "/notes/side/y",
        "/other/z",
        "/public/notes/p",
    ] {
        put(&tree, path, b"1");
    }
    let folders = [
        "/",
        "/notes/",
        "/notes/a/",
        "/notes/a/b/",
        "/notes/side/",
        "/other/",
        "/public/",
        "/public/notes/",
    ];
    let versions = || folders.map(|path| list(&tree, path).version.clone());
    let changed = |before: &[Version; 8]| -> Vec<&str> {
        let after = versions();
        let pairs = folders.iter().zip(before.iter().zip(&after));
        pairs
            .filter(|(_, (before, after))| before != after)
            .map(|(path, _)| *path)
            .collect()
    };
    let before = versions();
    put(&tree, "/notes/a/b/c", b"1");
    assert_eq!(
        changed(&before),
        ["/", "/notes/", "/notes/a/", "/notes/a/b/"]
    );
    let before = versions();
    put(&tree, "/public/notes/q", b"1");
    assert_eq!(changed(&before), ["/", "/public/", "/public/notes/"]);
    let before = versions();
    delete(&tree, "/notes/a/x").unwrap();
    assert_eq!(changed(&before), ["/", "/notes/", "/notes/a/"]);
    assert!(delete(&tree, "/notes/a/none").is_err());
    assert_eq!(changed(&versions()), [""; 0]);
    for (parent, name) in [
        ("/", "notes"),
        ("/", "public"),
        ("/public/", "notes"),
        ("/notes/", "a"),
        ("/notes/a/", "b"),
    ] {
        let own = list(&tree, &format!("{parent}{name}/")).version.clone();
        assert_eq!(listed(&tree, parent, name), Some(own), "{parent}{name}/");
    }
}

#[test]
fn emptied_folders_disappear_and_their_versions_never_return() {
    let tree = tree();
    let empty = list(&tree, "/notes/").version.clone();
    assert_eq!(list(&tree, "/").version, empty);
    put(&tree, "/notes/a/b/c", b"1");
    put(&tree, "/notes/x", b"1");
    let with = list(&tree, "/notes/").version.clone();
    delete(&tree, "/notes/a/b/c").unwrap();
    assert_eq!(names(&tree, "/notes/"), ["x"]);
    assert_eq!(list(&tree, "/notes/a/").version, empty);
    delete(&tree, "/notes/x").unwrap();
    assert_eq!(names(&tree, "/"), [""; 0]);
    assert_eq!(
        (
            list(&tree, "/notes/").version.clone(),
            list(&tree, "/").version.clone()
        ),
        (empty.clone(), empty)
    );
    put(&tree, "/notes/a/b/c", b"1");
    put(&tree, "/notes/x", b"1");
    assert_ne!(list(&tree, "/notes/").version, with);
}

#[test]
fn a_document_and_a_folder_never_have_one_name() {
    let tree = tree();
    put(&tree, "/notes/a", b"1");
    put(&tree, "/notes/d/e/f", b"1");
    put(&tree, "/top", b"1");
    put(&tree, "/public/top", b"1");
    for path in [
        "/notes/a/b",
        "/notes/a/b/c",
        "/notes/d",
        "/notes/d/e",
        "/notes",
        "/top/x",
        "/public/top/x",
        "/public",
    ] {
        let result = put_if(&tree, path, b"2", WriteCondition::None, None);
        assert!(
            matches!(result, Err(TreeError::Conflict(_))),
            "{path}: {result:?}"
        );
    }
    assert_eq!(names(&tree, "/"), ["notes/", "public/", "top"]);
    assert_eq!(names(&tree, "/public/"), ["top"]);
    assert_eq!(names(&tree, "/top/"), [""; 0]);
    delete(&tree, "/top").unwrap();
    put(&tree, "/top/x", b"1");
    assert_eq!(names(&tree, "/"), ["notes/", "public/", "top/"]);
    assert_eq!(get(&tree, "/notes/d"), None);
    assert_eq!(get(&tree, "/notes/a/b"), None);
}

#[test]
fn conditions_are_decided() {
    let tree = tree();
    let check = |path: &str, condition: WriteCondition| put_if(&tree, path, b"x", condition, None);
    let gone = Version("gone".to_owned());
    for condition in [
        WriteCondition::IfExists,
        WriteCondition::IfMatch(vec![gone.clone()]),
    ] {
        assert!(matches!(
            check("/n/a", condition),
            Err(TreeError::Precondition { current: None })
        ));
    }
    let first = check("/n/a", WriteCondition::IfAbsent).unwrap().version;
    for condition in [
        WriteCondition::IfAbsent,
        WriteCondition::IfMatch(vec![gone.clone()]),
    ] {
        match check("/n/a", condition) {
            Err(TreeError::Precondition { current }) => assert_eq!(current, Some(first.clone())),
            other => panic!("{other:?}"),
        }
    }
    let second = check("/n/a", WriteCondition::IfMatch(vec![gone.clone(), first]))
        .unwrap()
        .version;
    check("/n/a", WriteCondition::IfExists).unwrap();
    let stale = now(tree.delete(
        &alice(),
        &document("/n/a"),
        &WriteCondition::IfMatch(vec![second]),
    ));
    assert!(matches!(
        stale,
        Err(TreeError::Precondition { current: Some(_) })
    ));
    let missing = now(tree.delete(
        &alice(),
        &document("/n/b"),
        &WriteCondition::IfMatch(vec![gone]),
    ));
    assert!(matches!(
        missing,
        Err(TreeError::Precondition { current: None })
    ));
    let stored = tree
        .store()
        .keys()
        .iter()
        .filter(|key| key.contains("/data/"))
        .count();
    assert_eq!(stored, 3, "refused writes leave no bytes behind");
}

#[test]
fn ranges_and_not_modified() {
    let tree = tree();
    let version = put(&tree, "/n/a", b"0123456789");
    for (range, expected) in [
        (ByteRange::From(7), Some(&b"789"[..])),
        (ByteRange::FromTo(0, 0), Some(b"0")),
        (ByteRange::FromTo(8, 99), Some(b"89")),
        (ByteRange::Last(3), Some(b"789")),
        (ByteRange::Last(99), Some(b"0123456789")),
        (ByteRange::From(10), None),
        (ByteRange::FromTo(5, 4), None),
        (ByteRange::Last(0), None),
        (ByteRange::FromTo(0, u64::MAX), Some(b"0123456789")),
    ] {
        match (
            now(tree.read_document(&alice(), &document("/n/a"), &[], Some(range))),
            expected,
        ) {
            (Ok(DocumentRead::Found { body, .. }), Some(expected)) => {
                assert_eq!(now(collect(body)), expected)
            }
            (Err(TreeError::Range { length: 10 }), None) => {}
            (other, _) => panic!("{range:?}: {:?}", other.err()),
        }
    }
    let known = [Version("x".into()), version.clone()];
    let read = now(tree.read_document(&alice(), &document("/n/a"), &known, None));
    assert!(matches!(read, Ok(DocumentRead::NotModified(current)) if current == version));
    let own = list(&tree, "/n/").version.clone();
    let read = now(tree.read_folder(&alice(), &folder("/n/"), std::slice::from_ref(&own)));
    assert!(matches!(read, Ok(FolderRead::NotModified(current)) if current == own));
}

#[test]
fn a_commit_happens_wholly_or_not_at_all() {
    let tree = tree();
    put(&tree, "/n/old", b"1");
    let change = |path: &str, condition| Change::Put {
        path: document(path),
        content_type: "text/plain".into(),
        body: b"2"[..].into(),
        condition,
    };
    let remove = Change::Delete {
        path: document("/n/old"),
        condition: WriteCondition::None,
    };
    let failing = vec![
        change("/n/a/b", WriteCondition::None),
        remove.clone(),
        change("/n/c", WriteCondition::IfExists),
    ];
    let before = list(&tree, "/n/").version.clone();
    assert!(matches!(
        now(tree.commit(&alice(), failing, None)),
        Err(TreeError::Precondition { .. })
    ));
    assert_eq!(
        (names(&tree, "/n/"), list(&tree, "/n/").version.clone()),
        (vec!["old".to_owned()], before)
    );
    let working = vec![
        change("/n/a/b", WriteCondition::None),
        remove,
        change("/n/c", WriteCondition::IfAbsent),
    ];
    tree.store().take_requests();
    let written = now(tree.commit(&alice(), working, None)).unwrap();
    assert_eq!(
        tree.store().take_requests().put,
        3,
        "two bodies and one head"
    );
    assert_eq!(
        written.iter().map(|one| one.created).collect::<Vec<_>>(),
        [true, false, true]
    );
    assert_eq!(names(&tree, "/n/"), ["a/", "c"]);
    let apart = vec![
        change("/n/a", WriteCondition::None),
        change("/m/a", WriteCondition::None),
    ];
    assert!(matches!(
        now(tree.commit(&alice(), apart, None)),
        Err(TreeError::Conflict(_))
    ));
    assert_eq!(now(tree.commit(&alice(), vec![], None)).unwrap(), []);
}

#[test]
fn the_quota_counts_all_modules() {
    let tree = tree();
    let put = |path: &str, length: usize| {
        put_if(
            &tree,
            path,
            &vec![0; length],
            WriteCondition::None,
            Some(100),
        )
    };
    put("/a/x", 40).unwrap();
    put("/b/x", 40).unwrap();
    assert!(matches!(
        put("/c/x", 21),
        Err(TreeError::Quota {
            limit: 100,
            used: 80
        })
    ));
    put("/c/x", 20).unwrap();
    assert!(matches!(
        put("/a/y", 1),
        Err(TreeError::Quota {
            limit: 100,
            used: 100
        })
    ));
    put("/a/y", 0).unwrap();
    put("/a/x", 10).unwrap();
    assert!(put("/b/x", 71).is_err());
    put("/b/x", 70).unwrap();
    delete(&tree, "/b/x").unwrap();
    put("/public/d/x", 70).unwrap();
    assert!(put("/top", 1).is_err());
    assert!(put("/a/large", 101).is_err());
    // A lower quota refuses growth only.
    let lower = |path: &str, length: usize| {
        put_if(
            &tree,
            path,
            &vec![0; length],
            WriteCondition::None,
            Some(50),
        )
    };
    assert!(matches!(
        lower("/a/z", 1),
        Err(TreeError::Quota {
            limit: 50,
            used: 100
        })
    ));
    lower("/c/x", 20).unwrap();
    // A higher one permits it.
    put_if(&tree, "/a/z", &[0; 100], WriteCondition::None, Some(200)).unwrap();
    assert!(put_if(&tree, "/e/z", &[0; 1], WriteCondition::None, Some(200)).is_err());
}

#[test]
fn superseded_documents_are_listed_restored_and_swept() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let tree = tree();
    let first = put(&tree, "/n/a", b"one");
    let slot = Options::default().slot_millis;
    tree.host().advance(slot);
    put(&tree, "/n/a", b"two");
    tree.host().advance(DAY);
    put(&tree, "/n/a", b"three");
    let superseded = |path: &str| now(tree.list_superseded(&alice(), &folder(path))).unwrap();
    assert_eq!(superseded("/n/").len(), 2);
    assert_eq!(superseded("/n/")[0].info.version, first);
    assert_eq!(superseded("/n/a/").len(), 0);
    let none = WriteCondition::None;
    tree.host().advance(slot);
    let restored = now(tree.restore(&alice(), &document("/n/a"), &first, &none, None)).unwrap();
    assert_ne!(restored.version, first);
    assert_eq!(get(&tree, "/n/a").as_deref(), Some(&b"one"[..]));
    tree.host().advance(slot);
    delete(&tree, "/n/a").unwrap();
    assert_eq!(superseded("/").len(), 4);
    assert_eq!(
        now(tree.sweep(&alice(), storage_adapter::Host::now(tree.host())))
            .unwrap()
            .expired,
        0
    );
    tree.host().advance(29 * DAY + 1);
    let report = now(tree.sweep(&alice(), storage_adapter::Host::now(tree.host()))).unwrap();
    assert_eq!((report.expired, report.orphans), (1, 0));
    assert_eq!(superseded("/").len(), 3);
    tree.host().advance(2 * DAY);
    assert_eq!(
        now(tree.sweep(&alice(), storage_adapter::Host::now(tree.host())))
            .unwrap()
            .expired,
        3
    );
    assert!(!tree.store().keys().iter().any(|key| key.contains("/data/")));
    let gone = now(tree.restore(&alice(), &document("/n/a"), &first, &none, None));
    assert!(matches!(gone, Err(TreeError::NotFound)));
}

#[test]
fn bytes_of_writes_that_broke_off_are_swept_after_the_grace_time() {
    let tree = tree();
    let version = put(&tree, "/n/a", b"one");
    let orphan = format!("accounts/alice/data/n/b@{}", version.0);
    now(tree.store().put(&orphan, body(b"x"), PutMode::Overwrite)).unwrap();
    assert_eq!(
        now(tree.sweep(&alice(), storage_adapter::Host::now(tree.host())))
            .unwrap()
            .orphans,
        0
    );
    tree.host().advance(Options::default().grace_millis + 1);
    assert_eq!(
        now(tree.sweep(&alice(), storage_adapter::Host::now(tree.host())))
            .unwrap()
            .orphans,
        1
    );
    assert_eq!(get(&tree, "/n/a").as_deref(), Some(&b"one"[..]));
}

#[test]
fn many_overwrites_stay_listed_and_the_head_stays_small() {
    let mut options = Options::default();
    options.slot_millis = 0;
    let (store, host) = (
        storage_adapter::memory::MemoryStore::new(),
        support::TestHost::new(1),
    );
    let tree = storage_adapter::Storage::with_options(
        std::sync::Arc::new(store),
        std::sync::Arc::new(host),
        options,
    );
    for path in ["/n/a", "/top"] {
        for n in 0..300_u32 {
            put(&tree, path, &n.to_le_bytes());
        }
    }
    let count = |path: &str| {
        now(tree.list_superseded(&alice(), &folder(path)))
            .unwrap()
            .len()
    };
    assert_eq!((count("/n/"), count("/")), (299, 598));
    let head = now(tree
        .store()
        .get("accounts/alice/index/n", GetOptions::default()))
    .unwrap();
    assert!(head.length < 64 << 10, "{}", head.length);
    assert_eq!(names(&tree, "/"), ["n/", "top"]);
    delete(&tree, "/top").unwrap();
    assert_eq!(names(&tree, "/"), ["n/"]);
}

#[test]
fn newer_and_damaged_heads_are_refused() {
    let tree = tree();
    for (content, part) in [
        (&br#"{"format":3,"pages":{}}"#[..], "is in format 3"),
        (b"nonsense", "is damaged"),
        (br#"{"format":1}"#, "is damaged"),
    ] {
        now(tree
            .store()
            .put("accounts/alice/index/n", body(content), PutMode::Overwrite))
        .unwrap();
        let read = now(tree.read_folder(&alice(), &folder("/n/"), &[]));
        assert!(
            matches!(&read, Err(TreeError::Format(text)) if text.contains(part)),
            "{read:?}"
        );
        let written = put_if(&tree, "/n/a", b"x", WriteCondition::None, None);
        assert!(
            matches!(&written, Err(TreeError::Format(text)) if text.contains(part)),
            "{written:?}"
        );
    }
}
