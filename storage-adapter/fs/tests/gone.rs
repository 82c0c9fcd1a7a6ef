//! A folder that disappears while in use is not an empty store.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

use std::fs;
use std::path::Path;

use storage_adapter::{ETag, GetOptions, ObjectStore, PutMode, StoreError, contract};
use storage_fs::FsStore;

const KEY: &str = "accounts/alice/account.json";

fn is_gone<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    let Err(StoreError::Unavailable(words)) = answer else {
        panic!("{answer:?}");
    };
    assert!(words.contains("is gone"), "{words}");
}

/// No object is reported missing, and nothing is created in its place.
async fn says_that_it_is_gone(store: &FsStore) {
    is_gone(store.get(KEY, GetOptions::default()).await.map(|_| ()));
    let other = store.get("other", GetOptions::default()).await;
    is_gone(other.map(|_| ()));
    let options = GetOptions {
        if_none_match: Some(ETag("known".to_owned())),
        ..GetOptions::default()
    };
    is_gone(store.get(KEY, options).await.map(|_| ()));
    is_gone(store.list("", None).await);
    is_gone(store.list("accounts/bob/", None).await);
    for key in [KEY, "never/looked/at"] {
        is_gone(store.delete(key).await);
    }
    is_gone(store.delete_many(&[KEY.to_owned()]).await);
    for mode in [PutMode::New, PutMode::IfAbsent, PutMode::Overwrite] {
        is_gone(store.put("new/key", contract::body(&[b"1"]), mode).await);
    }
}

/// The object exists, and what never existed does not.
async fn is_as_before(store: &FsStore) {
    let found = store.get(KEY, GetOptions::default()).await.unwrap();
    let options = GetOptions {
        if_none_match: Some(found.etag),
        ..GetOptions::default()
    };
    let again = store.get(KEY, options).await;
    assert_eq!(again.map(|_| ()).unwrap_err(), StoreError::NotModified);
    let other = store.get("other", GetOptions::default()).await;
    assert_eq!(other.map(|_| ()).unwrap_err(), StoreError::NotFound);
    let listed = store.list("", None).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    let none = store.list("accounts/bob/", None).await.unwrap();
    assert!(none.is_empty(), "{none:?}");
    store.delete("other").await.unwrap();
}

async fn goes_away_and_comes_back(leaves: fn(&Path)) {
    let around = tempfile::tempdir().unwrap();
    let (folder, away) = (around.path().join("data"), around.path().join("away"));
    let store = FsStore::open(&folder).unwrap();
    let body = contract::body(&[b"her account"]);
    store.put(KEY, body, PutMode::IfAbsent).await.unwrap();
    is_as_before(&store).await;
    fs::rename(&folder, &away).unwrap();
    leaves(&folder);
    let left = folder.exists();
    says_that_it_is_gone(&store).await;
    assert_eq!(folder.exists(), left, "a store is made where there is none");
    if left {
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir(&folder).unwrap();
    }
    fs::rename(&away, &folder).unwrap();
    is_as_before(&store).await;
}

#[tokio::test]
async fn a_folder_that_is_moved_away_is_unavailable_until_it_is_back() {
    goes_away_and_comes_back(|_| {}).await;
}

#[tokio::test]
async fn so_is_one_of_which_only_the_mount_point_is_left() {
    goes_away_and_comes_back(|folder| fs::create_dir(folder).unwrap()).await;
}

#[tokio::test]
async fn another_store_in_its_place_is_not_taken_for_it() {
    let around = tempfile::tempdir().unwrap();
    let (folder, away) = (around.path().join("data"), around.path().join("away"));
    let store = FsStore::open(&folder).unwrap();
    let body = contract::body(&[b"her account"]);
    store.put(KEY, body, PutMode::IfAbsent).await.unwrap();
    fs::rename(&folder, &away).unwrap();
    FsStore::open(&folder).unwrap();
    let Err(StoreError::Unavailable(words)) = store.get(KEY, GetOptions::default()).await else {
        panic!("it is taken for the store");
    };
    assert!(words.contains("is another store"), "{words}");
    let put = store.put("new/key", contract::body(&[b"1"]), PutMode::New);
    assert!(matches!(put.await, Err(StoreError::Unavailable(_))));
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    is_as_before(&store).await;
    // A copy from a backup is the same store.
    let marker = folder.join(".subspace/format");
    let text = fs::read(&marker).unwrap();
    fs::remove_file(&marker).unwrap();
    is_gone(store.get("other", GetOptions::default()).await.map(|_| ()));
    fs::write(&marker, text).unwrap();
    is_as_before(&store).await;
}

#[test]
fn a_store_that_has_to_exist_is_not_created() {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("data");
    let refused = |path: &Path| FsStore::existing(path).unwrap_err().to_string();
    assert!(refused(&folder).contains("there is no store in"));
    assert!(!folder.exists());
    // The mount point of a disk that is not mounted.
    fs::create_dir(&folder).unwrap();
    assert!(refused(&folder).contains("there is no store in"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    FsStore::open(&folder).unwrap();
    FsStore::existing(&folder).unwrap();
}
