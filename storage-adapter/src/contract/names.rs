//! Names: every well-formed key is a separate object, and is listed unchanged.

use std::collections::BTreeMap;

use super::{bytes, put};
use crate::store::{Entry, ObjectStore, PutMode};

/// Names that some store could confuse: with each other, with its own, or with something else.
#[must_use]
pub fn awkward_names() -> Vec<String> {
    let long = "n".repeat(255);
    let longer = "n".repeat(300);
    let longer_still = format!("{}/x", "n".repeat(700));
    let accents = "ä€😀".repeat(40);
    let names = [
        "a",
        "A",
        "a/b",
        "a/B",
        "a/b/c",
        "a@",
        "a@@",
        "a@/b",
        "a@x",
        "a@x/b",
        "a%",
        "a%40",
        "a%40/b",
        "a%2F",
        "%",
        "%25",
        "%~",
        "%~/x",
        "a b",
        " a",
        "a ",
        ".a",
        "..a",
        "...",
        "a.",
        "a.json",
        "a.json/b",
        "a.json@",
        "b.tmp",
        "b~",
        ".subspace",
        ".subspace/format",
        ".subspace/tmp/x",
        "%2esubspace",
        "tmp",
        "tmp/x",
        "locks/0",
        "format",
        "é",
        "e\u{301}",
        "ß",
        "ss",
        "İ",
        "i",
        "\u{1}",
        "\n",
        "a\\b",
        "a:b",
        "CON",
        "nul",
        "*",
        "?",
        "\"",
        "a!",
        "a!/b",
        "a0",
        "a-b",
        "\u{10ffff}",
        "\u{feff}",
        "-rf",
        "~",
        "$HOME",
        "😀/😀",
        &long,
        &longer,
        &longer_still,
        &accents,
    ];
    names.map(str::to_owned).into()
}

/// Every well-formed key is a separate object, and is listed unchanged.
///
/// # Panics
/// If the store breaks the contract.
pub async fn names<S: ObjectStore>(store: &S, prefix: &str) {
    these_names(store, prefix, &awkward_names()).await;
}

/// The same for some of the names, for a server that is known to confuse others.
///
/// # Panics
/// If the store breaks the contract.
pub async fn these_names<S: ObjectStore>(store: &S, prefix: &str, keys: &[String]) {
    let mut expected = BTreeMap::new();
    for (n, key) in keys.iter().enumerate() {
        let key = format!("{prefix}/{key}");
        let content = n.to_string();
        let etag = put(store, &key, content.as_bytes(), PutMode::IfAbsent).await;
        let etag = etag.unwrap_or_else(|error| panic!("{key:?}: {error}"));
        assert_eq!(expected.insert(key, (content, etag)).map(|_| ()), None);
    }
    for (key, (content, _)) in &expected {
        assert_eq!(
            bytes(store, key).await.as_deref(),
            Some(content.as_bytes()),
            "{key:?}"
        );
    }
    let listed = store.list(&format!("{prefix}/"), None).await.unwrap();
    let wanted: Vec<Entry> = expected
        .iter()
        .map(|(key, (content, etag))| {
            let (key, etag, length) = (key.clone(), etag.clone(), content.len() as u64);
            Entry { key, etag, length }
        })
        .collect();
    assert_eq!(listed, wanted);
    for after in expected.keys() {
        let rest = store
            .list(&format!("{prefix}/"), Some(after))
            .await
            .unwrap();
        let rest: Vec<&String> = rest.iter().map(|entry| &entry.key).collect();
        let wanted: Vec<&String> = expected.keys().filter(|key| *key > after).collect();
        assert_eq!(rest, wanted, "after {after:?}");
    }
    for key in expected.keys() {
        store.delete(key).await.unwrap();
        assert_eq!(bytes(store, key).await, None, "{key:?}");
    }
    assert_eq!(store.list(&format!("{prefix}/"), None).await.unwrap(), []);
}
