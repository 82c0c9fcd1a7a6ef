//! What is particular to files: processes, leftovers, versions, what `ls` shows.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use storage_adapter::{BodyError, ByteStream, GetOptions, ObjectStore, PutMode, StoreError};
use storage_fs::{FsError, FsStore};

fn body(text: &str) -> ByteStream {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    Box::pin(stream::once(std::future::ready(Ok(bytes))))
}

async fn read(store: &FsStore, key: &str) -> Result<String, StoreError> {
    let mut object = store.get(key, GetOptions::default()).await?;
    let mut text = Vec::new();
    while let Some(piece) = object.body.next().await {
        text.extend_from_slice(&piece?);
    }
    Ok(String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn ls_shows_documents_under_their_names() {
    let temp = tempfile::tempdir().unwrap();
    let store = FsStore::open(temp.path()).unwrap();
    store
        .put(
            "accounts/alice/data/notes/a b.txt@1",
            body("hello"),
            PutMode::IfAbsent,
        )
        .await
        .unwrap();
    let file = temp
        .path()
        .join("objects/accounts/alice/data/notes/a b.txt@1");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "hello");
    assert_eq!(
        std::fs::read_dir(temp.path().join("tmp")).unwrap().count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_folder_lose_no_swap() {
    let temp = tempfile::tempdir().unwrap();
    FsStore::open(temp.path())
        .unwrap()
        .put("n", body("0"), PutMode::IfAbsent)
        .await
        .unwrap();
    let mut tasks = Vec::new();
    for _ in 0..4 {
        // Opened anew each, as another process would: only the lock files are shared.
        let store = FsStore::open(temp.path()).unwrap();
        tasks.push(tokio::spawn(async move {
            let mut done = 0;
            while done < 25 {
                let object = store.get("n", GetOptions::default()).await.unwrap();
                let number: u32 = read(&store, "n").await.unwrap().parse().unwrap();
                match store
                    .put(
                        "n",
                        body(&(number + 1).to_string()),
                        PutMode::IfMatch(object.etag),
                    )
                    .await
                {
                    Ok(_) => done += 1,
                    Err(StoreError::Precondition) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let store = FsStore::open(temp.path()).unwrap();
    assert_eq!(read(&store, "n").await.unwrap(), "100");
}

#[tokio::test]
async fn versions_never_repeat() {
    let temp = tempfile::tempdir().unwrap();
    let store = FsStore::open(temp.path()).unwrap();
    let mut seen = HashSet::new();
    for round in 0..200 {
        assert!(
            seen.insert(
                store
                    .put("same", body("same"), PutMode::Overwrite)
                    .await
                    .unwrap()
            )
        );
        if round % 5 == 0 {
            store.delete("same").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let store = FsStore::open(temp.path()).unwrap();
    let piece = Ok(Bytes::from(vec![1; 300_000]));
    let broken: ByteStream = Box::pin(stream::iter([piece, Err(BodyError::Broken("gone".into()))]));
    let failed = store.put("a/b", broken, PutMode::Overwrite).await;
    assert!(matches!(failed, Err(StoreError::Body(_))));
    assert_eq!(read(&store, "a/b").await, Err(StoreError::NotFound));
    assert_eq!(
        std::fs::read_dir(temp.path().join("tmp")).unwrap().count(),
        0
    );
}

#[tokio::test]
async fn large_bodies_come_in_pieces_and_ranges() {
    let temp = tempfile::tempdir().unwrap();
    let store = FsStore::open(temp.path()).unwrap();
    let text: String = (0..200_000)
        .map(|n| char::from(b'a' + (n % 26) as u8))
        .collect();
    store
        .put("big", body(&text), PutMode::Overwrite)
        .await
        .unwrap();
    assert_eq!(read(&store, "big").await.unwrap(), text);
    let options = GetOptions {
        range: Some(199_990..999_999),
        ..GetOptions::default()
    };
    let mut object = store.get("big", options).await.unwrap();
    assert_eq!(object.length, 200_000);
    let last = object.body.next().await.unwrap().unwrap();
    assert_eq!(last, text.as_bytes()[199_990..]);
}

#[tokio::test]
async fn a_newer_folder_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    FsStore::open(temp.path()).unwrap();
    std::fs::write(temp.path().join("version"), "2\n").unwrap();
    let error = FsStore::open(temp.path()).unwrap_err();
    assert!(matches!(error, FsError::Version { .. }));
    assert!(error.to_string().contains("format version \"2\""));
}

#[tokio::test]
async fn keys_that_would_leave_the_folder_are_denied() {
    let temp = tempfile::tempdir().unwrap();
    let store = FsStore::open(temp.path()).unwrap();
    for key in ["../x", "a/../../x", "/etc/x", "", "a//b", "a\0b"] {
        let put = store.put(key, body("x"), PutMode::Overwrite).await;
        assert!(matches!(put, Err(StoreError::Denied(_))), "{key:?}");
    }
}
