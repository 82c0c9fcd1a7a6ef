//! Single requests to a tree over a store that responds at once.

use std::sync::Arc;

use futures_util::FutureExt;
use storage_adapter::memory::MemoryStore;
use storage_adapter::{
    DocumentRead, Folder, FolderRead, Item, Storage, TreeError, Version, WriteCondition, Written,
};

use super::{TestHost, alice, body, collect, document, folder};

pub type Tree = Storage<MemoryStore, TestHost>;

pub fn tree() -> Tree {
    Storage::new(Arc::new(MemoryStore::new()), Arc::new(TestHost::new(1)))
}

pub fn now<T>(future: impl Future<Output = T>) -> T {
    future
        .now_or_never()
        .expect("a store without delays answers at once")
}

pub fn put_if(
    tree: &Tree,
    path: &str,
    bytes: &[u8],
    condition: WriteCondition,
    quota: Option<u64>,
) -> Result<Written, TreeError> {
    now(tree.put(
        &alice(),
        &document(path),
        "text/plain",
        body(bytes),
        &condition,
        quota,
    ))
}

pub fn put(tree: &Tree, path: &str, bytes: &[u8]) -> Version {
    put_if(tree, path, bytes, WriteCondition::None, None)
        .unwrap()
        .version
}

pub fn delete(tree: &Tree, path: &str) -> Result<Version, TreeError> {
    now(tree.delete(&alice(), &document(path), &WriteCondition::None))
}

pub fn get(tree: &Tree, path: &str) -> Option<Vec<u8>> {
    match now(tree.read_document(&alice(), &document(path), &[], None)) {
        Ok(DocumentRead::Found { body, info, .. }) => {
            let bytes = now(collect(body));
            assert_eq!(info.length, bytes.len() as u64);
            Some(bytes)
        }
        Err(TreeError::NotFound) => None,
        other => panic!("{path}: {:?}", other.err()),
    }
}

pub fn list(tree: &Tree, path: &str) -> Arc<Folder> {
    match now(tree.read_folder(&alice(), &folder(path), &[])).unwrap() {
        FolderRead::Found(folder) => folder,
        FolderRead::NotModified(_) => panic!("{path}: no condition was given"),
    }
}

pub fn names(tree: &Tree, path: &str) -> Vec<String> {
    let name = |(name, item): (&String, &Item)| match item {
        Item::Document(_) => name.clone(),
        Item::Folder(_) => format!("{name}/"),
    };
    list(tree, path).items.iter().map(name).collect()
}

/// The version of a folder as its parent lists it.
pub fn listed(tree: &Tree, parent: &str, name: &str) -> Option<Version> {
    match list(tree, parent).items.get(name)? {
        Item::Folder(version) => Some(version.clone()),
        Item::Document(info) => Some(info.version.clone()),
    }
}
