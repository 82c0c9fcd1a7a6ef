//! The file store fulfils the contract, also between processes, and refuses unknown formats.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

use std::sync::Arc;

use storage_adapter::{ObjectStore, PutMode, StoreError, contract};
use storage_fs::{FsError, FsStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FsStore::open(folder.path()).unwrap());
    contract::run_all(store, "contract").await;
    let left = std::fs::read_dir(folder.path().join(".subspace/tmp"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "no temporary files are left over");
}

/// Two stores over one folder share no memory, like two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_are_atomic_between_stores() {
    let folder = tempfile::tempdir().unwrap();
    let stores: Vec<_> = (0..4)
        .map(|_| FsStore::open(folder.path()).unwrap())
        .collect();
    let mut version = stores[0]
        .put("a/b", contract::body(&[b"0"]), PutMode::IfAbsent)
        .await
        .unwrap();
    for _ in 0..50 {
        let racers: Vec<_> = stores
            .iter()
            .cycle()
            .take(12)
            .map(|store| {
                let (store, mode) = (store.clone(), PutMode::IfMatch(version.clone()));
                tokio::spawn(async move { store.put("a/b", contract::body(&[b"1"]), mode).await })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racers {
            match racer.await.unwrap() {
                Ok(version) => winners.push(version),
                Err(error) => assert_eq!(error, StoreError::Precondition),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_ne!(winners[0], version);
        version = winners.remove(0);
    }
}

#[test]
fn folders_of_newer_versions_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    FsStore::open(folder.path()).unwrap();
    FsStore::open(folder.path()).expect("a folder can be opened again");
    let marker = folder.path().join(".subspace/format");
    std::fs::write(&marker, "subspace-fs 2\nnames exact\n").unwrap();
    let error = FsStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, FsError::Newer { found: 2, .. }), "{error}");
    std::fs::write(&marker, "").unwrap();
    assert!(matches!(
        FsStore::open(folder.path()),
        Err(FsError::Damaged { .. })
    ));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(FsStore::open(&file), Err(FsError::Io { .. })));
}

#[tokio::test]
async fn documents_are_found_with_ls() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    let key = "accounts/alice/data/notes/Shopping list.txt@01hf7yat3v";
    store
        .put(key, contract::body(&[b"milk"]), PutMode::Overwrite)
        .await
        .unwrap();
    assert_eq!(std::fs::read(folder.path().join(key)).unwrap(), b"milk");
    // Foreign files in the folder are not objects.
    std::fs::write(folder.path().join("accounts/alice/data/.DS_Store"), "x").unwrap();
    std::fs::write(folder.path().join("accounts/alice/data/notes/100%@x"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("accounts/link@x")).unwrap();
    let listed = store.list("", None).await.unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|entry| entry.key.as_str())
            .collect::<Vec<_>>(),
        [key]
    );
    let link = store
        .get("accounts/link@x", storage_adapter::GetOptions::default())
        .await;
    assert_eq!(link.unwrap_err(), StoreError::NotFound);
}

#[tokio::test]
async fn versions_never_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    let mut seen = std::collections::HashSet::new();
    for round in 0..200 {
        let put = store.put("same", contract::body(&[b"same"]), PutMode::Overwrite);
        assert!(seen.insert(put.await.unwrap()));
        if round % 5 == 0 {
            store.delete("same").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_document_whose_name_cannot_be_made_durable_is_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    // More than is written at once.
    let piece = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    let below = folder.path().join("a");
    let last = piece.clone();
    let goes = futures_util::stream::once(async move {
        assert!(below.is_dir(), "it is begun in its place");
        std::fs::remove_dir_all(below).unwrap();
        Ok(last)
    });
    let pieces = futures_util::stream::once(std::future::ready(Ok(piece)));
    let body = Box::pin(futures_util::StreamExt::chain(pieces, goes));
    let put = store.put("a/1", body, PutMode::New).await;
    assert!(matches!(put, Err(StoreError::Unavailable(_))), "{put:?}");
}

#[tokio::test]
async fn of_many_that_are_deleted_one_that_cannot_be_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    for key in ["a/1", "b/2"] {
        let put = store.put(key, contract::body(&[b"x"]), PutMode::New);
        put.await.unwrap();
    }
    let keys = ["a/1", "a/../1", "none", "b/2"].map(str::to_owned);
    let deleted = store.delete_many(&keys).await;
    assert!(
        matches!(deleted, Err(StoreError::Refused(_))),
        "{deleted:?}"
    );
    assert_eq!(store.list("", None).await.unwrap(), []);
}

async fn put(store: &FsStore, key: &str) {
    let body = contract::body(&[b"1"]);
    store.put(key, body, PutMode::Overwrite).await.unwrap();
}

#[tokio::test]
async fn folders_that_are_empty_are_removed_where_nothing_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    let long = "n".repeat(400);
    let keys = ["a/b/c/d", "a@b/x.json/k", &format!("a/{long}/z")];
    for key in keys {
        put(&store, key).await;
    }
    put(&store, "a/kept").await;
    put(&store, "other/k").await;
    for key in keys.into_iter().chain(["other/k"]) {
        store.delete(key).await.unwrap();
    }
    assert_eq!(store.remove_empty_folders("a/b/").await, Ok(2));
    assert_eq!(store.remove_empty_folders("a/b/").await, Ok(0));
    // A name that is too long is two folders.
    assert_eq!(store.remove_empty_folders("a/").await, Ok(2));
    assert_eq!(store.remove_empty_folders("a@b/").await, Ok(2));
    assert!(store.remove_empty_folders("../").await.is_err());
    let listed = store.list("", None).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(folder.path().join("other").is_dir(), "it was not meant");
    // Each is made again, by this process and another.
    let second = FsStore::open(folder.path()).unwrap();
    put(&second, "a/b/c/d").await;
    put(&store, "a/b/c/e").await;
    assert_eq!(store.list("a/b/", None).await.unwrap().len(), 2);
}

/// Growth: whatever is created and deleted in its own folder leaves nothing.
#[tokio::test]
async fn empty_folders_do_not_grow_in_number() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(elsewhere.path().join("empty")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
    for n in 0..100 {
        let key = format!("a/{n}/b/k");
        put(&store, &key).await;
        store.delete(&key).await.unwrap();
    }
    assert_eq!(store.tidy(DAY).await, Ok(0), "they may be used again");
    let age = |path: &str| {
        let opened = std::fs::File::open(folder.path().join(path)).unwrap();
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 24 * 60 * 60);
        opened.set_modified(time).unwrap();
    };
    for n in 0..100 {
        age(&format!("a/{n}/b"));
    }
    assert_eq!(store.tidy(DAY).await, Ok(100));
    assert_eq!(store.tidy(0).await, Ok(101), "and then those above");
    assert!(elsewhere.path().join("empty").is_dir());
    assert!(folder.path().join(".subspace/tmp").is_dir());
    put(&store, "a/0/b/k").await;
    assert_eq!(store.list("", None).await.unwrap().len(), 1);
}
