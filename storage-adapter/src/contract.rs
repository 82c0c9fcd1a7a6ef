//! The contract of every [`ObjectStore`], as functions called by its tests: each panics with the violation. They use
//! keys below `prefix` and leave objects there.
//!
//! They need no runtime of their own; concurrency means futures that are polled together, so a store that blocks the
//! thread or uses its own runtime has to fulfil the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing contract panics: it is only called by tests"
)]

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

mod names;

pub use names::{awkward_names, names, these_names};

use crate::store::{
    BodyError, ByteStream, ETag, Entry, GetOptions, ObjectStore, PutMode, StoreError, Versions,
};

/// The whole contract.
///
/// # Panics
/// If the store breaks the contract.
pub async fn run_all<S: ObjectStore>(store: Arc<S>, prefix: &str) {
    let store = &*store;
    put_get_delete(store, &format!("{prefix}/basic")).await;
    new_keys(store, &format!("{prefix}/new/folder")).await;
    ranges(store, &format!("{prefix}/ranges")).await;
    conditional_reads(store, &format!("{prefix}/reads")).await;
    conditional_writes(store, &format!("{prefix}/writes")).await;
    races(store, &format!("{prefix}/races")).await;
    bodies(store, &format!("{prefix}/bodies")).await;
    names(store, &format!("{prefix}/names")).await;
    malformed_keys(store).await;
    deletes_many(store, &format!("{prefix}/many")).await;
    listing(store, &format!("{prefix}/listing")).await;
    long_listing(store, &format!("{prefix}/long")).await;
}

/// A body in these pieces.
pub fn body(chunks: &[&[u8]]) -> ByteStream {
    let chunks: Vec<_> = chunks
        .iter()
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    Box::pin(stream::iter(chunks))
}

async fn put<S: ObjectStore>(
    store: &S,
    key: &str,
    bytes: &[u8],
    mode: PutMode,
) -> Result<ETag, StoreError> {
    store.put(key, body(&[bytes]), mode).await
}

async fn read<S: ObjectStore>(
    store: &S,
    key: &str,
    options: GetOptions,
) -> Result<(ETag, u64, Vec<u8>), StoreError> {
    let mut object = store.get(key, options).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = object.body.next().await {
        let chunk = chunk.expect("a body that was opened can be read");
        assert!(!chunk.is_empty(), "{key}: an empty chunk says nothing");
        bytes.extend_from_slice(&chunk);
    }
    Ok((object.etag, object.length, bytes))
}

async fn bytes<S: ObjectStore>(store: &S, key: &str) -> Option<Vec<u8>> {
    match read(store, key, GetOptions::default()).await {
        Ok((_, length, bytes)) => {
            assert_eq!(
                length,
                bytes.len() as u64,
                "{key}: the length is that of the bytes"
            );
            Some(bytes)
        }
        Err(StoreError::NotFound) => None,
        Err(error) => panic!("{key}: {error}"),
    }
}

/// Objects can be written, read, replaced and deleted, and every change is visible at once.
///
/// # Panics
/// If the store breaks the contract.
pub async fn put_get_delete<S: ObjectStore>(store: &S, prefix: &str) {
    let key = format!("{prefix}/a");
    assert_eq!(bytes(store, &key).await, None);
    let first = put(store, &key, b"one", PutMode::Overwrite).await.unwrap();
    assert_eq!(bytes(store, &key).await.as_deref(), Some(&b"one"[..]));
    let second = put(store, &key, b"one", PutMode::Overwrite).await.unwrap();
    assert_eq!(
        first == second,
        store.versions() == Versions::Content,
        "whether the same bytes make another version is what the store says"
    );
    let (etag, length, _) = read(store, &key, GetOptions::default()).await.unwrap();
    assert_eq!(
        (etag, length),
        (second.clone(), 3),
        "the version written is the version read"
    );
    let listed = store.list(&key, None).await.unwrap();
    assert_eq!(
        listed,
        [Entry {
            key: key.clone(),
            etag: second.clone(),
            length: 3
        }]
    );
    store.delete(&key).await.unwrap();
    assert_eq!(bytes(store, &key).await, None);
    assert_eq!(store.list(&key, None).await.unwrap(), []);
    store
        .delete(&key)
        .await
        .expect("deleting what is not there is no error");
    let third = put(store, &key, b"one", PutMode::IfAbsent).await.unwrap();
    assert!(
        (third != first && third != second) || store.versions() == Versions::Content,
        "a deletion does not bring versions back"
    );
    let other = put(store, &key, b"two", PutMode::Overwrite).await.unwrap();
    assert_ne!(third, other, "other bytes are another version");
    let empty = format!("{prefix}/empty");
    put(store, &empty, b"", PutMode::Overwrite).await.unwrap();
    assert_eq!(bytes(store, &empty).await.as_deref(), Some(&b""[..]));
}

/// Objects under newly generated keys.
///
/// # Panics
/// If the store breaks the contract.
pub async fn new_keys<S: ObjectStore>(store: &S, prefix: &str) {
    let chunk = [7; 100_000];
    for (key, pieces) in [("a@1", vec![&b"one"[..]]), ("b@1", vec![&chunk[..]; 9])] {
        let key = format!("{prefix}/{key}");
        let first = store.put(&key, body(&pieces), PutMode::New).await.unwrap();
        let found = read(store, &key, GetOptions::default()).await.unwrap();
        assert_eq!((found.0, found.2), (first.clone(), pieces.concat()));
        assert_eq!(store.list(&key, None).await.unwrap()[0].etag, first);
        let next = put(store, &key, &chunk, PutMode::IfMatch(first.clone())).await;
        assert_ne!(next.unwrap(), first);
    }
}

/// Ranges are clamped to the object.
///
/// # Panics
/// If the store breaks the contract.
pub async fn ranges<S: ObjectStore>(store: &S, prefix: &str) {
    let key = format!("{prefix}/a");
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    put(store, &key, &content, PutMode::Overwrite)
        .await
        .unwrap();
    for range in [
        0..1,
        5..10,
        0..300_000,
        299_999..300_000,
        65_530..131_100,
        100..u64::MAX,
        300_000..300_001,
        7..7,
        u64::MAX - 1..u64::MAX,
    ] {
        let options = GetOptions {
            range: Some(range.clone()),
            ..GetOptions::default()
        };
        let (_, length, part) = read(store, &key, options).await.unwrap();
        assert_eq!(length, 300_000, "the length is the whole object's");
        let end = range.end.min(300_000) as usize;
        let start = (range.start.min(300_000) as usize).min(end);
        assert!(
            part == content[start..end],
            "{range:?}: {} bytes",
            part.len()
        );
    }
}

/// `if_none_match`.
///
/// # Panics
/// If the store breaks the contract.
pub async fn conditional_reads<S: ObjectStore>(store: &S, prefix: &str) {
    let key = format!("{prefix}/a");
    let read_unless = |etag: &ETag| {
        let options = GetOptions {
            if_none_match: Some(etag.clone()),
            range: None,
        };
        async { read(store, &key, options).await.map(|(_, _, bytes)| bytes) }
    };
    let nothing = ETag("nothing".to_owned());
    assert_eq!(read_unless(&nothing).await, Err(StoreError::NotFound));
    let first = put(store, &key, b"one", PutMode::Overwrite).await.unwrap();
    assert_eq!(read_unless(&first).await, Err(StoreError::NotModified));
    assert_eq!(read_unless(&nothing).await.as_deref(), Ok(&b"one"[..]));
    put(store, &key, b"two", PutMode::Overwrite).await.unwrap();
    assert_eq!(read_unless(&first).await.as_deref(), Ok(&b"two"[..]));
}

/// `IfAbsent` and `IfMatch`.
///
/// # Panics
/// If the store breaks the contract.
pub async fn conditional_writes<S: ObjectStore>(store: &S, prefix: &str) {
    let key = format!("{prefix}/a");
    let refused = |result: Result<ETag, StoreError>| {
        matches!(result, Err(StoreError::Precondition | StoreError::NotFound))
    };
    let nothing = ETag("nothing".to_owned());
    assert!(refused(
        put(store, &key, b"0", PutMode::IfMatch(nothing.clone())).await
    ));
    assert_eq!(
        bytes(store, &key).await,
        None,
        "a refused write leaves nothing"
    );
    let first = put(store, &key, b"1", PutMode::IfAbsent).await.unwrap();
    let taken = put(store, &key, b"2", PutMode::IfAbsent).await;
    assert_eq!(taken, Err(StoreError::Precondition));
    assert!(refused(
        put(store, &key, b"2", PutMode::IfMatch(nothing)).await
    ));
    assert_eq!(bytes(store, &key).await.as_deref(), Some(&b"1"[..]));
    let second = put(store, &key, b"2", PutMode::IfMatch(first.clone()))
        .await
        .unwrap();
    assert!(refused(
        put(store, &key, b"3", PutMode::IfMatch(first.clone())).await
    ));
    // The same bytes still make another version, unless versions are digests.
    let again: &[u8] = match store.versions() {
        Versions::EveryWrite => b"1",
        Versions::Content => b"11",
    };
    let third = put(store, &key, again, PutMode::IfMatch(second))
        .await
        .unwrap();
    assert!(refused(
        put(store, &key, b"3", PutMode::IfMatch(first)).await
    ));
    store.delete(&key).await.unwrap();
    assert!(refused(
        put(store, &key, b"3", PutMode::IfMatch(third)).await
    ));
    assert_eq!(bytes(store, &key).await, None);
    put(store, &key, b"4", PutMode::IfAbsent).await.unwrap();
}

/// Of many concurrent attempts exactly one succeeds, each time.
///
/// # Panics
/// If the store breaks the contract.
pub async fn races<S: ObjectStore>(store: &S, prefix: &str) {
    const WRITERS: usize = 16;
    const ROUNDS: usize = 10;
    let key = format!("{prefix}/a");
    let race = |round: usize, mode: PutMode| {
        let write = |n: usize| {
            let (key, mode) = (&key, mode.clone());
            async move {
                put(store, key, &[round as u8, n as u8], mode)
                    .await
                    .map(|etag| (n, etag))
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(write).collect();
        async {
            let results = join_all(writers).await;
            let mut won = results.iter().filter_map(|result| result.as_ref().ok());
            let winner = won.next().expect("one wins").clone();
            assert_eq!(won.next(), None, "only one wins");
            for error in results.iter().filter_map(|result| result.as_ref().err()) {
                assert_eq!(error, &StoreError::Precondition);
            }
            winner
        }
    };
    let mut winner = race(0, PutMode::IfAbsent).await;
    for round in 1..=ROUNDS {
        let (etag, _, bytes) = read(store, &key, GetOptions::default()).await.unwrap();
        let written = vec![round as u8 - 1, winner.0 as u8];
        assert_eq!((etag.clone(), bytes), (winner.1, written));
        winner = race(round, PutMode::IfMatch(etag)).await;
    }
    let counter = format!("{prefix}/counter");
    put(store, &counter, b"0", PutMode::IfAbsent).await.unwrap();
    let add = || async {
        for _ in 0..ROUNDS {
            loop {
                let (etag, _, bytes) = read(store, &counter, GetOptions::default()).await.unwrap();
                let number: u64 = String::from_utf8(bytes).unwrap().parse().unwrap();
                let next = (number + 1).to_string();
                match put(store, &counter, next.as_bytes(), PutMode::IfMatch(etag)).await {
                    Ok(_) => break,
                    Err(StoreError::Precondition) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    join_all((0..4).map(|_| add())).await;
    let expected = (4 * ROUNDS).to_string();
    assert_eq!(
        bytes(store, &counter).await,
        Some(expected.into_bytes()),
        "no addition is lost"
    );
}

/// Bodies of unknown length, large ones, and those that break off.
///
/// # Panics
/// If the store breaks the contract.
pub async fn bodies<S: ObjectStore>(store: &S, prefix: &str) {
    let key = format!("{prefix}/large");
    let chunk = Bytes::from((0..70_001_u32).map(|n| (n % 253) as u8).collect::<Vec<_>>());
    let chunks = vec![Ok(chunk.clone()); 100];
    store
        .put(&key, Box::pin(stream::iter(chunks)), PutMode::Overwrite)
        .await
        .unwrap();
    let object = store.get(&key, GetOptions::default()).await.unwrap();
    let (mut length, mut largest, mut body_left) = (0, 0, object.body);
    while let Some(part) = body_left.next().await {
        let part = part.unwrap();
        assert!(
            part.iter()
                .enumerate()
                .all(|(at, &byte)| byte == chunk[(length + at) % chunk.len()])
        );
        largest = largest.max(part.len());
        length += part.len();
    }
    assert_eq!((length as u64, object.length), (7_000_100, 7_000_100));
    let with_gaps = format!("{prefix}/gaps");
    store
        .put(&with_gaps, body(&[b"a", b"", b"b"]), PutMode::Overwrite)
        .await
        .unwrap();
    assert_eq!(bytes(store, &with_gaps).await.as_deref(), Some(&b"ab"[..]));
    let broken = || BodyError::Broken("gone".to_owned());
    for before in [
        vec![],
        vec![Ok(Bytes::from_static(b"x"))],
        vec![Ok(chunk.clone()); 20],
    ] {
        let key = format!("{prefix}/broken");
        let breaking = || -> ByteStream {
            let chunks = before.clone().into_iter().chain([Err(broken())]);
            Box::pin(stream::iter(chunks.collect::<Vec<_>>()))
        };
        let result = store.put(&key, breaking(), PutMode::Overwrite).await;
        assert_eq!(result, Err(StoreError::Body(broken())));
        assert_eq!(
            bytes(store, &key).await,
            None,
            "a body that breaks off leaves nothing"
        );
        put(store, &key, b"before", PutMode::Overwrite)
            .await
            .unwrap();
        let result = store.put(&key, breaking(), PutMode::Overwrite).await;
        assert_eq!(result, Err(StoreError::Body(broken())));
        assert_eq!(bytes(store, &key).await.as_deref(), Some(&b"before"[..]));
        store.delete(&key).await.unwrap();
    }
    let listed = store.list(&format!("{prefix}/"), None).await.unwrap();
    assert_eq!(
        listed.len(),
        2,
        "nothing is left of what broke off: {listed:?}"
    );
}

/// Malformed keys are refused, whatever they would lead to.
///
/// # Panics
/// If the store breaks the contract.
pub async fn malformed_keys<S: ObjectStore>(store: &S) {
    for key in [
        "", "/", "/etc/x", "a//b", "a/", "..", "../x", "a/../b", "a/./b", "a/..", "a\0b",
    ] {
        let refused = |error: &StoreError| matches!(error, StoreError::Refused(_));
        let written = put(store, key, b"x", PutMode::Overwrite).await;
        assert!(written.as_ref().is_err_and(refused), "{key:?}: {written:?}");
        let read = store.get(key, GetOptions::default()).await;
        assert!(read.as_ref().is_err_and(refused), "{key:?}: {read:?}");
        let deleted = store.delete(key).await;
        assert!(deleted.as_ref().is_err_and(refused), "{key:?}: {deleted:?}");
    }
}

/// Exactly the named objects; odd names too, and more than S3 accepts in one request.
///
/// # Panics
/// If the store breaks the contract.
pub async fn deletes_many<S: ObjectStore>(store: &S, prefix: &str) {
    let key = |name: &str| format!("{prefix}/{name}");
    let there = ["a", "a&b<c>", "ä", "a b", "a%2Fb"];
    for name in there.iter().chain(&["stays", "b"]) {
        put(store, &key(name), b"x", PutMode::Overwrite)
            .await
            .unwrap();
    }
    let absent = (0..1_000).map(|n| key(&format!("absent/{n}")));
    let mut keys: Vec<String> = there.iter().map(|name| key(name)).collect();
    keys.extend(absent);
    keys.push(key("b"));
    store.delete_many(&keys).await.unwrap();
    let left = store.list(&key(""), None).await.unwrap();
    let left: Vec<&str> = left.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(left, [key("stays")]);
    store.delete_many(&[]).await.unwrap();
}

/// Prefixes need not end at a slash.
///
/// # Panics
/// If the store breaks the contract.
pub async fn listing<S: ObjectStore>(store: &S, prefix: &str) {
    let keys = ["a", "a/b", "a/c", "ab", "ab/c", "b/a/a", "b/a/b", "b/b"];
    for key in keys {
        put(store, &format!("{prefix}/{key}"), b"x", PutMode::Overwrite)
            .await
            .unwrap();
    }
    let list = |wanted: &str, after: Option<&str>| {
        let after = after.map(|after| format!("{prefix}/{after}"));
        let wanted = format!("{prefix}/{wanted}");
        async move {
            let listed = store.list(&wanted, after.as_deref()).await.unwrap();
            let short = listed
                .iter()
                .map(|entry| entry.key[prefix.len() + 1..].to_owned());
            short.collect::<Vec<_>>()
        }
    };
    assert_eq!(list("", None).await, keys);
    assert_eq!(list("a", None).await, ["a", "a/b", "a/c", "ab", "ab/c"]);
    assert_eq!(list("a/", None).await, ["a/b", "a/c"]);
    assert_eq!(list("b/a/b", None).await, ["b/a/b"]);
    assert_eq!(list("c", None).await, [""; 0]);
    assert_eq!(list("a/b/", None).await, [""; 0]);
    assert_eq!(
        list("", Some("a/b")).await,
        ["a/c", "ab", "ab/c", "b/a/a", "b/a/b", "b/b"]
    );
    assert_eq!(
        list("", Some("a0")).await,
        ["ab", "ab/c", "b/a/a", "b/a/b", "b/b"]
    );
    assert_eq!(list("a/", Some("a")).await, ["a/b", "a/c"]);
    assert_eq!(list("a/", Some("z")).await, [""; 0]);
    assert_eq!(list("b", Some("b/a/a/x")).await, ["b/a/b", "b/b"]);
}

/// More than 1,000 objects are listed in pages, in order.
///
/// # Panics
/// If the store breaks the contract.
pub async fn long_listing<S: ObjectStore>(store: &S, prefix: &str) {
    const COUNT: usize = 2100;
    let keys: Vec<String> = (0..COUNT)
        .map(|n| format!("{prefix}/{}/{n:05}", n % 3))
        .collect();
    let writes = keys
        .iter()
        .map(|key| put(store, key, b"x", PutMode::Overwrite));
    let mut writes = stream::iter(writes).buffer_unordered(64);
    while let Some(written) = writes.next().await {
        written.unwrap();
    }
    let mut sorted = keys.clone();
    sorted.sort();
    let (mut listed, mut pages) = (Vec::<String>::new(), Vec::new());
    loop {
        let page = store
            .list(&format!("{prefix}/"), listed.last().map(String::as_str))
            .await
            .unwrap();
        pages.push(page.len());
        listed.extend(page.into_iter().map(|entry| entry.key));
        if pages.last().is_none_or(|&length| length < 1000) {
            break;
        }
    }
    assert_eq!(pages, [1000, 1000, 100]);
    assert_eq!(listed, sorted);
}
